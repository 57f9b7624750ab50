"""Bytecode: a program as arrays of numbers, so that one compiled training loop executes every program.

Two register files. *Trees* are rows of float32 as long as the flat weights; *smalls* are rows with one float32 for
each leaf, and hold what is SCALAR (all entries equal) or LEAFWISE. Constants are the initial contents of smalls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsl.checker import result_type
from dsl.functions import FUNCTIONS, Rule
from dsl.program import Argument, Program
from dsl.types import SCALAR, TREE, Type

SPREAD = "spread"  # a small as a tree: the one instruction that is not a function of the language


def _variants(name: str) -> tuple[str, ...]:
    """The operand kinds a function is compiled for: s SCALAR, l LEAFWISE, t TREE; `s...` alone also serves LEAFWISE."""
    function = FUNCTIONS[name]
    if function.rule is Rule.ELEMENTWISE:
        return {0: (), 1: ("s", "t"), 2: ("ss", "tt", "ts", "st"), 3: ("sss", "tts", "ttt")}[function.arity]
    return {
        Rule.NORM: ("s", "t"),
        Rule.WHOLE: ("s", "l", "t"),
        Rule.PAIR: ("ss", "ll", "tt"),
        Rule.CLIP: ("ss", "ls", "ts"),
        Rule.NEVER: (),
    }[function.rule]


# (function, operand kinds) of each opcode; the opcode is the position.
OPCODES: tuple[tuple[str, str], ...] = (
    *((name, kinds) for name in FUNCTIONS for kinds in _variants(name)),
    (SPREAD, "s"),
)
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


class _Encoder:
    """One pass over the statements; a tree row is used again once its value is no longer read."""

    def __init__(self, program: Program):
        self.program = program
        self.instructions: list[tuple[int, ...]] = []
        self.constants: dict[float, int] = {}  # constant -> row of the small file
        self.states = max(len(program.states), MACHINE_STATES)
        self.values: dict[str, tuple[int, Type]] = {name: (row, TREE) for row, name in enumerate(program.inputs[:-1])}
        self.values[program.inputs[-1]] = (LR, SCALAR)
        self.trees = FIRST_STATE + self.states
        self.smalls = LR + 1
        self.free: list[int] = []

    def code(self) -> Code:
        expiring = _expiring(self.program)
        for statement, expired in zip(self.program.statements, expiring, strict=True):
            operands = [self._operand(a) for a in statement.arguments]
            rows = {self.values[name][0] for name in expired if self.values[name][1] is TREE} - {W}
            value = self._call(statement.function, operands)
            self.values[statement.target] = value
            self.free += sorted(rows - {value[0]} if value[1] is TREE else rows)
        outputs = tuple(self.values[name][0] for name in self.program.outputs)
        # one more row in each file takes what a machine has to put somewhere
        needed = Capacity(len(self.instructions), self.trees + 1, self.smalls + 1, self.states)
        constants = {row: constant for constant, row in self.constants.items()}
        return Code(tuple(self.instructions), constants, outputs, needed)

    def _operand(self, argument: Argument) -> tuple[int, Type]:
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

    def _call(self, name: str, operands: list[tuple[int, Type]]) -> tuple[int, Type]:
        """Emits one call; returns the row and the type of its result."""
        function = FUNCTIONS[name]
        if not operands:
            return self._constant(float(np.float32(function.meaning()))), SCALAR
        type = result_type(function, [t for _, t in operands])
        assert type is not None, f"{name} was not checked"
        borrowed: list[int] = []
        if function.rule is Rule.ELEMENTWISE and type is TREE:
            scalars = {1: (False,), 2: (True, True), 3: (False, False, True)}[function.arity]
            operands = [
                operand if operand[1] is TREE or (operand[1] is SCALAR and may) else self._spread(operand, borrowed)
                for operand, may in zip(operands, scalars, strict=True)
            ]
            kinds = "".join("t" if t is TREE else "s" for _, t in operands)
        elif function.rule in (Rule.ELEMENTWISE, Rule.NORM) and operands[0][1] is not TREE:
            kinds = "s" * function.arity
        else:
            kinds = "".join("slt"[t] for _, t in operands)
        target = self._tree() if type is TREE else self._small()
        self.instructions.append((_OPCODE[name, kinds], target, *(row for row, _ in operands)))
        self.free += borrowed
        return target, type

    def _spread(self, operand: tuple[int, Type], borrowed: list[int]) -> tuple[int, Type]:
        row = self._tree()
        self.instructions.append((_OPCODE[SPREAD, "s"], row, operand[0]))
        borrowed.append(row)
        return row, TREE


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
