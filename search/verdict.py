"""What the fresh seeds of the funnel say of the winner: whether it beats the known optimizers, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mean, stdev

from proxy_tasks import TRAINED, several
from search.funnel import Score, Stage
from search.judge import quantile
from search.printable import short
from search.result import Result

CONFIDENCE = 0.95
NAMES = {"adamw": "AdamW", "lion": "Lion"}


@dataclass(frozen=True)
class Lead:
    """What a program is ahead of a known optimizer by: that one's loss less its own, over the same seeds.

    Attributes:
        mean: of the differences; above 0 the program is better.
        low: lower end of the confidence interval of the mean; NaN for one seed.
        high: upper end of it.
    """

    mean: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether the two can be told apart: 0 is not in the interval."""
        return self.low > 0 or self.high < 0


def lead(score: Score, baseline: Score) -> Lead | None:
    """The paired difference to a known optimizer; None where a training of either failed.

    Args:
        score: of the program.
        baseline: of the known optimizer, on the same task with the same seeds.
    """
    if score.kind != TRAINED or baseline.kind != TRAINED:
        return None
    differences = [b - a for a, b in zip(score.of_seeds, baseline.of_seeds, strict=True)]
    n = len(differences)
    if n < 2:
        return Lead(mean(differences), math.nan, math.nan)
    half = quantile(0.5 + CONFIDENCE / 2, n - 1) * stdev(differences) / math.sqrt(n)
    return Lead(mean(differences), mean(differences) - half, mean(differences) + half)


def verdicts(result: Result) -> list[str]:
    """A sentence on the winner for each stage of the funnel and known optimizer; none before there is a winner.

    It beats or loses to an optimizer where the 95 % interval of its lead (Student's t) leaves out 0.
    """
    if result.winner_key is None:
        return []
    name = " + ".join(map(short, several(result.config.get("task", "the task"))))
    said: list[str] = []
    lost: list[str] = []
    for stage in result.stages:
        task = f"{name} x{stage.scale}"
        said += _said(stage, stage.scores.get(result.winner_key), task)
        if not stage.passed:
            lost.append(f"No program of the search passed {task}: none had a lower mean loss than AdamW.")
    return [*said, *lost]


def _said(stage: Stage, score: Score | None, task: str) -> Iterator[str]:
    if score is None:
        yield f"The winner did not get to {task}."
        return
    for key, baseline in stage.baselines.items():
        name, found = NAMES[key], lead(score, baseline)
        if found is None:
            yield f"On {task} the winner: {score.kind}; {name}: {baseline.kind}."
        elif found.sure:
            verb = "beats" if found.mean > 0 else "loses to"
            yield f"The winner {verb} {name} on {task} by {_size(found, baseline)}."
        else:
            yield f"The winner cannot be told apart from {name} on {task}: {_unsure(found, baseline, stage.seeds)}."


def _unsure(found: Lead, baseline: Score, seeds: int) -> str:
    if found.mean == 0:
        return "their mean losses are the same"
    where = "ahead" if found.mean > 0 else "behind"
    few = "1 seed is" if seeds == 1 else f"{seeds} seeds are"
    return f"it is {_size(found, baseline)} {where}, which {few} too few to be sure of"


def _size(found: Lead, baseline: Score) -> str:
    """A lead without its sign, as a share of the optimizer's loss if that is above 0."""
    if baseline.mean <= 0:
        return f"{abs(found.mean):.3g}"
    percent = 100 * abs(found.mean) / baseline.mean
    return f"{percent:.0f} %" if percent >= 9.5 else f"{percent:.2g} %"
