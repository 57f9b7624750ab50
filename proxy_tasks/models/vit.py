"""A Vision Transformer (arXiv 2010.11929) with mean pooling."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
from equinox.nn import Linear

from proxy_tasks.models.layers import columns
from proxy_tasks.models.transformer import Transformer


def patches(images: Any, side: int) -> Any:
    """Images [examples, height, width, channels] cut into squares: [examples, side side channels, squares]."""
    examples, height, width, channels = images.shape
    grid = images.reshape(examples, height // side, side, width // side, side, channels)
    return grid.transpose(0, 2, 4, 5, 1, 3).reshape(examples, side * side * channels, -1)


class Vit(eqx.Module):
    """Logits of images that are cut into patches.

    Args:
        pixels: numbers in a patch.
        transformer: over the patches.
        outputs: classes.
        key: for fresh weights.
    """

    embed: Linear
    transformer: Transformer
    head: Linear

    def __init__(self, pixels: int, transformer: Transformer, outputs: int, key: jax.Array):
        width = len(transformer.positions)
        self.embed = Linear(pixels, width, use_bias=False, key=key)
        self.transformer = transformer
        self.head = Linear(width, outputs, use_bias=False, key=key)

    def __call__(self, x: jax.Array) -> jax.Array:
        """[outputs, examples] for patches [pixels, tokens, examples]."""
        pixels, tokens, examples = x.shape
        h = columns(self.embed)(x.reshape(pixels, tokens * examples))
        return columns(self.head)(self.transformer(h.reshape(-1, tokens, examples)).mean(1))
