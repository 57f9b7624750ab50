"""The state of a search after a commit: the living programs, and the best one ever (arXiv 2302.06675, section 2.2)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property

import numpy as np

import dsl
from search.config import FitnessConfig
from search.evaluator import Evaluation, Limits, mean_loss


@dataclass(frozen=True)
class Individual:
    """A program that was trained.

    Attributes:
        id: its child number; the warm-start program is 0.
        source: the program, or its text, which is read once it is wanted: most of a search that goes on never is.
        fitness: mean validation loss, lower is better.
    """

    id: int
    source: dsl.Program | str
    fitness: float

    @cached_property
    def program(self) -> dsl.Program:
        """What was trained, as it was made."""
        return dsl.parse(self.source) if isinstance(self.source, str) else self.source


class Population:
    """Regularized evolution: the oldest goes when one is added, however good it is.

    Args:
        start: what the population starts as; it fills all places.
        evaluation: of `start`.
        size: number of places.
        tasks: number of those that a program is trained on.
    """

    def __init__(self, start: Individual, evaluation: Evaluation, size: int, tasks: int = 1):
        self._tasks = tasks
        self._living = deque([start] * size, maxlen=size)
        self.best, self._best_evaluation = start, evaluation

    def select(self, rng: np.random.Generator, tournament: int) -> Individual:
        """The best of `tournament` programs drawn at random; the youngest of equals."""
        drawn = (self._living[int(rng.random() * len(self._living))] for _ in range(tournament))
        return min(drawn, key=lambda individual: (individual.fitness, -individual.id))

    def add(self, individual: Individual, evaluation: Evaluation) -> None:
        """Puts a trained program in the place of the oldest."""
        self._living.append(individual)
        if individual.fitness < self.best.fitness:
            self.best, self._best_evaluation = individual, evaluation

    def limits(self, config: FitnessConfig) -> Limits:
        """What a candidate proposed now is measured against: the best program's curve and fitness, with margins."""
        heat = self._best_evaluation.outcomes[: self._tasks]
        thresholds = tuple(map(_above, heat[0].curve, config.stop_margins))
        race = _above(max(mean_loss(heat), self.best.fitness), config.race_margin)
        return Limits(thresholds, race, self._tasks)


def _above(loss: float, margin: float) -> float:
    """The loss and a share of it on top; of a negative loss, too, the result is above."""
    return loss + abs(loss) * margin
