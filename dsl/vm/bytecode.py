"""Bytecode: a program as arrays of numbers, so that one compiled training loop executes every program.

Two register files. *Trees* are rows of float32 as long as the flat weights; *smalls* are rows with one float32 for
each leaf, and hold what is SCALAR (all entries equal) or LEAFWISE. Constants are the initial contents of smalls. A
small is written once, so that a machine may compute it early; the weights and the gradient never are.

The instructions are the functions that are applied number by number, and four of the machine's own, which the other
functions are made of: clip_by_global_norm(x, y) is x * min(1, quotient(y, sqrt(dot(x, x)))).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dsl.functions import FUNCTIONS, Rule
from dsl.program import Argument, Program
from dsl.types import LEAFWISE, SCALAR, TREE, Type

SPREAD = "spread"  # of a small, the tree in which each leaf has its number everywhere
NORM = "norm"  # of a tree, the small with the L2 norm of each leaf
DOT = "dot"  # of two trees, or of two smalls over the leaves, the sum of the products
QUOTIENT = "quotient"  # of two smalls, x / y without the 1e-8

_KINDS = {0: (), 1: ("s", "t"), 2: ("ss", "tt", "ts", "st"), 3: ("sss", "tts", "ttt")}  # by arity

# (instruction, operand kinds: s a small, t a tree) of each opcode; the opcode is the position. A small beside a tree is
# one number, its first.
OPCODES: tuple[tuple[str, str], ...] = (
    *((f.name, kinds) for f in FUNCTIONS.values() if f.rule is Rule.ELEMENTWISE for kinds in _KINDS[f.arity]),
    (SPREAD, "s"),
    (NORM, "t"),
    (DOT, "tt"),
    (DOT, "ss"),
    (QUOTIENT, "ss"),
)


def gives_tree(name: str, kinds: str) -> bool:
    """Whether the result of an instruction is a tree."""
    return name == SPREAD or ("t" in kinds and name not in (NORM, DOT))


_OPCODE = {pair: number for number, pair in enumerate(OPCODES)}

W, G, FIRST_STATE = 0, 1, 2  # rows of the tree file at the start of a step
LR = 0  # row of the small file
MACHINE_STATES = 2  # the most states a program of the search has; a machine for more is compiled when one is met


@dataclass(frozen=True)
class Capacity:
    """How large a program a compiled machine takes; a larger program is given a machine of twice the size.

    Attributes:
        instructions: length of the code.
        trees: rows of the tree file.
        smalls: rows of the small file.
        states: states of the program.
    """

    instructions: int = 64
    trees: int = 16
    smalls: int = 64
    states: int = MACHINE_STATES

    def grown_to(self, other: Capacity) -> Capacity:
        """The smallest doubling of this capacity that holds `other`."""

        def grow(size: int, needed: int) -> int:
            while size < needed:
                size *= 2
            return size

        return Capacity(
            grow(self.instructions, other.instructions),
            grow(self.trees, other.trees),
            grow(self.smalls, other.smalls),
            max(self.states, other.states),
        )


@dataclass(frozen=True)
class Code:
    """A program in bytecode.

    Attributes:
        instructions: opcode, target row and operand rows of each instruction.
        constants: row of the small file -> its contents when a step begins.
        outputs: rows of the tree file that hold the update and the new states.
        needed: the smallest capacity of a machine that executes it.
    """

    instructions: tuple[tuple[int, ...], ...]
    constants: dict[int, float]
    outputs: tuple[int, ...]
    needed: Capacity


def encode(program: Program) -> Code:
    """Compiles a program that `dsl.check` accepts into bytecode."""
    return _Encoder(program).code()


_Value = tuple[int, Type]  # the row that holds a value, and its type


class _Encoder:
    """One pass over the statements; a tree row is used again once its value is no longer read."""

    def __init__(self, program: Program):
        self.program = program
        self.instructions: list[tuple[int, ...]] = []
        self.constants: dict[float, int] = {}  # constant -> row of the small file
        self.states = max(len(program.states), MACHINE_STATES)
        self.values: dict[str, _Value] = {name: (row, TREE) for row, name in enumerate(program.inputs[:-1])}
        self.values[program.inputs[-1]] = (LR, SCALAR)
        self.trees = FIRST_STATE + self.states
        self.smalls = LR + 1
        self.free: list[int] = []

    def code(self) -> Code:
        expiring = _expiring(self.program)
        for statement, expired in zip(self.program.statements, expiring, strict=True):
            operands = [self._operand(a) for a in statement.arguments]
            rows = {self.values[name][0] for name in expired if self.values[name][1] is TREE} - {W, G}
            value = self._call(statement.function, operands)
            self.values[statement.target] = value
            self.free += sorted(rows - {value[0]} if value[1] is TREE else rows)
        outputs = tuple(self.values[name][0] for name in self.program.outputs)
        # one more row in each file takes what a machine has to put somewhere
        needed = Capacity(len(self.instructions), self.trees + 1, self.smalls + 1, self.states)
        constants = {row: constant for constant, row in self.constants.items()}
        return Code(tuple(self.instructions), constants, outputs, needed)

    def _operand(self, argument: Argument) -> _Value:
        return self.values[argument] if isinstance(argument, str) else (self._constant(argument), SCALAR)

    def _constant(self, value: float) -> int:
        if value not in self.constants:
            self.constants[value] = self._small()
        return self.constants[value]

    def _small(self) -> int:
        self.smalls += 1
        return self.smalls - 1

    def _tree(self) -> int:
        if self.free:
            return self.free.pop()
        self.trees += 1
        return self.trees - 1

    def _call(self, name: str, operands: list[_Value]) -> _Value:
        """Emits one call; returns the row and the type of its result."""
        function = FUNCTIONS[name]
        if not operands:
            return self._constant(float(np.float32(function.meaning()))), SCALAR
        reductions: dict[str, Callable[..., _Value]] = {
            "norm": self._norm,
            "global_norm": self._length,
            "dot": self._dot,
            "cosine_sim": self._cosine_sim,
            "clip_by_global_norm": self._clip,
        }
        return reductions[name](*operands) if name in reductions else self._elementwise(name, *operands)

    def _emit(self, name: str, type: Type, *operands: _Value) -> _Value:
        """One instruction that gives a row of this type."""
        kinds = "".join("t" if t is TREE else "s" for _, t in operands)
        target = self._tree() if type is TREE else self._small()
        self.instructions.append((_OPCODE[name, kinds], target, *(row for row, _ in operands)))
        return target, type

    def _elementwise(self, name: str, *operands: _Value) -> _Value:
        type = max(t for _, t in operands)
        if type is not TREE:
            return self._emit(name, type, *operands)
        scalars = {1: (False,), 2: (True, True), 3: (False, False, True)}[len(operands)]
        spread = []
        for (row, t), may in zip(operands, scalars, strict=True):
            spread.append((row, t) if t is TREE or (t is SCALAR and may) else self._emit(SPREAD, TREE, (row, t)))
        result = self._emit(name, TREE, *spread)
        self.free += [row for (row, t), (_, before) in zip(spread, operands, strict=True) if t is not before]
        return result

    def _norm(self, x: _Value) -> _Value:
        return self._emit(NORM, LEAFWISE, x) if x[1] is TREE else self._elementwise("abs", x)

    def _dot(self, x: _Value, y: _Value) -> _Value:
        return self._elementwise("*", x, y) if x[1] is SCALAR else self._emit(DOT, SCALAR, x, y)

    def _length(self, x: _Value) -> _Value:
        return self._elementwise("sqrt", self._dot(x, x))

    def _cosine_sim(self, x: _Value, y: _Value) -> _Value:
        return self._emit(QUOTIENT, SCALAR, self._dot(x, y), self._elementwise("*", self._length(x), self._length(y)))

    def _clip(self, x: _Value, limit: _Value) -> _Value:
        ratio = self._emit(QUOTIENT, SCALAR, limit, self._length(x))
        return self._elementwise("*", x, self._elementwise("min", (self._constant(1.0), SCALAR), ratio))


def _expiring(program: Program) -> list[set[str]]:
    """For each statement, the variables whose present value is read there, or overwritten, for the last time."""
    later = set(program.outputs)
    expiring: list[set[str]] = []
    for statement in reversed(program.statements):
        read = {a for a in statement.arguments if isinstance(a, str)}
        later.discard(statement.target)
        expiring.append(read - later)
        later |= read
    return expiring[::-1]
