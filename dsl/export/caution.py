"""What an exported text warns of: gradients on which the updates of a program are not finite."""

from __future__ import annotations

import numpy as np

from dsl.liveness import prune
from dsl.program import Program
from dsl.reference import on_leaves

SIZES = (1e-3, 1.0, 10.0)  # standard deviations of the gradients
STEPS = 50
SHAPES = ((4, 3), (5,))


def caution(program: Program) -> str:
    """A sentence on the sizes of gradients at which an update is infinite or NaN; empty if there are none.

    The gradients are normally distributed, the same for every program; the reference computes in float32, from weights
    of size 1 and with lr = 1.

    Args:
        program: a program that `dsl.check` accepts.
    """
    live = prune(program)
    found = [f"{size:g}" for size in SIZES if not _stays_finite(live, size)]
    if not found:
        return ""
    *others, last = (f"{size:g}" for size in SIZES)
    return (
        f"Caution: on normally distributed gradients of standard deviation {' or '.join(found)} its updates are"
        f" infinite or NaN within {STEPS} steps (tried: {', '.join(others)} and {last})."
    )


def _stays_finite(program: Program, size: float) -> bool:
    rng = np.random.Generator(np.random.Philox(key=[7, 7]))
    weights = [rng.standard_normal(shape, np.float32) for shape in SHAPES]
    states = [[np.zeros_like(leaf) for leaf in weights] for _ in program.states]
    for _ in range(STEPS):
        gradient = [np.float32(size) * rng.standard_normal(shape, np.float32) for shape in SHAPES]
        update, *states = on_leaves(program, [weights, gradient, *states], 1.0)
        if not all(np.isfinite(leaf).all() for leaf in update):
            return False
        with np.errstate(over="ignore"):
            weights = [old - new for old, new in zip(weights, update, strict=True)]
    return True
