"""A multilayer perceptron on 8x8 digits: the cheapest task there is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax
import numpy as np

from proxy_tasks.classifier import Classifier
from proxy_tasks.layers import dense, normal
from proxy_tasks.randomness import Purpose, stream
from proxy_tasks.splits import Split

PIXELS, CLASSES = 64, 10


@dataclass(frozen=True)
class MlpSettings:
    """Settings of the model and its training.

    Attributes:
        hidden: width of each hidden layer.
        batch: examples a step.
        steps: training steps.
        warm_up: share of the steps with a rising learning rate.
        split: how the examples are divided.
    """

    hidden: tuple[int, ...] = (32,)
    batch: int = 16
    steps: int = 200
    warm_up: float = 0.05
    split: Split = Split(train=1000, validation=400, test=397)


class Digits(Classifier):
    """`digits`: dense layers with biases and ReLU between them."""

    name = "digits"
    DATASET = "digits"
    REVISION = 1
    SCALES = {
        1: MlpSettings(),
        10: MlpSettings(hidden=(64, 64), steps=700),
        100: MlpSettings(hidden=(128, 128), steps=2500),
    }

    def init(self, seed: int) -> list[dict[str, np.ndarray]]:
        """For each layer: matrix [outputs, inputs] from N(0, 1 / inputs), bias [outputs] of zeros."""
        rng = stream(seed, Purpose.WEIGHTS)
        widths = (PIXELS, *self.settings.hidden, CLASSES)
        return [
            {"matrix": normal(rng, outputs, inputs), "bias": np.zeros(outputs, np.float32)}
            for inputs, outputs in pairwise(widths)
        ]

    def inputs(self, images: np.ndarray) -> np.ndarray:
        """Pixels in [0, 1], float32 [examples, 64]."""
        return images.reshape(-1, PIXELS).astype(np.float32) / 16

    def logits(self, weights: Any, x: jax.Array) -> jax.Array:
        """[10, examples] for pixels [examples, 64]."""
        h = x.T
        for layer in weights[:-1]:
            h = jax.nn.relu(dense(layer["matrix"], h) + layer["bias"][:, None])
        return dense(weights[-1]["matrix"], h) + weights[-1]["bias"][:, None]
