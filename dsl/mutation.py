"""The three mutations: insert a statement, delete one, modify one argument (arXiv 2302.06675, section 2.1).

Deviation: programs have a length cap, for redundant statements pile up and cost every pass over a program.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from dsl.checker import is_valid
from dsl.errors import ProgramError
from dsl.functions import FUNCTIONS, Rule
from dsl.program import Argument, Program, Statement, expect_program, to_constant

MOST_TRIES = 10_000  # proposals for one child; a program with valid neighbours needs a few

_DRAWN = tuple(row for row in FUNCTIONS.values() if row.rule is not Rule.NEVER)


def _setting(default: Any, meaning: str, low: float | None = None, high: float | None = None) -> Any:
    """A field with its meaning and, for a number, the allowed range, ends included."""
    return field(default=default, metadata={"meaning": meaning, "low": low, "high": high})


@dataclass(frozen=True)
class MutationSettings:
    """How children are drawn.

    Raises:
        ValueError: for a number out of its range, or when insert, delete and modify are all 0.
    """

    insert: float = _setting(
        1.0, "weight of inserting a random statement at a random place; 0 only simplifies", 0.0, 1e6
    )
    delete: float = _setting(1.0, "weight of deleting a random statement", 0.0, 1e6)
    modify: float = _setting(1.0, "weight of modifying one random argument of a random statement", 0.0, 1e6)
    constants_only: bool = _setting(
        False, "only multiply constants by 2^a, a ~ N(0, 1): tuning of hyper-parameters, the paper's baseline"
    )
    constant_probability: float = _setting(
        0.3, "probability that a drawn argument is a constant from N(0, 1) and not a variable", 0.0, 1.0
    )
    new_variable_probability: float = _setting(
        0.3, "probability that an inserted statement sets a new variable and not an existing one", 0.0, 1.0
    )
    max_statements: int = _setting(80, "length cap; a program at the cap is not inserted into", 1)

    def __post_init__(self) -> None:
        for part in fields(self):
            value, low, high = getattr(self, part.name), part.metadata["low"], part.metadata["high"]
            kind = type(part.default)
            if kind is bool and not isinstance(value, bool):
                raise ValueError(f"{part.name} is {value!r}: give True or False")
            if low is not None:
                top = math.inf if high is None else high
                fits = isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
                if not (fits and low <= value <= top):
                    number = "a whole number" if kind is int else "a number"
                    allowed = f"{low:g} or more" if high is None else f"{low:g} to {high:g}"
                    raise ValueError(f"{part.name} is {value!r}: give {number}, {allowed}")
        if not (self.insert or self.delete or self.modify):
            raise ValueError("all weights are 0: set insert, delete or modify above 0")


class Mutation(NamedTuple):
    """What was done to the parent: the kind, and the statement (counted from 0) it was done to."""

    kind: str  # "insert", "delete", "modify"
    statement: int


def mutate(program: Program, rng: np.random.Generator, settings: MutationSettings = MutationSettings()) -> Program:
    """A valid child, one mutation away.

    Args:
        program: a program that `dsl.check` accepts.
        rng: the child's own random stream.
        settings: how children are drawn.

    Returns:
        The child, with the inputs and outputs of the parent.

    Raises:
        ProgramError: when no valid child is found, as for constants_only on a program without constants.
    """
    return propose(program, rng, settings)[0]


def propose(program: Program, rng: np.random.Generator, settings: MutationSettings) -> tuple[Program, Mutation]:
    """A valid child and the mutation that made it: proposals are drawn from the parent until one is valid.

    So each valid single edit has the probability with which it is drawn, divided by that of drawing any valid one.

    Args:
        program: a program that `dsl.check` accepts.
        rng: the child's own random stream.
        settings: how children are drawn.

    Returns:
        (child, mutation): the child, with the inputs and outputs of the parent, and what was done to the parent.

    Raises:
        ProgramError: when no valid child is found, as for constants_only on a program without constants.
    """
    expect_program(program)
    for _ in range(MOST_TRIES):
        proposal = draw(program, rng, settings)
        if proposal is not None and is_valid(proposal[0]):
            return proposal
    raise ProgramError(
        f"no valid child was found in {MOST_TRIES} proposals:"
        " give the program constants, or allow more kinds of mutation"
    )


def draw(
    program: Program, rng: np.random.Generator, settings: MutationSettings = MutationSettings()
) -> tuple[Program, Mutation] | None:
    """One proposal, valid or not; None where there is no such constant, or it would leave float32.

    Args as for `mutate`.
    """
    insert, delete, modify = settings.insert, settings.delete, settings.modify
    if settings.constants_only:
        insert, delete, modify = 0.0, 0.0, 1.0
    if len(program.statements) >= settings.max_statements:
        insert = 0.0
    if not program.statements:
        delete = modify = 0.0
    kind = rng.random() * (insert + delete + modify)
    edit: Edit | None = None
    if kind < insert:
        edit = _insert(program, rng, settings)
    elif kind < insert + delete:
        edit = _delete(program, rng)
    elif modify:
        edit = _modify(program, rng, settings)
    return edit and (Program(program.inputs, edit[0], program.outputs), edit[1])


Edit = tuple[tuple[Statement, ...], Mutation]


def _pick(rng: np.random.Generator, count: int) -> int:
    return int(rng.random() * count)


def _draw_argument(scope: list[str], rng: np.random.Generator, settings: MutationSettings) -> Argument:
    if rng.random() < settings.constant_probability:
        return to_constant(rng.standard_normal())
    return scope[_pick(rng, len(scope))]


def _scope(program: Program, position: int) -> list[str]:
    """The variables that are set before a position, each once."""
    return list(dict.fromkeys([*program.inputs, *[s.target for s in program.statements[:position]]]))


def _insert(program: Program, rng: np.random.Generator, settings: MutationSettings) -> Edit:
    position = _pick(rng, len(program.statements) + 1)
    function = _DRAWN[_pick(rng, len(_DRAWN))]
    scope = _scope(program, position)
    arguments = tuple([_draw_argument(scope, rng, settings) for _ in range(function.arity)])
    names = _scope(program, len(program.statements))
    if rng.random() < settings.new_variable_probability:
        number = len(names)
        while f"v{number}" in names:
            number += 1
        target = f"v{number}"
    else:
        target = names[_pick(rng, len(names))]
    statement = Statement(target, function.name, arguments)
    return (*program.statements[:position], statement, *program.statements[position:]), Mutation("insert", position)


def _delete(program: Program, rng: np.random.Generator) -> Edit:
    position = _pick(rng, len(program.statements))
    return program.statements[:position] + program.statements[position + 1 :], Mutation("delete", position)


def _modify(program: Program, rng: np.random.Generator, settings: MutationSettings) -> Edit | None:
    slots = _constants if settings.constants_only else _arguments
    able = [position for position, statement in enumerate(program.statements) if slots(statement)]
    if not able:
        return None
    position = able[_pick(rng, len(able))]
    target, function, arguments = program.statements[position]
    choice = slots(program.statements[position])
    slot = choice[_pick(rng, len(choice))]
    old = arguments[slot]
    if isinstance(old, str):
        scope = [name for name in _scope(program, position) if name != old]
        new = _draw_argument(scope, rng, settings)
    else:
        scaled = old * 2.0 ** rng.standard_normal()
        if not 1e-30 < abs(scaled) < 1e30:  # float32 holds no more multiples of it
            return None
        new = to_constant(scaled)
    changed = Statement(target, function, (*arguments[:slot], new, *arguments[slot + 1 :]))
    statements = (*program.statements[:position], changed, *program.statements[position + 1 :])
    return statements, Mutation("modify", position)


def _arguments(statement: Statement) -> Sequence[int]:
    return range(len(statement.arguments))


def _constants(statement: Statement) -> Sequence[int]:
    return [slot for slot, argument in enumerate(statement.arguments) if not isinstance(argument, str)]
