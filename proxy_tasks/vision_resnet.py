"""Vision with a small residual network; on large ones the paper sees no gain by Lion (arXiv 2302.06675, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax

from proxy_tasks.classifier import SMALL, WHOLE, Classifier, ClassifierSettings
from proxy_tasks.models.resnet import ResNet
from proxy_tasks.settings import setting


@dataclass(frozen=True)
class ResNetSettings(ClassifierSettings):
    """Settings of a residual network."""

    width: int = setting(8, "channels of the first stage, a multiple of 4; each further stage has twice as many", 4)
    stages: int = setting(2, "stages, each with half the height and width of the one before", 1, 5)
    blocks: int = setting(1, "residual blocks in each stage", 1)


class VisionResnet(Classifier):
    """`vision_resnet`: pictures of clothes, 14x14 and, from scale 100, 28x28; or others."""

    name = "vision_resnet"
    REVISION = 1
    SCALES = {
        1: ResNetSettings(**SMALL),
        10: ResNetSettings(**SMALL, width=16, stages=3, steps=900),
        100: ResNetSettings(**WHOLE, width=16, stages=3, blocks=2, steps=1500),
        500: ResNetSettings(**WHOLE, width=32, stages=3, blocks=2, steps=2000),
    }

    def inputs(self, images: Any) -> Any:
        """[examples, channels, height, width]."""
        return images.transpose(0, 3, 1, 2)

    def model(self, key: jax.Array) -> ResNet:
        """A residual network."""
        s = self.settings
        return ResNet(self.shape[-1], s.width, s.stages, s.blocks, self.classes, key)
