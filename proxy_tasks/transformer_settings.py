"""What may be changed of every transformer here, and of those that read patches of images."""

from __future__ import annotations

from dataclasses import dataclass

import jax

from proxy_tasks.errors import TaskError
from proxy_tasks.models.transformer import Transformer
from proxy_tasks.settings import Settings, setting


@dataclass(frozen=True)
class TransformerSettings(Settings):
    """Settings of a transformer."""

    width: int = setting(16, "features of a token; a multiple of the heads", 1)
    layers: int = setting(1, "blocks of attention and perceptron", 1)
    heads: int = setting(2, "attention heads", 1)
    hidden: int = setting(4, "width of the perceptrons, in units of the width", 1)

    def check_heads(self, task: str) -> None:
        """Refuses a width that the heads do not divide.

        Raises:
            TaskError: with the name of the task.
        """
        if self.width % self.heads:
            raise TaskError(f"{task}: width = {self.width} is not a multiple of heads = {self.heads}")

    def transformer(self, tokens: int, causal: bool, key: jax.Array) -> Transformer:
        """One with fresh weights, over so many tokens."""
        return Transformer(self.width, self.layers, self.heads, self.hidden, tokens, causal, key)


@dataclass(frozen=True)
class PatchSettings(TransformerSettings):
    """Settings of a transformer over patches of images."""

    patch: int = setting(4, "side of a token, in pixels; divides that of an image", 1)

    def check_patches(self, task: str, height: int, width: int) -> None:
        """Refuses images that the patches do not divide, and what `check_heads` refuses.

        Raises:
            TaskError: with the name of the task.
        """
        self.check_heads(task)
        if height % self.patch or width % self.patch:
            raise TaskError(f"{task}: patch = {self.patch} does not divide images of {height} x {width} pixels")
