"""Trainings of earlier runs that a search need not do again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from search.errors import SearchError
from search.evaluator import Evaluation
from search.journal import Reader
from search.searches import begun

SAME = ("jax", "jaxlib", "sources", "digest")  # facts of the origin of a run that its trainings depend on


def check_reusable(directory: Path, task: str, scale: int, present: Mapping[str, Any]) -> None:
    """Refuses a run whose trainings would have other bits.

    Args:
        directory: of the run.
        task: of the run that is to reuse it.
        scale: of the task.
        present: `origin()` of that run.

    Raises:
        SearchError: when the directory holds no run, or with what differs.
    """
    reader = Reader(directory)
    config, recorded = reader.fact("config", {}), reader.fact("origin", {})
    differing = [
        f"{name} was {recorded.get(name)} and is {present[name]}"
        for name in SAME
        if recorded.get(name) != present[name]
    ]
    version = present["tasks"][str(scale)]
    other_name = not present["files"] and config.get("task") != task  # that of a file says nothing, and its digest all
    if other_name or config.get("scale") != scale or recorded.get("tasks", {}).get(str(scale)) != version:
        known = recorded.get("tasks", {}).get(str(config.get("scale")))
        differing.append(
            f"it searched on {config.get('task')} x{config.get('scale')} (version {known}), not on {task} x{scale}"
            f" (version {version})"
        )
    if reader.fact("mixed"):
        differing.append("it was gone on with under other versions")
    if differing:
        raise SearchError(f"{directory} cannot be reused: {', '.join(differing)}; take it out of `reuse`")


def reusable(
    directory: Path, scale: int, machines: Mapping[int, str], references: Mapping[int, Sequence[float]]
) -> Iterator[tuple[str, Evaluation]]:
    """(hash, evaluation) of the trainings of a run.

    Args:
        directory: of the run.
        scale: of the task.
        machines: scale -> what trains here.
        references: scale -> of several tasks, the losses that theirs are in units of.

    Raises:
        SearchError: if another machine trained them, or their losses are in other units.
    """
    reader = Reader(directory)
    units = [reader.fact("references", {}).get(str(scale)), references.get(scale)]
    if units[0] != units[1]:
        raise SearchError(
            f"{directory} cannot be reused: its losses are in units of {units[0]}, and here of {units[1]}, what AdamW"
            " came to on each task: give it the same `tune`, or take it out of `reuse`"
        )
    trained_by = reader.fact("machines", {}).get(str(scale))
    if trained_by != machines[scale]:
        raise SearchError(
            f"{directory} cannot be reused: it was trained by {trained_by}, and here would be by {machines[scale]};"
            " take it out of `reuse`"
        )
    for search in begun(reader.fact("config", {}), directory).values():
        yield from search.evaluations()
