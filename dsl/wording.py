"""Names and an order of statements that people read easily (arXiv 2302.06675, section 2.3: rename and reorder).

The way to the update is one chain of `update = ...`, the decay of the weights is `wd`, and what a state becomes has its
name, wherever nothing reads the old value any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

from dsl.checker import check
from dsl.program import Argument, Program, Statement
from dsl.types import SCALAR, TREE

_OF_RESULTS = {"square": "{}2", "cube": "{}3", "sqrt": "sqrt_{}", "abs": "abs_{}", "sign": "sign_{}", "norm": "norm_{}"}
_NUMBERED = re.compile(r"t\d+")
_MAIN = {"/": 1}  # how many arguments may carry the chain of updates; all of the other functions


def worded(program: Program, states: tuple[str, ...]) -> Program:
    """The same program, whose variables are set once, with other names and in another order.

    Args:
        program: its statements set each variable once, and no input.
        states: names for its states.
    """
    program = _sorted(_with_states(program, states))
    ordered = _Order(program).program()
    return _Names(ordered).program()


def _with_states(program: Program, states: tuple[str, ...]) -> Program:
    names: dict[Argument, str] = {name: f"{name} set" for name in {s.target for s in program.statements}}
    names |= dict(zip(program.states, states, strict=True))
    return _renamed(program, names)


def _sorted(program: Program) -> Program:
    """Its states by their names."""
    order = sorted(range(len(program.states)), key=lambda number: (len(program.states[number]), program.states[number]))
    inputs = (*program.inputs[:2], *(program.states[number] for number in order), program.inputs[-1])
    return Program(inputs, program.statements, (program.outputs[0], *(program.outputs[1 + n] for n in order)))


def _renamed(program: Program, names: dict[Argument, str]) -> Program:
    return Program(
        tuple(names.get(name, name) for name in program.inputs),
        tuple(
            Statement(names.get(s.target, s.target), s.function, tuple(names.get(a, a) for a in s.arguments))
            for s in program.statements
        ),
        tuple(names.get(name, name) for name in program.outputs),
    )


def _turned(program: Program) -> Program:
    """Where the order of two operands counts for nothing, the chain first, and a number last."""
    return Program(program.inputs, tuple(map(_statement_turned, program.statements)), program.outputs)


def _statement_turned(s: Statement) -> Statement:
    if s.function in ("+", "*", "max", "min") and s.arguments[0] != s.arguments[1]:
        first, second = s.arguments
        if second == "update" or (isinstance(first, float) and not isinstance(second, float)):
            return s._replace(arguments=(second, first))
    return s


class _Order:
    """Statements in the order in which the update needs them; those that read a state come before it changes."""

    def __init__(self, program: Program):
        self.given = program
        self.made = {s.target: s for s in program.statements}
        self.becomes = dict(zip(program.outputs[1:], program.states, strict=True))
        bits = {s.target: 1 << place for place, s in enumerate(program.statements)}
        self.needs: dict[str, int] = {}  # of each variable, a bit for each that it is computed from
        self.bits = bits
        for s in program.statements:
            self.needs[s.target] = 0
            for a in s.arguments:
                if isinstance(a, str):
                    self.needs[s.target] |= bits.get(a, 0) | self.needs.get(a, 0)

    def program(self) -> Program:
        """The program in that order."""
        done, seen = dict[str, None](), set[str]()
        waiting = [target for target in reversed(self.given.outputs) if target in self.made]
        while waiting:  # without recursion: a program may nest a thousand deep
            target = waiting[-1]
            before = [a for a in self.made[target].arguments if isinstance(a, str)]
            if target not in seen:
                seen.add(target)
                before += [other for other in self._readers(target) if other not in seen]
            before = [a for a in before if a in self.made and a not in done]
            if before:
                waiting += reversed(before)
            else:
                done[waiting.pop()] = None
        return Program(self.given.inputs, tuple(self.made[target] for target in done), self.given.outputs)

    def _readers(self, target: str) -> Iterator[str]:
        """What should be written before a state becomes this, since it reads the state as it was."""
        if (state := self.becomes.get(target)) is not None:
            for other, s in self.made.items():
                if state in s.arguments and other != target and not self.needs[other] & self.bits[target]:
                    yield other


class _Names:
    """Gives the results of a program their names."""

    def __init__(self, program: Program):
        self.given, self.types = program, check(program)
        self.statements = {s.target: s for s in program.statements}
        self.place = {s.target: i for i, s in enumerate(program.statements)}
        self.numbers, self.taken = count(1), {*program.inputs, "update"}
        self.readers: dict[Argument, list[int]] = {}
        for i, s in enumerate(program.statements):
            for a in set(s.arguments):
                self.readers.setdefault(a, []).append(i)

    def program(self) -> Program:
        """The program with names."""
        names: dict[Argument, str] = {}
        for output, state in zip(self.given.outputs[1:], self.given.states, strict=True):
            free = output in self.place and output not in names
            if free and max(self.readers.get(state, [-1])) <= self.place[output] and state not in self.given.outputs:
                names[output] = state
        names |= {target: "update" for target in self._chain() if target not in names}
        rate = self.given.inputs[-1]
        for s in self.given.statements:
            if s.target not in names:
                scaled = s.function == "*" and s.arguments[0] == rate and self.types[s.target] is SCALAR
                if scaled and rate not in names.values() and self.readers[rate] == [self.place[s.target]]:
                    names[s.target] = rate
                else:
                    names[s.target] = self._of(s, names)
                    self.taken.add(names[s.target])
        return _turned(_renamed(self.given, names))

    def _chain(self) -> Iterator[str]:
        """The results that lead to the update, each read by the next one alone; from the last on."""
        target = self.given.outputs[0]
        while target in self.statements and target not in self.given.outputs[1:]:
            yield target
            s = self.statements[target]
            place = [self.place[target]]
            main = s.arguments[: _MAIN.get(s.function, 3)]
            able = [a for a in main if a in self.statements and self.readers[a] == place and self.types[str(a)] is TREE]
            target = str(max(able, key=lambda a: self._size(str(a)), default=""))
            if target in self.statements and self._is_decay(self.statements[target]):
                return

    def _size(self, target: str) -> int:
        """Number of statements in the expression."""
        found, waiting = set[str](), [target]
        while waiting:
            name = waiting.pop()
            if name in self.statements and name not in found:
                found.add(name)
                waiting += [a for a in self.statements[name].arguments if isinstance(a, str)]
        return len(found)

    def _is_decay(self, s: Statement) -> bool:
        return s.function == "*" and s.arguments[0] == self.given.inputs[0] and isinstance(s.arguments[1], float)

    def _of(self, s: Statement, names: dict[Argument, str]) -> str:
        """A name that says what is computed, or a number."""
        read = names.get(s.arguments[0], s.arguments[0]) if s.arguments else ""
        name = "wd" if self._is_decay(s) else _OF_RESULTS.get(s.function, "").format(read)
        if (
            not name
            or not name.isidentifier()
            or name in self.taken
            or isinstance(read, float)
            or read == "update"
            or _NUMBERED.fullmatch(read)
        ):
            name = next(free for number in self.numbers if (free := f"t{number}") not in self.taken)
        return name
