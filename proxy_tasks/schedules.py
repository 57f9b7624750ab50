"""Learning-rate schedules with peak 1, as arrays over the training steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def cosine(steps: int, warm_up: float = 0.05) -> np.ndarray:
    """Linear warm-up to 1, then half a cosine towards 0.

    With n = round(warm_up * steps), step i has (i + 1) / (n + 1) for i < n and (1 + cos(pi (i - n) / (steps - n))) / 2
    from there on: exactly 1 at step n, and never 0, so that no step is wasted.

    Args:
        steps: training steps, at least 1.
        warm_up: share of the steps, in [0, 1).

    Returns:
        float32 [steps].

    >>> print(cosine(5, warm_up=0.2).round(3))
    [0.5   1.    0.854 0.5   0.146]
    """
    return _after_warm_up(lambda done: 0.5 + 0.5 * np.cos(np.pi * done), steps, warm_up)


def linear(steps: int, warm_up: float = 0.05) -> np.ndarray:
    """As `cosine`, but in a straight line towards 0.

    >>> print(linear(5, warm_up=0.2))
    [0.5  1.   0.75 0.5  0.25]
    """
    return _after_warm_up(lambda done: 1 - done, steps, warm_up)


def constant(steps: int, warm_up: float = 0.05) -> np.ndarray:
    """As `cosine`, but 1 to the end.

    >>> print(constant(5, warm_up=0.2))
    [0.5 1.  1.  1.  1. ]
    """
    return _after_warm_up(np.ones_like, steps, warm_up)


SCHEDULES = {"cosine": cosine, "linear": linear, "constant": constant}


def _after_warm_up(falling: Callable[[np.ndarray], np.ndarray], steps: int, warm_up: float) -> np.ndarray:
    """A linear rise, then `falling` of the share of the other steps that is done."""
    n = round(warm_up * steps)
    step = np.arange(steps)
    return np.where(step < n, (step + 1) / (n + 1), falling((step - n) / (steps - n))).astype(np.float32)
