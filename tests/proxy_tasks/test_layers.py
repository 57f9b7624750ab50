"""The layers against plain formulas, and their hand-written gradients against JAX's own."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.test_util import check_grads
from proxy_tasks.layers import attention, cross_entropy, dense, layer_norm, normal

from proxy_tasks.randomness import Purpose, stream


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return stream(seed, Purpose.WEIGHTS).standard_normal(shape).astype(np.float32)


def test_dense_and_its_gradients_are_those_of_a_matrix_product():
    w, x, g = draw(3, 4), draw(4, 5, seed=1), draw(3, 5, seed=2)
    got, back = jax.vjp(dense, w, x)
    np.testing.assert_allclose(got, w @ x, rtol=1e-6)
    for mine, jaxs in zip(back(g), jax.vjp(jnp.matmul, w, x)[1](g), strict=True):
        np.testing.assert_allclose(mine, jaxs, rtol=1e-5, atol=1e-6)


def test_layer_norm_leaves_mean_0_and_variance_1_in_each_column():
    y = np.asarray(layer_norm(draw(16, 7) * 3 + 2))
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(y.var(0), 1, rtol=1e-5)


@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0])
def test_the_gradient_of_layer_norm_is_that_of_the_formula(size):
    x, g = draw(16, 7) * size, draw(16, 7, seed=1)

    def formula(x):
        return (x - x.mean(0)) / jnp.sqrt(x.var(0) + 1e-6)

    mine, jaxs = jax.vjp(layer_norm, x)[1](g)[0], jax.vjp(formula, x)[1](g)[0]
    np.testing.assert_allclose(mine, jaxs, rtol=1e-4, atol=1e-5 * float(np.abs(jaxs).max()))


def test_attention_is_that_of_one_example_and_one_head_at_a_time():
    heads, depth, tokens, examples = 2, 3, 4, 5
    qkv = draw(3 * heads * depth, tokens * examples)
    parts = qkv.reshape(3, heads, depth, tokens, examples)
    expected = np.empty((heads, depth, tokens, examples))
    for h in range(heads):
        for n in range(examples):
            q, k, v = (parts[i, h, :, :, n] for i in range(3))
            share = np.exp(q.T @ k / math.sqrt(depth))
            expected[h, :, :, n] = v @ (share / share.sum(1, keepdims=True)).T
    np.testing.assert_allclose(attention(qkv, heads, tokens), expected.reshape(heads * depth, -1), rtol=2e-5, atol=1e-6)


def test_cross_entropy_is_optax_s_and_survives_large_logits():
    logits, labels = draw(10, 6) * 100, np.arange(6)
    expected = optax.softmax_cross_entropy_with_integer_labels(logits.T, labels).mean()
    np.testing.assert_allclose(cross_entropy(logits, labels), expected, rtol=1e-5)
    check_grads(lambda x: cross_entropy(x, labels), (draw(10, 6),), order=1, modes=["rev"], rtol=1e-2)


def test_initial_weights_keep_the_size_of_what_they_are_applied_to():
    w = normal(stream(0, Purpose.WEIGHTS), 400, 300)
    assert w.shape == (400, 300) and w.dtype == np.float32
    assert w.std() == pytest.approx(1 / math.sqrt(300), rel=0.02)
