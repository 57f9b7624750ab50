"""A transformer over symbols, with logits of a symbol at each position."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from equinox.nn import Linear

from proxy_tasks.models.layers import columns
from proxy_tasks.models.transformer import Transformer


class LanguageModel(eqx.Module):
    """Logits of symbols.

    Args:
        inputs: number of symbols that are read.
        transformer: over them.
        outputs: number of symbols that are told.
        key: for fresh weights.
    """

    symbols: jax.Array  # [width, inputs]
    transformer: Transformer
    head: Linear

    def __init__(self, inputs: int, transformer: Transformer, outputs: int, key: jax.Array):
        width = len(transformer.positions)
        self.symbols = jnp.zeros((width, inputs))
        self.transformer = transformer
        self.head = Linear(width, outputs, use_bias=False, key=key)

    def __call__(self, text: jax.Array) -> jax.Array:
        """[outputs, positions, examples] for integers [positions, examples]."""
        positions, examples = text.shape
        # A product with ones and zeros in place of a lookup, whose gradient is a slow scatter.
        chosen = jax.nn.one_hot(text.reshape(-1), self.symbols.shape[1], axis=0)
        h = self.transformer((self.symbols @ chosen).reshape(-1, positions, examples))
        return columns(self.head)(h.reshape(-1, positions * examples)).reshape(-1, positions, examples)
