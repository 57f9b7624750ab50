"""How a program came about: its ancestors, what each mutation changed, and what that was worth."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dsl
from search.journal import Child
from search.searches import is_restart, located


@dataclass(frozen=True)
class Ancestor:
    """One program of a line.

    Attributes:
        key: what the child is called in the run.
        mutation: kind of the mutation that made it; None for the first program of a search.
        change: the statements that went and came, as "- ..." and "+ ..."; a line each.
        statements: number of its statements.
        live: of those that reach the weights.
        fitness: of the search; None if it was not trained to the end.
        gain: by which its fitness is below that of the one before; None for the first, and without a fitness.
        same: whether it computes what the one before does.
        origin: where the first program of a search comes from, in words; "" for the others.
    """

    key: str
    mutation: str | None
    change: str
    statements: int
    live: int
    fitness: float | None
    gain: float | None
    same: bool
    origin: str = ""


def lineage(config: Mapping[str, Any], directory: Path, key: str) -> list[Ancestor]:
    """The line of a child, from the warm-start program to itself, through the restarts of a run.

    Args:
        config: of the run, as plain values.
        directory: of the run; of one of its searches, the line begins with that.
        key: of the child.

    Raises:
        SearchError: when there is no such child.
    """
    line: list[tuple[str, Child, str]] = []
    began_from: str | None = key
    while began_from:
        place, reader, number = located(config, directory, began_from)
        first, *others = reader.line(number)
        began_from = reader.fact("from")
        origin = _origin(place.directory, began_from)
        line = [(place.key(0), first, origin), *((place.key(child.id), child, "") for child in others), *line]
        if not place.name:  # a search alone: what it began from is elsewhere
            break
    befores = [None, *(child for _, child, _ in line)]
    return [_ancestor(key, child, before, origin) for (key, child, origin), before in zip(line, befores, strict=False)]


def _origin(directory: Path, began_from: str | None) -> str:
    if began_from:
        return f"a restart from child {began_from}"
    return "a restart; its journal does not name where it began" if is_restart(directory) else "the warm start"


def _ancestor(key: str, child: Child, before: Child | None, origin: str) -> Ancestor:
    fitness = child.evaluation.fitness
    gain = None
    if before and fitness is not None and before.evaluation.fitness is not None:
        gain = before.evaluation.fitness - fitness
    return Ancestor(
        key,
        child.mutation,
        _change(before.program, child.program) if before else "",
        len(child.program),
        len(dsl.live(child.program)),
        fitness,
        gain,
        before is not None and before.hash == child.hash,
        origin,
    )


def _change(before: dsl.Program, after: dsl.Program) -> str:
    """The lines that went and came."""
    lines = difflib.ndiff(str(before).splitlines(), str(after).splitlines())
    return "\n".join(f"{line[0]} {line[2:].strip()}" for line in lines if line[0] in "+-")
