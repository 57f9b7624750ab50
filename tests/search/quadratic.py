"""A task whose training takes a millisecond: noisy quadratic bowls."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from proxy_tasks import Task
from proxy_tasks.randomness import Purpose, stream
from proxy_tasks.schedules import cosine
from proxy_tasks.task import fingerprint


class Quadratic(Task):
    """`quadratic`: the distance from a point that is seen through noise."""

    name = "quadratic"

    def __init__(self, scale: int = 1):
        self.scale = scale
        self.steps = {1: 20, 10: 40}[scale]
        self.version = fingerprint(self.name, scale, 1)

    def data(self) -> dict[str, np.ndarray]:
        return {"target": np.linspace(-1, 1, 6, dtype=np.float32)}

    def test_data(self) -> dict[str, np.ndarray]:
        raise AssertionError("a search has opened the test split")

    def init(self, seed: int) -> dict[str, np.ndarray]:
        weights = stream(seed, Purpose.WEIGHTS).standard_normal(6).astype(np.float32)
        return {"a": weights[:4].reshape(2, 2), "b": weights[4:]}

    def batches(self, seed: int) -> np.ndarray:
        return stream(seed, Purpose.BATCHES).normal(0.0, 0.3, (self.steps, 6)).astype(np.float32)

    def loss(self, weights: dict, data: dict, batch: jax.Array) -> jax.Array:
        distance = jnp.concatenate([weights["a"].ravel(), weights["b"]]) - data["target"] - batch
        return jnp.sum(jnp.array([4.0, 2.0, 1.0, 1.0, 0.5, 0.25]) * distance * distance)

    def evaluate(self, weights: dict, data: dict) -> jax.Array:
        return self.loss(weights, data, jnp.zeros(6))

    def schedule(self) -> np.ndarray:
        return cosine(self.steps)


class Scaled(Quadratic):
    """`scaled`: the same in another unit."""

    name = "scaled"

    def loss(self, weights: dict, data: dict, batch: jax.Array) -> jax.Array:
        return 1000 * super().loss(weights, data, batch)


class Steeper(Quadratic):
    """`steeper`: with a larger scale that wants a smaller learning rate."""

    name = "steeper"

    def loss(self, weights: dict, data: dict, batch: jax.Array) -> jax.Array:
        return self.scale**2 * super().loss(weights, data, batch)
