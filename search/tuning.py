"""Tuning a known optimizer on a task: learning rate x weight decay over a grid, the best few over all seeds."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import metadata
from itertools import repeat
from pathlib import Path

import dsl
from dsl.user_cache import keep, user_cache
from search.config import TuneConfig
from search.errors import SearchError
from search.evaluator import Evaluation, expect_outcome, merged
from search.workers import Bench


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

    @property
    def fitness(self) -> float:
        """Mean loss over the seeds; infinite if a training failed."""
        return math.inf if self.evaluation.fitness is None else self.evaluation.fitness


def tune(
    name: str,
    bench: Bench,
    config: TuneConfig,
    report: Callable[[int, int], None] = lambda done, of: None,
) -> Tuned:
    """The best of a grid: every point gets one seed, the best few get the others.

    Args:
        name: of a known optimizer with `learning_rate` and `weight_decay`.
        bench: the task.
        config: the grid.
        report: called with trainings done and to do.

    Raises:
        SearchError: when no point of the grid trains.
        TaskError: when the task fails.
    """
    first, others = bench.trials(1), bench.trials(config.seeds - 1, first=1)
    grid = [(lr, decay) for lr in config.learning_rates for decay in config.weight_decays]
    programs = [dsl.known(name, learning_rate=lr, weight_decay=decay) for lr, decay in grid]
    total = len(grid) + min(config.finalists, len(grid))
    candidates: list[Tuned] = []
    for point, program, evaluation in zip(grid, programs, bench.evaluate(programs, first), strict=True):
        expect_outcome(evaluation, name)
        candidates.append(Tuned(name, *point, program, evaluation))
        report(len(candidates), total)
    chosen = sorted(candidates, key=lambda tuned: tuned.fitness)[: config.finalists]
    finalists: list[Tuned] = []
    rests = bench.evaluate([tuned.program for tuned in chosen], others) if others else repeat(None)
    for tuned, rest in zip(chosen, rests, strict=False):
        if rest:
            expect_outcome(rest, name)
            tuned = replace(tuned, evaluation=merged((tuned.evaluation, rest)))
        finalists.append(tuned)
        report(len(grid) + len(finalists), total)
    best = min(finalists, key=lambda tuned: tuned.fitness)
    if best.evaluation.fitness is None:
        raise SearchError(
            f"{name} does not train on {bench.task.name} with any learning rate and weight decay of the grid"
            f" ({best.evaluation.kind}): give smaller learning rates under `tune`"
        )
    return best


def tune_once(
    name: str,
    bench: Bench,
    config: TuneConfig,
    report: Callable[[int, int], None] = lambda done, of: None,
) -> Tuned:
    """`tune`, whose result is kept in the user's cache: the same grid on the same task is not trained again.

    Raises:
        SearchError: when no point of the grid trains.
        TaskError: when the task fails.
    """
    task, template = bench.task, dsl.optimizers[name]
    key = (
        bench.trainer.machine.description,
        task.name,
        task.scale,
        task.version,
        str(template),
        repr(config),
        metadata.version("jaxlib"),
        platform.machine(),
    )
    path = user_cache("tuning") / f"{hashlib.sha256(repr(key).encode()).hexdigest()[:24]}.json"
    kept = _kept(path, config)
    if kept is None:
        tuned = tune(name, bench, config, report=report)
        keep(path, json.dumps([tuned.learning_rate, tuned.weight_decay]).encode())
        return tuned
    learning_rate, weight_decay = kept
    return tune(name, bench, TuneConfig((learning_rate,), (weight_decay,), config.seeds), report=report)


def _kept(path: Path, config: TuneConfig) -> tuple[float, float] | None:
    """What was kept, if it is there and a point of the grid."""
    try:
        learning_rate, weight_decay = json.loads(path.read_text())
    except (OSError, ValueError, TypeError):
        return None
    in_grid = learning_rate in config.learning_rates and weight_decay in config.weight_decays
    return (learning_rate, weight_decay) if in_grid else None
