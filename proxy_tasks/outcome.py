"""What became of a training: a typed outcome, never a number that could be mistaken for fitness."""

from __future__ import annotations

import math
from dataclasses import dataclass

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
