"""Bytecode: a program as arrays of numbers, so that one compiled training loop executes every program.

Two register files. *Trees* are rows of float32 as long as the flat weights; *smalls* are rows with one float32 for
each leaf, and hold what is SCALAR (all entries equal) or LEAFWISE. Constants are the initial contents of smalls. A
small is written once, so that a machine may compute it early; the weights and the gradient never are. The rows of both
are numbered together: 0 the weights, 1 the gradient, then the states, then other trees; small r is ~r, which is -1 - r.

The instructions are the functions that are applied number by number, and four of the machine's own, which the other
functions are made of: clip_by_global_norm(x, y) is x * min(1, quotient(y, sqrt(dot(x, x)))).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dsl.functions import FUNCTIONS, Rule
from dsl.program import Program
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


# (instruction, whether each operand is a small) -> opcode
_OPCODE = {(name, *(kind == "s" for kind in kinds)): number for number, (name, kinds) in enumerate(OPCODES)}

W, G, FIRST_STATE = 0, 1, 2  # trees at the start of a step
LR = ~0  # the small that holds the learning rate
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


@dataclass(frozen=True, eq=False)
class Code:
    """A program in bytecode.

    Attributes:
        instructions: int32 [instructions, 5]: opcode, target and three operands; 0 where there are fewer.
        smalls: contents of each small when a step begins: a constant, or 0 where something will be computed.
        outputs: trees that hold the update and the new states.
        needed: the smallest capacity of a machine that executes it.
    """

    instructions: np.ndarray
    smalls: tuple[float, ...]
    outputs: tuple[int, ...]
    needed: Capacity


def encode(program: Program) -> Code:
    """Compiles a program that `dsl.check` accepts into bytecode."""
    return _Encoder(program).code()


_Value = tuple[int, Type]  # the row that holds a value, and its type


class _Encoder:
    """One pass over the statements; a tree is used again once its value is no longer read."""

    def __init__(self, program: Program):
        self.program = program
        self.instructions: list[int] = []
        self.constants: dict[float, int] = {}  # constant -> its small
        self.states = max(len(program.states), MACHINE_STATES)
        self.values: dict[str, _Value] = {name: (row, TREE) for row, name in enumerate(program.inputs[:-1])}
        self.values[program.inputs[-1]] = (LR, SCALAR)
        self.tree_count = FIRST_STATE + self.states
        self.smalls = [0.0]  # of LR
        self.free: list[int] = []
        self.expiring: list[int] = []  # trees that the present statement reads for the last time
        self.home: int | None = None  # the tree of the state that the statement sets

    def code(self) -> Code:
        program = self.program
        last = {statement.target: index for index, statement in enumerate(program.statements)}
        homes = {last[name]: FIRST_STATE + i for i, name in enumerate(program.outputs[1:]) if name in last}
        for index, (statement, expiring) in enumerate(zip(program.statements, _expiring(program), strict=True)):
            operands = [
                self.values[argument] if isinstance(argument, str) else (self._constant(argument), SCALAR)
                for argument in statement.arguments
            ]
            self.expiring = [row for name in expiring if (row := self.values[name][0]) >= FIRST_STATE]
            self.home = homes.get(index)
            self.values[statement.target] = self._call(statement.function, operands)
            self._release()
        outputs = tuple(self.values[name][0] for name in program.outputs)
        instructions = np.array(self.instructions, np.int32).reshape(-1, 5)
        # one more row of each kind takes what a machine has to put somewhere
        needed = Capacity(len(instructions), self.tree_count + 1, len(self.smalls) + 1, self.states)
        return Code(instructions, tuple(self.smalls), outputs, needed)

    def _constant(self, value: float) -> int:
        if value not in self.constants:
            self.constants[value] = self._small(value)
        return self.constants[value]

    def _small(self, value: float = 0.0) -> int:
        self.smalls.append(value)
        return ~(len(self.smalls) - 1)

    def _tree(self) -> int:
        """A row for a value: that of the state if it is one and the row is free, and no state's if there is another."""
        if not self.free:
            self.tree_count += 1
            return self.tree_count - 1
        row = self.home if self.home in self.free else max(self.free)
        self.free.remove(row)
        return row

    def _release(self) -> None:
        """Frees what the present statement has now read."""
        self.free += self.expiring
        self.expiring = []

    def _call(self, name: str, operands: list[_Value]) -> _Value:
        """Emits one call; returns the row and the type of its result."""
        if name in _REDUCTIONS:
            return _REDUCTIONS[name](self, *operands)
        if not operands:
            return self._constant(float(np.float32(FUNCTIONS[name].meaning()))), SCALAR
        return self._elementwise(name, *operands)

    def _emit(self, name: str, type: Type, *operands: _Value) -> _Value:
        """One instruction that gives a row of this type."""
        rows = [row for row, _ in operands]
        target = self._tree() if type is TREE else self._small()
        padding = (0,) * (3 - len(rows))
        self.instructions += (_OPCODE[name, *[row < 0 for row in rows]], target, *rows, *padding)
        return target, type

    def _elementwise(self, name: str, *operands: _Value) -> _Value:
        type = max([t for _, t in operands])
        if type is not TREE:
            return self._emit(name, type, *operands)
        spread = []
        for position, (row, t) in enumerate(operands):
            may_be_one_number = len(operands) == 2 or position == 2
            if t is LEAFWISE or (t is SCALAR and not may_be_one_number):
                row, t = self._emit(SPREAD, TREE, (row, t))
                self.expiring.append(row)
            spread.append((row, t))
        self._release()
        return self._emit(name, TREE, *spread)

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


_REDUCTIONS: dict[str, Callable[..., _Value]] = {
    "norm": _Encoder._norm,
    "global_norm": _Encoder._length,
    "dot": _Encoder._dot,
    "cosine_sim": _Encoder._cosine_sim,
    "clip_by_global_norm": _Encoder._clip,
}


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
