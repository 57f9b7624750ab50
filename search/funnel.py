"""Funnel selection: the best of a search on unseen seeds, then on ever larger tasks (arXiv 2302.06675, section 2.3).

Deviation: the first stage is the task of the search itself, with fresh seeds, for a search exploits the seeds it has;
the paper goes to the larger task at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

import dsl
from proxy_tasks import TRAINED
from search.evaluator import Evaluation
from search.workers import Bench

FIRST_FRESH_SEED = 1000  # a search and its tuning use seeds counted from 0


@dataclass(frozen=True)
class Score:
    """Validation losses of one program over the fresh seeds of a stage.

    Attributes:
        losses: one for each seed, in order; shorter where a training failed. Of several tasks, one for each seed and
            task, in units of the tuned AdamW's (`proxy_tasks.Combination`).
        kind: "trained", or how the first failed training ended.
        tasks: number of tasks.
        curves: for each task the mean over the seeds of the training losses (`proxy_tasks.Outcome.curve`); none where a
            training failed.
    """

    losses: tuple[float, ...]
    kind: str
    tasks: int = 1
    curves: tuple[tuple[float, ...], ...] = ()

    @property
    def mean(self) -> float:
        """Mean loss; infinite if a training failed."""
        return sum(self.losses) / len(self.losses) if self.kind == TRAINED else math.inf

    @property
    def error(self) -> float:
        """Standard error of the mean over the seeds; NaN for one seed."""
        n = len(self.losses) // self.tasks
        if n < 2 or self.kind != TRAINED:
            return math.nan
        return math.sqrt(sum((loss - self.mean) ** 2 for loss in self.of_seeds) / (n - 1) / n)

    @property
    def of_seeds(self) -> list[float]:
        """The loss of each seed, of several tasks their mean."""
        starts = range(0, len(self.losses) - self.tasks + 1, self.tasks)
        return [sum(self.losses[start : start + self.tasks]) / self.tasks for start in starts]

    def on(self, task: int) -> Score:
        """On one of the tasks alone."""
        return Score(self.losses[task :: self.tasks], self.kind, curves=self.curves[task : task + 1])


@dataclass(frozen=True)
class Stage:
    """One task of the funnel.

    Attributes:
        scale: of the task.
        seeds: number of fresh seeds.
        baselines: known optimizer -> its score, tuned on this task.
        scores: name of a child -> score of each program that entered.
    """

    scale: int
    seeds: int
    baselines: dict[str, Score]
    scores: dict[str, Score]

    @property
    def ranked(self) -> list[str]:
        """Names of those that trained with every seed, best first."""
        means = {name: score.mean for name, score in self.scores.items() if score.kind == TRAINED}
        return sorted(means, key=lambda name: means[name])

    @property
    def passed(self) -> list[str]:
        """Names of those that beat AdamW, best first."""
        return [name for name in self.ranked if self.scores[name].mean < self.baselines["adamw"].mean]


def run_stage(
    bench: Bench,
    seeds: int,
    baselines: dict[str, dsl.Program],
    candidates: dict[str, dsl.Program],
    report: Callable[[int, int], None] = lambda done, of: None,
    first_seed: int = FIRST_FRESH_SEED,
) -> Stage:
    """Trains baselines and candidates on the same fresh seeds; those that beat AdamW pass.

    Args:
        bench: the stage's task.
        seeds: number of fresh seeds.
        baselines: known optimizer -> program, tuned on this task; "adamw" is the one to beat.
        candidates: name of a child -> program.
        report: called with programs done and to do.
        first_seed: seeds are first_seed, first_seed + 1, ...
    """
    scores: list[Score] = []
    tasks = len(bench.trials(1))
    programs = [*baselines.values(), *candidates.values()]
    for evaluation in bench.evaluate(programs, bench.trials(seeds, first_seed)):
        losses = tuple(outcome.loss for outcome in evaluation.outcomes if outcome.loss is not None)
        scores.append(Score(losses, evaluation.kind, tasks, _curves(evaluation, tasks)))
        report(len(scores), len(programs))
    known = dict(zip(baselines, scores, strict=False))
    found = dict(zip(candidates, scores[len(baselines) :], strict=True))
    return Stage(bench.scale, seeds, known, found)


def _curves(evaluation: Evaluation, tasks: int) -> tuple[tuple[float, ...], ...]:
    if evaluation.kind != TRAINED:
        return ()
    curves = [outcome.curve for outcome in evaluation.outcomes]
    return tuple(tuple(map(fmean, zip(*curves[task::tasks], strict=False))) for task in range(tasks))


def winner(stages: list[Stage]) -> str:
    """The program that got furthest: the best of the last stage that one has passed, or of the first if none has."""
    for stage in reversed(stages):
        if stage.passed:
            return stage.passed[0]
    return min(stages[0].scores, key=lambda name: stages[0].scores[name].mean)
