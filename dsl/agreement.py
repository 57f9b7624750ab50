"""How far two programs lead the same weights apart, in float64 on made gradients."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from dsl.program import Program
from dsl.reference import on_leaves

SHAPES = ((4, 3), (5,), (), (2,))  # the last leaf starts at zero and never has a gradient
LEARNING_RATES = (0.3, 1.0, 0.7, 0.0, 0.5, 0.1)  # one for each step
LOST = 1e30  # weights beyond this are those of a training that diverged
SCALES = (1.0, 1e-3, 30.0)  # of the gradients


def difference(a: Program, b: Program, dtype: type = np.float64) -> float:
    """The largest distance of the weights in units of the way that they have gone, over steps and scales.

    A training counts as long as no weight of `a` is beyond 1e30; where one of `b` then is, the distance is infinite. It
    is not a number if no step of `a` counts.

    Args:
        a: a program.
        b: another.
        dtype: that is computed in: float32 shows where a program lives on its rounding.
    """
    found = [_difference(_trajectory(a, scale, dtype), _trajectory(b, scale, dtype)) for scale in SCALES]
    counted = [distance for distance in found if not math.isnan(distance)]
    return max(counted, default=math.nan)


@lru_cache(16)
def _trajectory(program: Program, scale: float, dtype: type) -> np.ndarray:
    """The weights at the start and after each step, float64 [1 + steps, weights]."""
    rng = np.random.Generator(np.random.Philox(key=[7, 7]))
    w: list[np.ndarray] = [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]
    w[-1] = np.zeros(SHAPES[-1], dtype)
    states: list[list[np.ndarray]] = [[np.zeros(shape, dtype) for shape in SHAPES] for _ in program.states]
    found = [w]
    for lr in LEARNING_RATES:
        g: list[np.ndarray] = [np.asarray(scale * rng.standard_normal(shape), dtype) for shape in SHAPES]
        g[-1] = np.zeros(SHAPES[-1], dtype)
        update, *states = on_leaves(program, [w, g, *states], lr)
        with np.errstate(all="ignore"):
            w = [np.asarray(old - change) for old, change in zip(w, update, strict=True)]
        found.append(w)
    return np.array([np.concatenate([leaf.ravel() for leaf in leaves]) for leaves in found], np.float64)


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    counted = int((np.abs(a) < LOST).all(1).cumprod().sum())
    if counted == 1:
        return math.nan
    a, b = a[:counted], b[:counted]
    with np.errstate(all="ignore"):
        way = np.linalg.norm(a - a[0], axis=1)[1:]
        apart = np.linalg.norm(a - b, axis=1)[1:]
        relative = np.where(apart == 0, 0.0, apart / way)
    return float(relative.max()) if np.isfinite(relative).all() else math.inf
