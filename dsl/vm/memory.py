"""What a machine keeps from step to step."""

from __future__ import annotations

from typing import NamedTuple

import jax


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
