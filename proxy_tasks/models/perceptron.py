"""A multilayer perceptron with biases and ReLU."""

from __future__ import annotations

from itertools import pairwise

import equinox as eqx
import jax
from equinox.nn import Linear

from proxy_tasks.models.layers import columns


class Perceptron(eqx.Module):
    """Dense layers with ReLU between them.

    Args:
        widths: of the input, of each hidden layer and of the output.
        key: for fresh weights.
    """

    layers: tuple[Linear, ...]

    def __init__(self, widths: tuple[int, ...], key: jax.Array):
        self.layers = tuple(Linear(inputs, outputs, key=key) for inputs, outputs in pairwise(widths))

    def __call__(self, x: jax.Array) -> jax.Array:
        """[outputs, columns] for [inputs, columns]."""
        for layer in self.layers[:-1]:
            x = jax.nn.relu(columns(layer)(x))
        return columns(self.layers[-1])(x)
