"""Vision with a multilayer perceptron: the cheapest tasks there are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax

from proxy_tasks.classifier import SMALL, WHOLE, Classifier, ClassifierSettings
from proxy_tasks.models.perceptron import Perceptron
from proxy_tasks.settings import setting


@dataclass(frozen=True)
class MlpSettings(ClassifierSettings):
    """Settings of a perceptron."""

    width: int = setting(32, "features of a hidden layer", 1)
    layers: int = setting(1, "hidden layers", 1)


class Digits(Classifier):
    """`digits`: 8x8 digits."""

    name = "digits"
    REVISION = 3
    SCALES = {
        1: MlpSettings(steps=200),
        10: MlpSettings(steps=700, width=64, layers=2),
        100: MlpSettings(steps=2500, width=128, layers=2),
        500: MlpSettings(steps=5000, width=256, layers=2),
    }

    def inputs(self, images: Any) -> Any:
        """[examples, pixels]."""
        return images.reshape(len(images), -1)

    def model(self, key: jax.Array) -> Perceptron:
        """A perceptron."""
        return Perceptron((math.prod(self.shape), *[self.settings.width] * self.settings.layers, self.classes), key)


class VisionMlp(Digits):
    """`vision_mlp`: pictures of clothes, 14x14 and, from scale 100, 28x28; or others."""

    name = "vision_mlp"
    SCALES = {
        1: MlpSettings(**SMALL),
        10: MlpSettings(**SMALL, width=128, layers=2, steps=1000),
        100: MlpSettings(**WHOLE, width=256, layers=2, steps=1250),
        500: MlpSettings(**WHOLE, width=512, layers=2, steps=2500),
    }
