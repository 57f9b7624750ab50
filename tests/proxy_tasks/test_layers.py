"""The layers against plain formulas, and their hand-written gradients against JAX's own."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax
from jax.test_util import check_grads

from proxy_tasks.models.layers import attention, convolve, cross_entropy, group_norm, layer_norm
from proxy_tasks.randomness import Purpose, stream


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return stream(seed, Purpose.WEIGHTS).standard_normal(shape).astype(np.float32)


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
    expected = optax.softmax_cross_entropy_with_integer_labels(logits.T, labels)
    np.testing.assert_allclose(cross_entropy(logits, labels), expected, rtol=1e-5)
    check_grads(lambda x: cross_entropy(x, labels).mean(), (draw(10, 6),), order=1, modes=["rev"], rtol=1e-2)


def test_a_causal_token_sees_only_itself_and_those_before_it():
    qkv = draw(12, 4 * 5)
    seen = attention(qkv, 2, 4, causal=True).reshape(4, 4, 5)
    changed = qkv.reshape(12, 4, 5).copy()
    changed[:, 2:] = 7
    other = attention(changed.reshape(12, -1), 2, 4, causal=True).reshape(4, 4, 5)
    np.testing.assert_array_equal(seen[:, :2], other[:, :2])
    assert not np.allclose(seen[:, 2:], other[:, 2:])


@pytest.mark.parametrize("size", [1e6, 1e7])
def test_attention_is_finite_where_products_of_its_inputs_are_large(size):
    assert np.isfinite(jax.jit(lambda x: attention(x, 1, 4))(draw(12, 4 * 5) * size)).all()


@pytest.mark.parametrize(("side", "stride"), [(3, 1), (3, 2), (1, 2), (5, 1)])
def test_a_convolution_and_its_gradients_are_xlas(side, stride):
    kernel, x = draw(4, 3, side, side), draw(3, 7, 6, 5, seed=1)

    def xlas(kernel, x):
        padding = ((side // 2, side // 2),) * 2
        names = ("CHWN", "OIHW", "CHWN")
        return lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=names)

    def mine(kernel, x):
        return convolve(kernel, x, stride)

    (y, back), (expected, expected_back) = jax.vjp(mine, kernel, x), jax.vjp(xlas, kernel, x)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    g = draw(*y.shape, seed=2)
    for got, wanted in zip(back(g), expected_back(g), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


def test_group_norm_leaves_mean_0_and_variance_1_in_each_group_of_each_example():
    y = np.asarray(group_norm(draw(8, 5, 6, 3) * 3 + 2, groups=2)).reshape(2, -1, 3)
    np.testing.assert_allclose(y.mean(1), 0, atol=1e-6)
    np.testing.assert_allclose(y.var(1), 1, rtol=1e-5)
