"""my_task: a small network learns a wave from noisy points.

Change what the comments say; `optsearch tasks check` tells whether a search can rely on it.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import proxy_tasks

# The sizes of each scale: a training at scale 10 should cost about ten times as much as at scale 1.
SIZES = {
    1: {"hidden": 16, "batch": 16, "steps": 200},
    10: {"hidden": 64, "batch": 32, "steps": 800},
}
TRAIN, EVALUATION, TEST = 600, 200, 200  # examples of each split
REVISION = 1  # to be raised when a change of the code changes what is computed


class MyTask(proxy_tasks.Task):
    """`my_task`: see the module."""

    name = "my_task"

    def __init__(self, scale: int = 1):
        if scale not in SIZES:
            raise proxy_tasks.TaskError(f"{self.name} has no scale {scale}: it has {', '.join(map(str, SIZES))}")
        self.scale = scale
        self.sizes = SIZES[scale]
        self.steps = self.sizes["steps"]
        # All that defines the task; results of another version are never taken for those of this one. Data from a
        # file belong here, too: hashlib.sha256(Path(...).read_bytes()).hexdigest().
        self.version = proxy_tasks.fingerprint(self.name, scale, self.sizes, (TRAIN, EVALUATION, TEST), REVISION)

    def data(self) -> Any:
        """The training and the evaluation split, each {"x": float32 [examples, 2], "y": float32 [examples]}."""
        train, evaluation, _ = self._splits()
        return {"train": train, "evaluation": evaluation}

    def test_data(self) -> Any:
        """The same with the test split as "evaluation"; no search asks for it."""
        train, _, test = self._splits()
        return {"train": train, "evaluation": test}

    def _splits(self) -> list[dict[str, np.ndarray]]:
        # Your data: every time the same, divided at random, every example in one split. A table is read by
        # proxy_tasks.tables.read_csv(path, numbers=[...]), which names the place of what is wrong in it.
        rng = np.random.default_rng(0)
        x = rng.uniform(-1, 1, (TRAIN + EVALUATION + TEST, 2)).astype(np.float32)
        y = (np.sin(4 * x[:, 0]) * x[:, 1] + rng.normal(0, 0.05, len(x))).astype(np.float32)
        places = np.split(rng.permutation(len(x)), [TRAIN, TRAIN + EVALUATION])
        return [{"x": x[chosen], "y": y[chosen]} for chosen in places]

    def init(self, seed: int) -> Any:
        """The initial weights of your model, all float32."""
        rng, hidden = np.random.default_rng((seed, 0)), self.sizes["hidden"]
        return {
            "in": rng.normal(0, 1, (2, hidden)).astype(np.float32),
            "bias": np.zeros(hidden, np.float32),
            "out": rng.normal(0, hidden**-0.5, hidden).astype(np.float32),
        }

    def batches(self, seed: int) -> np.ndarray:
        """The training examples of each step, int32 [steps, batch]."""
        rng = np.random.default_rng((seed, 1))
        return rng.integers(TRAIN, size=(self.steps, self.sizes["batch"]), dtype=np.int32)

    def _predict(self, weights: Any, x: jax.Array) -> jax.Array:
        # Your model, in JAX.
        return jnp.tanh(x @ weights["in"] + weights["bias"]) @ weights["out"]

    def loss(self, weights: Any, data: Any, batch: jax.Array) -> jax.Array:
        """The mean squared error of the examples that `batch` names: what is trained on."""
        train = data["train"]
        return jnp.mean((self._predict(weights, train["x"][batch]) - train["y"][batch]) ** 2)

    def evaluate(self, weights: Any, data: Any) -> jax.Array:
        """The mean squared error over the evaluation split, lower is better: the fitness of an optimizer."""
        split = data["evaluation"]
        return jnp.mean((self._predict(weights, split["x"]) - split["y"]) ** 2)

    def schedule(self) -> np.ndarray:
        """The learning rate of each step, with peak 1; an optimizer has its own factor."""
        return np.linspace(1, 0, self.steps, endpoint=False, dtype=np.float32)
