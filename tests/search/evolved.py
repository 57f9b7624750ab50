"""A search without a run around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dsl
from search import Config
from search.evaluator import evaluate
from search.evolution import Progress, evolve
from search.journal import Child


class MemoryJournal:
    """What `evolve` needs of a journal."""

    def __init__(self) -> None:
        self.children: list[Child] = []

    def record(self, child: Child, seconds: float = 0.0) -> None:
        self.children.append(child)


def evolved(
    config: Config,
    start: dsl.Program,
    trainer: Any,
    workers: Any,
    report: Callable[[Progress], None] = lambda progress: None,
) -> list[Child]:
    """The children of a search from `start`; the workers are ended with it."""
    journal = MemoryJournal()
    first = evaluate(trainer, dsl.canonical(start), tuple(range(config.fitness.seeds)))
    try:
        evolve(config, start, first, workers, journal, report)  # type: ignore[arg-type]
    finally:
        workers.close()
    return journal.children
