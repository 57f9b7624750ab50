"""What became of a training: a typed outcome, never a number that could be mistaken for fitness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TRAINED = "trained"
NON_FINITE = "non-finite"
STOPPED_EARLY = "stopped early"

CHECKPOINTS = (0.10, 0.25, 0.50)  # shares of the steps at which a training may be stopped early
NEVER = (math.inf,) * len(CHECKPOINTS)  # thresholds that stop nothing


@dataclass(frozen=True)
class Outcome:
    """One training of one program on one task with one seed.

    Attributes:
        kind: "trained", "non-finite" or "stopped early".
        loss: validation loss after the last step, lower is better; None unless trained.
        curve: mean training loss of the steps up to each of CHECKPOINTS since the one before, and of the rest;
            as far as the training went.
        steps: training steps taken.
    """

    kind: str
    loss: float | None
    curve: tuple[float, ...]
    steps: int


def part_ends(steps: int) -> list[int]:
    """The steps after which the parts of a curve end: at CHECKPOINTS, and at the last step."""
    return [round(share * steps) for share in (*CHECKPOINTS, 1.0)]


def under(outcome: Outcome, thresholds: Sequence[float], steps: int) -> Outcome | None:
    """What a training would have come to under other thresholds; None where that cannot be told from it.

    It is compared as the training loop compares, in float32, so that the answer has the bits of that training.

    Args:
        outcome: of the training.
        thresholds: one for each of CHECKPOINTS.
        steps: of a whole training on the task.
    """
    ends = part_ends(steps)
    complete = sum(end < outcome.steps or (end == outcome.steps and outcome.kind != NON_FINITE) for end in ends)
    if len(outcome.curve) < complete:  # the sum of a part has left float32, and so has no place in the curve
        return None
    for part, (mean, threshold) in enumerate(zip(outcome.curve, thresholds, strict=False)):
        length = ends[part] - (ends[part - 1] if part else 0)
        with np.errstate(over="ignore"):
            above = np.float32(mean * length) > np.float32(threshold) * np.float32(length)
        if above:
            return Outcome(STOPPED_EARLY, None, outcome.curve[: part + 1], ends[part])
    return None if outcome.kind == STOPPED_EARLY else outcome
