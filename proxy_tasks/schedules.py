"""Learning-rate schedules with peak 1, as arrays over the training steps."""

from __future__ import annotations

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
    n = round(warm_up * steps)
    step = np.arange(steps)
    falling = 0.5 + 0.5 * np.cos(np.pi * (step - n) / (steps - n))
    return np.where(step < n, (step + 1) / (n + 1), falling).astype(np.float32)
