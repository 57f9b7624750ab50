"""Tasks that sort images into classes: vision, the first family of the paper's proxies (arXiv 2302.06675, 2.2)."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from proxy_tasks import datasets
from proxy_tasks.augmentation import augmented, draw_augmentation
from proxy_tasks.model_task import ModelTask, entropy, mean_over
from proxy_tasks.models.layers import cross_entropy
from proxy_tasks.randomness import Purpose, shuffled_batches, stream
from proxy_tasks.settings import Settings, setting
from proxy_tasks.splits import Split


@dataclass(frozen=True)
class ImageSettings(Settings):
    """What tasks over images share."""

    data: str = setting("digits", "images: a known set, or the path of an npz or idx file")
    train: int = setting(1000, "training images", 1)
    validation: int = setting(400, "images whose loss is the fitness", 1)
    test: int = setting(397, "images that no search sees", 1)
    order: int = setting(0, "seed of the order in which the images are divided", 0)

    @property
    def split(self) -> Split:
        """How the images are divided."""
        return Split(self.train, self.validation, self.test, self.order)


@dataclass(frozen=True)
class ClassifierSettings(ImageSettings):
    """What image classifiers share."""

    fitness: str = setting("loss", "mean cross-entropy in nats, or 1 - accuracy", choices=("loss", "accuracy"))
    label_noise: float = setting(0.0, "share of the training images with a label drawn at random", 0, 1)
    shift: int = setting(0, "pixels by which a training image is moved at most, anew in each step", 0)
    flip: bool = setting(False, "whether half of the training images are mirrored, anew in each step")


# What the larger vision tasks are made of: bundled pictures, and whole sets that scripts/make_data.py fetches.
SMALL: dict[str, Any] = {"data": "fashion_small", "train": 4000, "validation": 500, "test": 500}
WHOLE: dict[str, Any] = {"data": "fashion_mnist", "train": 50_000, "validation": 5_120, "test": 10_000}


class Classifier(ModelTask):
    """An image classifier. A model is a subclass with a name, a table of settings, `model` and `inputs`."""

    @abstractmethod
    def inputs(self, images: Any) -> Any:
        """What the model reads, [examples, ...], from pixels [examples, height, width, channels]: axes moved, no more.

        It is applied to NumPy arrays once or, where training images are augmented, to JAX arrays in each step. The
        model itself takes the examples as the last axis.
        """

    def images(self) -> dict[str, np.ndarray]:
        """What is divided: {"images": uint8 [n, height, width, channels], "labels": int32 [n]}."""
        return datasets.images(self.settings.data)

    def load(self) -> None:
        """Images as float32 in [0, 1], labels as int32, divided."""
        found, s = self.images(), self.settings
        self.classes = int(found["labels"].max()) + 1
        pixels, labels = found["images"], found["labels"]
        self._parts = {name: (pixels[chosen], labels[chosen]) for name, chosen in s.split.indices(len(labels)).items()}
        self.shape = pixels.shape[1:]
        self._brightest = float(pixels.max())

    def sources(self) -> tuple[str, ...]:
        """That of the images."""
        return (datasets.digest(self.settings.data),)

    @property
    def chance(self) -> float:
        """Of a model that knows the shares of the classes."""
        labels = self._parts["validation"][1]
        if self.settings.fitness == "accuracy":
            return 1 - float(np.bincount(labels).max() / len(labels))
        return entropy(labels)

    def data(self) -> dict[str, dict[str, np.ndarray]]:
        """{"train": ..., "evaluation": ...}, each {"x": float32 [examples, ...], "y": int32 [examples]}."""
        return self._splits(evaluation="validation")

    def test_data(self) -> dict[str, dict[str, np.ndarray]]:
        """`data()` with the test split as "evaluation"."""
        return self._splits(evaluation="test")

    def batches(self, seed: int) -> dict[str, np.ndarray]:
        """{"examples": int32 [steps, batch]}: indices of training examples; and how each is augmented."""
        s = self.settings
        examples = shuffled_batches(seed, s.train, s.batch, s.steps)
        return {"examples": examples} | draw_augmentation(seed, examples.shape, s.shift, s.flip)

    def loss(self, weights: Any, data: Any, batch: Any) -> jax.Array:
        """Mean cross-entropy of the examples that `batch` names, in nats."""
        x, y = data["train"]["x"][batch["examples"]], data["train"]["y"][batch["examples"]]
        if self._augments:
            x = self.inputs(augmented(x, batch, self.settings.shift))
        return cross_entropy(self._logits(weights, x), y).mean()

    def evaluate(self, weights: Any, data: Any) -> jax.Array:
        """The fitness over the whole "evaluation" split."""
        if self.settings.fitness == "accuracy":
            return 1 - self._accuracy(weights, data)
        return mean_over(lambda part: cross_entropy(self._logits(weights, part["x"]), part["y"]), data["evaluation"])

    def _accuracy(self, weights: Any, data: Any) -> jax.Array:
        """Share of the "evaluation" split whose class is right, in [0, 1]."""

        def right(part: Any) -> jax.Array:
            return jnp.float32(self._logits(weights, part["x"]).argmax(0) == part["y"])

        return mean_over(right, data["evaluation"])

    def _logits(self, weights: Any, x: jax.Array) -> jax.Array:
        """[classes, examples] for inputs [examples, ...]."""
        return weights(jnp.moveaxis(x, 0, -1))

    @property
    def _augments(self) -> bool:
        return self.settings.shift > 0 or self.settings.flip

    def _splits(self, evaluation: str) -> dict[str, dict[str, np.ndarray]]:
        def part(name: str, prepared: bool) -> dict[str, np.ndarray]:
            images, labels = self._parts[name]
            pixels = images.astype(np.float32) / np.float32(self._brightest)
            return {"x": self.inputs(pixels) if prepared else pixels, "y": labels}

        train = part("train", prepared=not self._augments)
        train["y"] = self._noisy(train["y"])
        return {"train": train, "evaluation": part(evaluation, prepared=True)}

    def _noisy(self, labels: np.ndarray) -> np.ndarray:
        """Labels, some of which are drawn at random, whatever the right one is."""
        rng = stream(self.settings.order, Purpose.LABELS)
        drawn = rng.integers(self.classes, size=len(labels), dtype=np.int32)
        return np.where(rng.random(len(labels)) < self.settings.label_noise, drawn, labels)
