"""A search without a run around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import dsl
from search import Config
from search.cache import Cache
from search.evaluator import Evaluation, evaluate
from search.evolution import Progress, evolve
from search.journal import Child
from search.together import together
from search.workers import Bench, Workers


def wait_for_all(pool: Any) -> None:
    """Until every worker of Ray's has begun."""
    while any(actor.preparing for actor in pool._actors):
        pool.wait()


class MemoryJournal:
    """What `evolve` needs of a journal."""

    def __init__(self) -> None:
        self.children: list[Child] = []

    def record(self, child: Child, seconds: float = 0.0) -> None:
        self.children.append(child)


def first_evaluation(config: Config, start: dsl.Program, trainer: Any) -> Evaluation:
    """Of the warm start, with all seeds."""
    return evaluate(trainer, dsl.canonical(start), tuple(range(config.fitness.seeds)))


def cache_of(
    config: Config, trainer: Any, workers: Workers | None = None, known: Iterable[tuple[str, Evaluation]] = ()
) -> Cache:
    """Trains by the workers, or in this process."""
    bench = Bench(1, trainer, workers) if workers else Bench.inline(trainer)
    return Cache(bench, config.fitness.seeds, known)


def evolved(
    config: Config,
    start: dsl.Program,
    trainer: Any,
    workers: Workers | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    known: Iterable[tuple[str, Evaluation]] = (),
) -> list[Child]:
    """The children of a search from `start`; the workers are ended with it."""
    journal, cache = MemoryJournal(), cache_of(config, trainer, workers, known)
    first = first_evaluation(config, start, trainer)
    try:
        together([evolve(config, start, first, cache, journal, report)], workers.wait if workers else lambda: None)  # type: ignore[arg-type]
    finally:
        if workers:
            workers.close()
    return journal.children
