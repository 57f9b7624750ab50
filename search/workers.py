"""Where programs are trained: the door behind which a search does not look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import dsl
import proxy_tasks
from search.evaluator import Evaluation, Limits, evaluate


class Workers(Protocol):
    """What a search asks of its workers. The evaluation is a function of the arguments, whoever computes it when."""

    def submit(self, program: dsl.Program, limits: Limits) -> Callable[[], Evaluation]:
        """Has a canonical program evaluated; the result waits until the evaluation is there."""


class InlineWorkers:
    """The process itself, which trains when a result is asked for.

    Args:
        trainer: of the task of the search.
        seeds: that a program near the best is trained with.
    """

    def __init__(self, trainer: proxy_tasks.Trainer, seeds: Sequence[int]):
        self._trainer, self._seeds = trainer, tuple(seeds)

    def submit(self, program: dsl.Program, limits: Limits) -> Callable[[], Evaluation]:
        """Remembers what to train."""
        return lambda: evaluate(self._trainer, program, self._seeds, limits)


WORKERS: dict[str, Callable[[proxy_tasks.Trainer, Sequence[int]], Workers]] = {"inline": InlineWorkers}
