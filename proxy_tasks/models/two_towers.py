"""Pictures and texts as points of one sphere (arXiv 2103.00020)."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp

from proxy_tasks.models.language_model import LanguageModel
from proxy_tasks.models.vit import Vit

LARGEST_SCALE = 100.0  # what similarities are multiplied by, at most


class Scale(eqx.Module):
    """What similarities are multiplied by: 1 / temperature, learnt.

    Args:
        first: with fresh weights.
    """

    logarithm: jax.Array  # a scalar: the logarithm of the scale, less that of the first
    first: float = eqx.field(static=True)

    def __init__(self, first: float):
        self.logarithm, self.first = jnp.zeros(()), first

    def __call__(self) -> jax.Array:
        """The scale, at most 100."""
        return jnp.exp(jnp.minimum(math.log(self.first) + self.logarithm, math.log(LARGEST_SCALE)))


class TwoTowers(eqx.Module):
    """A tower for pictures and one for texts, of as many outputs.

    Args:
        pictures: tells a vector for each picture.
        texts: tells a vector for each word.
        temperature: the first.
    """

    pictures: Vit
    texts: LanguageModel
    scale: Scale

    def __init__(self, pictures: Vit, texts: LanguageModel, temperature: float):
        self.pictures, self.texts, self.scale = pictures, texts, Scale(1 / temperature)

    def of_pictures(self, x: jax.Array) -> jax.Array:
        """Points [features, examples] of patches [pixels, patches, examples]."""
        return on_sphere(self.pictures(x))

    def of_texts(self, words: jax.Array) -> jax.Array:
        """Points [features, examples] of integers [words, examples]."""
        return on_sphere(self.texts(words).mean(1))


def on_sphere(x: jax.Array) -> jax.Array:
    """Columns divided by their length; one of zeros stays."""
    return x * jax.lax.rsqrt((x * x).sum(0) + 1e-12)
