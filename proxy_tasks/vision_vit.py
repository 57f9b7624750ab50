"""Vision with a Vision Transformer, the paper's own proxy (arXiv 2302.06675, section 2.2), from miniature upwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax

from proxy_tasks.classifier import SMALL, WHOLE, Classifier, ClassifierSettings
from proxy_tasks.models.vit import Vit, patches
from proxy_tasks.transformer_settings import PatchSettings


@dataclass(frozen=True)
class VitSettings(PatchSettings, ClassifierSettings):
    """Settings of a Vision Transformer."""


class DigitsVit(Classifier):
    """`digits_vit`: 8x8 digits.

    At scale 1 it has 4 tokens of 4x4 pixels, width 16, one layer and two heads: the smallest model found on which a
    tuned Lion clearly beats a tuned AdamW.
    """

    name = "digits_vit"
    REVISION = 2
    SCALES = {
        1: VitSettings(),
        10: VitSettings(width=32, layers=2, steps=1200),
        100: VitSettings(width=64, layers=3, heads=4, steps=3000),
        500: VitSettings(width=96, layers=3, heads=3, steps=8000),
    }

    def load(self) -> None:
        """The images, which have to be cut into patches."""
        super().load()
        self.settings.check_patches(self.name, *self.shape[:2])

    def inputs(self, images: Any) -> Any:
        """[examples, pixels of a patch, patches]."""
        return patches(images, self.settings.patch)

    def model(self, key: jax.Array) -> Vit:
        """A Vision Transformer."""
        s, (height, width, channels) = self.settings, self.shape
        tokens = height * width // s.patch**2
        return Vit(channels * s.patch**2, s.transformer(tokens, causal=False, key=key), self.classes, key)


class VisionVit(DigitsVit):
    """`vision_vit`: pictures of clothes in 4 tokens and, from scale 100, in 16; or others. At 500 the paper's model."""

    name = "vision_vit"
    SCALES = {
        1: VitSettings(**SMALL, patch=7, batch=32, steps=1000),
        10: VitSettings(**SMALL, patch=7, batch=32, width=32, layers=2, steps=2000),
        100: VitSettings(**WHOLE, patch=7, batch=32, width=48, layers=2, heads=4, steps=2000),
        500: VitSettings(**WHOLE, patch=7, batch=32, width=96, layers=3, heads=3, steps=1500),
    }
