"""A Vision Transformer on 8x8 digits, the vision proxy in miniature (arXiv 2302.06675, section 2.2).

Pre-LayerNorm without parameters, learned positions, no biases, mean pooling. At scale 1 it has 4 tokens of 4x4 pixels,
width 16, one layer and two heads: the smallest model found on which a tuned Lion clearly beats a tuned AdamW.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from proxy_tasks.classifier import Classifier
from proxy_tasks.layers import attention, dense, layer_norm, normal
from proxy_tasks.randomness import Purpose, stream
from proxy_tasks.splits import Split

CLASSES = 10


@dataclass(frozen=True)
class VitSettings:
    """Settings of the model and its training.

    Attributes:
        width: features of a token.
        layers: number of blocks of attention and MLP.
        heads: attention heads; divides the width.
        hidden: width of the MLP, in units of the width.
        patch: side of a token, in pixels; divides 8.
        batch: examples a step.
        steps: training steps.
        warm_up: share of the steps with a rising learning rate.
        split: how the examples are divided.
    """

    width: int = 16
    layers: int = 1
    heads: int = 2
    hidden: int = 4
    patch: int = 4
    batch: int = 16
    steps: int = 500
    warm_up: float = 0.05
    split: Split = Split(train=1000, validation=400, test=397)

    @property
    def tokens(self) -> int:
        """Tokens of an image."""
        return (8 // self.patch) ** 2


class DigitsVit(Classifier):
    """`digits_vit`: see the module."""

    name = "digits_vit"
    DATASET = "digits"
    REVISION = 1
    SCALES = {
        1: VitSettings(),
        10: VitSettings(width=32, layers=2, steps=1200),
        100: VitSettings(width=64, layers=3, heads=4, steps=3000),
    }

    def init(self, seed: int) -> dict[str, Any]:
        """Matrices [outputs, inputs] from N(0, 1 / inputs); positions [width, tokens] from N(0, 1)."""
        s, rng = self.settings, stream(seed, Purpose.WEIGHTS)
        return {
            "embed": normal(rng, s.width, s.patch**2),
            "positions": rng.standard_normal((s.width, s.tokens)).astype(np.float32),
            "blocks": [
                {
                    "qkv": normal(rng, 3 * s.width, s.width),
                    "out": normal(rng, s.width, s.width),
                    "up": normal(rng, s.hidden * s.width, s.width),
                    "down": normal(rng, s.width, s.hidden * s.width),
                }
                for _ in range(s.layers)
            ],
            "head": normal(rng, CLASSES, s.width),
        }

    def inputs(self, images: np.ndarray) -> np.ndarray:
        """Patches, float32 [examples, tokens, pixels of a patch], with pixels in [0, 1]."""
        side = self.settings.patch
        n = 8 // side
        patches = images.reshape(-1, n, side, n, side).swapaxes(2, 3)
        return patches.reshape(-1, n * n, side * side).astype(np.float32) / 16

    def logits(self, weights: Any, x: jax.Array) -> jax.Array:
        """[10, examples] for patches [examples, tokens, pixels]."""
        s = self.settings
        examples, tokens, pixels = x.shape
        h = dense(weights["embed"], x.T.reshape(pixels, tokens * examples))
        h = h.reshape(s.width, tokens, examples) + weights["positions"][:, :, None]
        h = h.reshape(s.width, tokens * examples)
        for block in weights["blocks"]:
            h = h + dense(block["out"], attention(dense(block["qkv"], layer_norm(h)), s.heads, tokens))
            h = h + dense(block["down"], jax.nn.gelu(dense(block["up"], layer_norm(h))))
        pooled = layer_norm(h).reshape(s.width, tokens, examples).mean(1)
        return dense(weights["head"], pooled)
