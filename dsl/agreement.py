"""How far two programs lead the same weights apart, in float64 on made gradients."""

from __future__ import annotations

import math

import numpy as np

from dsl.program import Program
from dsl.reference import on_leaves

SHAPES = ((4, 3), (5,), (), (2,))  # the last leaf starts at zero and never has a gradient
LEARNING_RATES = (0.3, 1.0, 0.7, 0.0, 0.5, 0.1)  # one for each step
SCALES = (1.0, 1e-3, 30.0)  # of the gradients


def difference(a: Program, b: Program) -> float:
    """The largest distance of the weights in units of the way that they have gone, over steps and scales.

    A training counts as long as the weights of `a` are finite; where those of `b` are not, the distance is infinite.
    It is not a number if no step of `a` is finite.
    """
    found = [_difference(_trajectory(a, scale), _trajectory(b, scale)) for scale in SCALES]
    counted = [distance for distance in found if not math.isnan(distance)]
    return max(counted, default=math.nan)


def _trajectory(program: Program, scale: float) -> np.ndarray:
    """The weights at the start and after each step, float64 [1 + steps, weights]."""
    rng = np.random.Generator(np.random.Philox(key=[7, 7]))
    w = [np.asarray(rng.standard_normal(shape)) for shape in SHAPES]
    w[-1] = np.zeros(SHAPES[-1])
    states = [[np.zeros(shape) for shape in SHAPES] for _ in program.states]
    found = [w]
    for lr in LEARNING_RATES:
        g = [np.asarray(scale * rng.standard_normal(shape)) for shape in SHAPES]
        g[-1] = np.zeros(SHAPES[-1])
        update, *states = on_leaves(program, [w, g, *states], lr)
        with np.errstate(all="ignore"):
            w = [np.asarray(old - change) for old, change in zip(w, update, strict=True)]
        found.append(w)
    return np.array([np.concatenate([leaf.ravel() for leaf in leaves]) for leaves in found])


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    finite = int(np.isfinite(a).all(1).cumprod().sum())
    if finite == 1:
        return math.nan
    a, b = a[:finite], b[:finite]
    with np.errstate(all="ignore"):
        way = np.linalg.norm(a - a[0], axis=1)[1:]
        apart = np.linalg.norm(a - b, axis=1)[1:]
        relative = np.where(apart == 0, 0.0, apart / way)
    return float(relative.max()) if np.isfinite(relative).all() else math.inf
