"""A task that sorts examples into classes: all of the contract but the model."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from proxy_tasks import datasets, schedules
from proxy_tasks.errors import TaskError
from proxy_tasks.layers import cross_entropy
from proxy_tasks.randomness import shuffled_batches
from proxy_tasks.splits import Split
from proxy_tasks.task import Task, fingerprint


class Settings(Protocol):
    """What a classifier's frozen dataclass of settings has in any case."""

    @property
    def steps(self) -> int:
        """Training steps of one candidate."""

    @property
    def batch(self) -> int:
        """Examples a step."""

    @property
    def warm_up(self) -> float:
        """Share of the steps with a rising learning rate."""

    @property
    def split(self) -> Split:
        """How the examples are divided."""


class Classifier(Task):
    """Mean cross-entropy over a bundled data set, in nats.

    A model is a subclass with a name, a table of settings, `init`, `inputs` and `logits`.

    Args:
        scale: a key of SCALES.
        settings: instead of those of the scale.

    Raises:
        TaskError: for an unknown scale.
    """

    SCALES: ClassVar[dict[int, Any]]  # {1: settings, 10: settings, 100: settings}
    DATASET: ClassVar[str]  # as `datasets.load` knows it
    REVISION: ClassVar[int]  # raised when the code changes what the same settings compute

    def __init__(self, scale: int = 1, settings: Any = None):
        if scale not in self.SCALES:
            raise TaskError(f"{self.name} has no scale {scale}: it has {', '.join(map(str, self.SCALES))}")
        self.scale = scale
        self.settings: Any = self.SCALES[scale] if settings is None else settings
        self.steps = self.settings.steps
        self.version = fingerprint(self.name, scale, self.settings, datasets.digest(self.DATASET), self.REVISION)

    @abstractmethod
    def inputs(self, images: np.ndarray) -> np.ndarray:
        """What the model reads, prepared once on the host: float32 [examples, ...] from the images of the data set."""

    @abstractmethod
    def logits(self, weights: Any, x: jax.Array) -> jax.Array:
        """[classes, examples] for inputs x [examples, ...]."""

    def data(self) -> dict[str, dict[str, np.ndarray]]:
        """{"train": ..., "evaluation": ...}, each {"x": float32 [examples, ...], "y": int32 [examples]}."""
        return self._splits(evaluation="validation")

    def test_data(self) -> dict[str, dict[str, np.ndarray]]:
        """`data()` with the test split as "evaluation"."""
        return self._splits(evaluation="test")

    def batches(self, seed: int) -> np.ndarray:
        """int32 [steps, batch]: indices of training examples."""
        return shuffled_batches(seed, self.settings.split.train, self.settings.batch, self.steps)

    def loss(self, weights: Any, data: Any, batch: jax.Array) -> jax.Array:
        """Mean cross-entropy of the examples that `batch` names, in nats."""
        x, y = data["train"]["x"][batch], data["train"]["y"][batch]
        return cross_entropy(self.logits(weights, x), y)

    def evaluate(self, weights: Any, data: Any) -> jax.Array:
        """Mean cross-entropy over the whole "evaluation" split, in nats."""
        split = data["evaluation"]
        return cross_entropy(self.logits(weights, split["x"]), split["y"])

    def accuracy(self, weights: Any, data: Any) -> jax.Array:
        """Share of the "evaluation" split whose class is right, in [0, 1]; for reports."""
        split = data["evaluation"]
        return jnp.mean(self.logits(weights, split["x"]).argmax(0) == split["y"], dtype=jnp.float32)

    def schedule(self) -> np.ndarray:
        """Cosine with warm-up."""
        return schedules.cosine(self.steps, self.settings.warm_up)

    def _splits(self, evaluation: str) -> dict[str, dict[str, np.ndarray]]:
        arrays = datasets.load(self.DATASET)
        indices = self.settings.split.indices(len(arrays["labels"]))

        def part(name: str) -> dict[str, np.ndarray]:
            chosen = indices[name]
            return {"x": self.inputs(arrays["images"][chosen]), "y": arrays["labels"][chosen].astype(np.int32)}

        return {"train": part("train"), "evaluation": part(evaluation)}
