"""What a machine keeps from step to step."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Memory(NamedTuple):
    """What one step leaves for the next.

    Attributes:
        weights: float32 [number of weights].
        states: float32 [capacity.states, number of weights].
        trees: float32 [rows, number of weights], registers; here only so that they are not allocated anew.
    """

    weights: jax.Array
    states: jax.Array
    trees: jax.Array


def start(weights: jax.Array, states: int, trees: int = 0) -> Memory:
    """What a training begins with: its weights, and zeros in this many states and registers."""
    return Memory(weights, *(jnp.zeros((rows, weights.size), jnp.float32) for rows in (states, trees)))
