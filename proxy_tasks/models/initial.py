"""Initial weights by NumPy: the same bits with every version of JAX, and nothing to compile."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import equinox as eqx
import jax
import numpy as np

M = TypeVar("M", bound=eqx.Module)


def initial(make: Callable[[jax.Array], M], rng: np.random.Generator) -> M:
    """A model with fresh weights, float32.

    A `weight` of two or more axes, [outputs, inputs, ...], comes from N(0, 1 / inputs); one of one axis is a scale, and
    1; a `bias` and a single number are 0; whatever a model holds under another name, such as positions, comes from
    N(0, 1).

    Args:
        make: the model, given a key; it is traced for its shapes only.
        rng: what the weights are drawn from, in the order of the model's fields.
    """
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: _drawn(str(path[-1]), leaf.shape, rng).astype(np.float32),
        jax.eval_shape(make, jax.random.key(0)),
    )


def _drawn(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if name == ".bias" or not shape:
        return np.zeros(shape)
    if name == ".weight" and len(shape) == 1:
        return np.ones(shape)
    drawn = rng.standard_normal(shape)
    return drawn / math.sqrt(math.prod(shape[1:])) if name == ".weight" else drawn
