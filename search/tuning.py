"""Tuning a known optimizer on a task: learning rate x weight decay over a grid, the best few over all seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import dsl
from proxy_tasks import Trainer
from search.config import TuneConfig
from search.errors import SearchError
from search.evaluator import Evaluation, evaluate

FINALISTS = 4  # points of the grid that are trained with all seeds


@dataclass(frozen=True)
class Tuned:
    """A known optimizer with the best learning rate and weight decay of a grid.

    Attributes:
        name: of the optimizer.
        learning_rate: peak learning rate.
        weight_decay: decoupled weight decay.
        program: with these constants.
        evaluation: over the seeds of the tuning.
    """

    name: str
    learning_rate: float
    weight_decay: float
    program: dsl.Program
    evaluation: Evaluation


def tune(
    name: str,
    trainer: Trainer,
    config: TuneConfig,
    first_seed: int = 0,
    report: Callable[[int, int], None] = lambda done, of: None,
) -> Tuned:
    """The best of a grid: every point gets one seed, the best few get the others.

    Args:
        name: of a known optimizer with `learning_rate` and `weight_decay`.
        trainer: of the task.
        config: the grid.
        first_seed: seeds are first_seed, first_seed + 1, ...
        report: called with trainings done and to do.

    Raises:
        SearchError: when no point of the grid trains.
    """
    seeds = tuple(range(first_seed, first_seed + config.seeds))
    grid = [(lr, decay) for lr in config.learning_rates for decay in config.weight_decays]
    total = len(grid) + min(FINALISTS, len(grid))
    candidates: list[Tuned] = []

    def train(point: tuple[float, float], seeds: tuple[int, ...]) -> Tuned:
        program = dsl.known(name, learning_rate=point[0], weight_decay=point[1])
        return Tuned(name, *point, program, evaluate(trainer, dsl.canonical(program), seeds))

    for done, point in enumerate(grid):
        candidates.append(train(point, seeds[:1]))
        report(done + 1, total)
    finalists = []
    for done, candidate in enumerate(sorted(candidates, key=_fitness)[:FINALISTS]):
        finalists.append(train((candidate.learning_rate, candidate.weight_decay), seeds))
        report(len(grid) + done + 1, total)
    best = min(finalists, key=_fitness)
    if best.evaluation.fitness is None:
        raise SearchError(
            f"{name} does not train on {trainer.task.name} with any learning rate and weight decay of the grid"
            f" ({best.evaluation.kind}): give smaller learning rates under `tune`"
        )
    return best


def _fitness(tuned: Tuned) -> float:
    fitness = tuned.evaluation.fitness
    return float("inf") if fitness is None else fitness
