"""The layers of the built-in models: plain functions on [features, columns] arrays.

A column is one example, or one token of one example, with the examples next to each other: sums over features then run
along whole vectors of columns, and no operand of a product has to be transposed. Two gradients are written by hand for
the same reason: speed. On the smallest Vision Transformer layout and gradients together take a third off a training.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

LAYER_NORM_EPSILON = 1e-6


def normal(rng: np.random.Generator, outputs: int, inputs: int) -> np.ndarray:
    """Initial weights of `dense`: float32 [outputs, inputs] from N(0, 1 / inputs)."""
    return (rng.standard_normal((outputs, inputs)) / math.sqrt(inputs)).astype(np.float32)


@jax.custom_vjp
def dense(weights: jax.Array, x: jax.Array) -> jax.Array:
    """weights @ x: [outputs, inputs] times [inputs, columns]."""
    return weights @ x


def _dense_forward(weights, x):
    return weights @ x, (weights, x)


def _dense_backward(saved, g):
    weights, x = saved
    return g @ x.T, weights.T @ g  # JAX's own rule computes the transposes of both and turns them round


dense.defvjp(_dense_forward, _dense_backward)


@jax.custom_vjp
def layer_norm(x: jax.Array) -> jax.Array:
    """(x - mean) / sqrt(variance + 1e-6) over the features of each column; no parameters."""
    return _layer_norm_forward(x)[0]


def _layer_norm_forward(x):
    centred = x - x.mean(0)
    scale = lax.rsqrt((centred * centred).mean(0) + LAYER_NORM_EPSILON)
    y = centred * scale
    return y, (y, scale)


def _layer_norm_backward(saved, g):
    y, scale = saved
    return (scale * (g - g.mean(0) - y * (g * y).mean(0)),)


layer_norm.defvjp(_layer_norm_forward, _layer_norm_backward)


def attention(qkv: jax.Array, heads: int, tokens: int) -> jax.Array:
    """Every token attends to every token of its example.

    Args:
        qkv: queries, keys and values, [3 width, tokens examples].
        heads: number of heads; divides the width.
        tokens: tokens of an example.

    Returns:
        [width, tokens examples].
    """
    width, columns = qkv.shape[0] // 3, qkv.shape[1]
    depth = width // heads
    q, k, v = qkv.reshape(3, heads, depth, tokens, columns // tokens)
    share = jax.nn.softmax(jnp.einsum("hdtn,hdsn->nhts", q, k) / math.sqrt(depth))
    return jnp.einsum("nhts,hdsn->hdtn", share, v).reshape(width, columns)


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean cross-entropy in nats.

    Args:
        logits: [classes, examples].
        labels: integers [examples]. They are compared, not looked up: a gather's gradient is a slow scatter.
    """
    logits = logits - lax.stop_gradient(logits.max(0))
    of_label = jnp.where(jnp.arange(len(logits))[:, None] == labels, logits, 0).sum(0)
    return (jnp.log(jnp.exp(logits).sum(0)) - of_label).mean()
