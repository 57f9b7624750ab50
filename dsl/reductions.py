"""Shorter programs that may do as well: a statement replaced by one of its arguments, or constants with fewer digits.

They do not compute the same; whether they are as good is for tasks to say (arXiv 2302.06675, section 2.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from dsl.checker import is_valid
from dsl.program import Argument, Program, Statement, format_argument, to_constant


def reductions(program: Program, pairs: bool = False) -> Iterator[tuple[str, Program]]:
    """Every program with one statement less: what it computed is one of its arguments now.

    A product or quotient with a number stays: that is a learning rate or a weight decay, which is for people to choose.

    Args:
        program: a program that `dsl.check` accepts.
        pairs: two statements less, of which one takes what the other computes.

    Yields:
        What was done, and the program; only what `dsl.check` accepts, too.
    """
    single = single_assignment(program)
    choices = {
        place: dict(zip(s.arguments, program.statements[place].arguments, strict=True))
        for place, s in enumerate(single.statements)
        if s.function not in ("*", "/") or not any(isinstance(a, float) for a in s.arguments)
    }
    alone = [(place,) for place in choices]
    linked = [(a, b) for a in choices for b in choices if single.statements[a].target in single.statements[b].arguments]
    for places in linked if pairs else alone:
        for chosen in product(*(choices[place] for place in places)):
            reduced = _without(single, dict(zip(places, chosen, strict=True)))
            if reduced and is_valid(reduced):
                done = []
                for place, argument in zip(places, chosen, strict=True):
                    written = program.statements[place]
                    shown = format_argument(choices[place][argument])
                    done.append(f"{written} becomes {written.target} = {shown}")
                yield " and ".join(done), reduced


def _without(program: Program, arguments: dict[int, Argument]) -> Program | None:
    """Without the statements at these places, one of the arguments of each in its stead; None if an output is none."""
    known: dict[Argument, Argument] = {}
    statements = []
    for place, (target, function, given) in enumerate(program.statements):
        if place in arguments:
            known[target] = known.get(arguments[place], arguments[place])
        else:
            statements.append(Statement(target, function, tuple(known.get(a, a) for a in given)))
    outputs = [known.get(name, name) for name in program.outputs]
    if not all(isinstance(name, str) for name in outputs):
        return None
    return Program(program.inputs, tuple(statements), tuple(map(str, outputs)))


def single_assignment(program: Program) -> Program:
    """The program with a name for each value: no variable is set twice, and no input is set."""
    names: dict[Argument, str] = {}
    taken = {*program.inputs, *(s.target for s in program.statements)}
    statements = []
    for number, s in enumerate(program.statements):
        arguments = tuple(names.get(a, a) for a in s.arguments)
        names[s.target] = next(
            name for n in range(len(taken) + 1) if (name := f"x{number + n * len(program)}") not in taken
        )
        taken.add(names[s.target])
        statements.append(Statement(names[s.target], s.function, arguments))
    return Program(program.inputs, tuple(statements), tuple(names.get(name, name) for name in program.outputs))


def times(program: Program, factor: float) -> Program:
    """The program with its update multiplied by a number."""
    single = single_assignment(program)
    last = Statement("scaled update", "*", (single.outputs[0], to_constant(factor)))
    return Program(single.inputs, (*single.statements, last), (last.target, *single.outputs[1:]))


def constants(program: Program) -> list[tuple[int, int]]:
    """Where the constants stand: the places of their statements, and among the arguments."""
    return [
        (place, position)
        for place, s in enumerate(program.statements)
        for position, a in enumerate(s.arguments)
        if isinstance(a, float)
    ]


def rounded(program: Program, digits: dict[tuple[int, int], int]) -> Program:
    """The program with some of its constants rounded.

    Args:
        program: any program.
        digits: place of a constant -> significant digits; of the weight of an interp, those of its distance to the
            nearer of 0 and 1, so that 0.9982 with one digit is 0.998.
    """
    statements = [
        s._replace(
            arguments=tuple(
                _rounded(a, digits[place, position], s.function == "interp" and position == 2)
                if (place, position) in digits and isinstance(a, float)
                else a
                for position, a in enumerate(s.arguments)
            )
        )
        for place, s in enumerate(program.statements)
    ]
    return Program(program.inputs, tuple(statements), program.outputs)


def _rounded(c: float, digits: int, is_weight: bool) -> float:
    if is_weight and c > 0.5:
        return to_constant(1 - float(f"{1 - c:.{digits}g}"))
    return to_constant(float(f"{c:.{digits}g}"))
