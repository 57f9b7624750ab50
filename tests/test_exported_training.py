"""Exported Lion and AdamW train a small transformer as the published ones do, in float32, over 200 steps, to 1e-5.

That is 1e-5 and 1e-5 of a weight's size: multiplying large weights by 1 - lr * weight_decay, as the published Lion of
PyTorch does, is rounded by as much. Where optimizers round otherwise, both get the gradients at the weights of the
published one: now and then rounding decides over the sign of an average, and so over the rest of a training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import jax
import numpy as np
import optax
import pytest

import dsl
import proxy_tasks
from tests.dsl.exported import NO_TORCH, load

STEPS = 200
Leaves = Sequence[np.ndarray]
Advance = Callable[[Leaves, Leaves], Leaves]  # (weights, gradients) -> weights


@cache
def transformer():
    """A Vision Transformer of 3,552 weights: its leaves, and its gradient at leaves and a step."""
    task = proxy_tasks.get("digits_vit")
    weights, data, batches = jax.device_put((task.init(0), task.data(), task.batches(0)))
    leaves, tree = jax.tree.flatten(weights)

    def loss(leaves, t):
        return task.loss(tree.unflatten(leaves), data, jax.tree.map(lambda leaf: leaf[t], batches))

    return [np.asarray(leaf) for leaf in leaves], jax.jit(jax.grad(loss))


def gradients(advance: Advance) -> tuple[list[Leaves], Leaves]:
    """The gradients of each step, and the weights at the end."""
    (w, gradient), found = transformer(), []
    for t in range(STEPS):
        found.append([np.asarray(leaf) for leaf in gradient(w, t)])
        w = advance(w, found[-1])
    return found, w


def by_optax(optimizer: optax.GradientTransformation) -> Advance:
    state, update = optimizer.init(transformer()[0]), jax.jit(optimizer.update)

    def advance(w, g):
        nonlocal state
        updates, state = update(g, state, w)
        return [np.asarray(leaf) for leaf in optax.apply_updates(w, updates)]

    return advance


def by_torch(make: Callable) -> Advance:
    import torch

    params = [torch.nn.Parameter(torch.from_numpy(leaf.copy())) for leaf in transformer()[0]]
    optimizer = make(params)

    def advance(w, g):
        for param, leaf in zip(params, g, strict=True):
            param.grad = torch.from_numpy(leaf.copy())
        optimizer.step()
        return [param.detach().numpy().copy() for param in params]

    return advance


def adamw(learning_rate=0.001, b1=0.9, b2=0.999, weight_decay=0.01) -> Advance:
    """AdamW without bias correction, as the paper's program has it, in float64."""
    w = [leaf.astype(np.float64) for leaf in transformer()[0]]
    m = v = [np.zeros_like(leaf) for leaf in w]

    def advance(_, g):
        nonlocal w, m, v
        m = [b1 * old + (1 - b1) * leaf for old, leaf in zip(m, g, strict=True)]
        v = [b2 * old + (1 - b2) * np.square(leaf, dtype=np.float64) for old, leaf in zip(v, g, strict=True)]
        directions = [mean / (np.sqrt(square) + 1e-8) for mean, square in zip(m, v, strict=True)]
        w = [leaf - learning_rate * (way + weight_decay * leaf) for leaf, way in zip(w, directions, strict=True)]
        return [leaf.astype(np.float32) for leaf in w]

    return advance


def exported(name: str, to: str, **options) -> Advance:
    """An exported optimizer with its defaults."""
    found = load(dsl.optimizers[name], to)
    if to == "optax":
        return by_optax(found["found_optimizer"]())
    return by_torch(lambda params: found["FoundOptimizer"](params, **options))


def expect_same(advance: Advance, given: Sequence[Leaves], expected: Leaves) -> None:
    w = transformer()[0]
    for g in given:
        w = advance(w, g)
    for leaf, other, start in zip(w, expected, transformer()[0], strict=True):
        assert leaf.dtype == np.float32 and np.abs(leaf - start).max() > 1e-3
        np.testing.assert_allclose(leaf, other, rtol=1e-5, atol=1e-5)


def test_lion_is_that_of_optax():
    _, published = gradients(by_optax(optax.lion(1e-4, weight_decay=0.1)))
    _, found = gradients(exported("lion", "optax"))
    for leaf, other in zip(found, published, strict=True):
        np.testing.assert_allclose(leaf, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("foreach", [False, True])
def test_lion_is_that_of_lion_pytorch(foreach):
    published = pytest.importorskip("lion_pytorch", reason=NO_TORCH).Lion
    found, expected = gradients(by_torch(lambda params: published(params, lr=1e-4, weight_decay=0.1)))
    expect_same(exported("lion", "torch", foreach=foreach), found, expected)


@pytest.mark.parametrize("to", ["optax", "torch"])
def test_adamw_is_its_formula(to):
    found, expected = gradients(adamw())
    expect_same(exported("adamw", to), found, expected)
