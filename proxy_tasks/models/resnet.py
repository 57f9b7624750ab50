"""A small residual network (arXiv 1603.05027) with group normalisation (arXiv 1803.08494), so that it has no state."""

from __future__ import annotations

import equinox as eqx
import jax
from equinox.nn import Conv2d, Linear

from proxy_tasks.models.layers import columns, convolve, group_norm

GROUP = 4  # channels


class Norm(eqx.Module):
    """Group normalisation with a scale and a bias for each channel, then ReLU."""

    weight: jax.Array  # [channels]
    bias: jax.Array  # [channels]

    def __init__(self, channels: int):
        self.weight, self.bias = jax.numpy.ones(channels), jax.numpy.zeros(channels)

    def __call__(self, x: jax.Array) -> jax.Array:
        """[channels, height, width, examples] from the same."""
        scaled = self.weight[:, None, None, None] * group_norm(x, len(x) // GROUP)
        return jax.nn.relu(scaled + self.bias[:, None, None, None])


class ResidualBlock(eqx.Module):
    """Two 3x3 convolutions beside a shortcut.

    Args:
        inputs: channels, a multiple of 4.
        outputs: channels, a multiple of 4; where they are not the inputs, height and width are halved.
        key: for fresh weights.
    """

    norms: tuple[Norm, Norm]
    convolutions: tuple[Conv2d, Conv2d]
    shortcut: Conv2d | None
    stride: int = eqx.field(static=True)

    def __init__(self, inputs: int, outputs: int, key: jax.Array):
        self.stride = 1 if inputs == outputs else 2
        self.norms = Norm(inputs), Norm(outputs)
        first, second = (Conv2d(c, outputs, 3, use_bias=False, key=key) for c in (inputs, outputs))
        self.convolutions = first, second
        self.shortcut = None if inputs == outputs else Conv2d(inputs, outputs, 1, use_bias=False, key=key)

    def __call__(self, x: jax.Array) -> jax.Array:
        """[outputs, height / stride, width / stride, examples] for [inputs, height, width, examples]."""
        first, second = self.convolutions
        read = self.norms[0](x)
        h = convolve(first.weight, read, self.stride)
        h = convolve(second.weight, self.norms[1](h))
        return h + (x if self.shortcut is None else convolve(self.shortcut.weight, read, self.stride))


class ResNet(eqx.Module):
    """Logits of images.

    Args:
        channels: of the images.
        width: channels of the first stage; each further stage has twice as many and half the height and width.
        stages: number of stages.
        blocks: residual blocks in each stage.
        outputs: classes.
        key: for fresh weights.
    """

    stem: Conv2d
    blocks: tuple[ResidualBlock, ...]
    norm: Norm
    head: Linear

    def __init__(self, channels: int, width: int, stages: int, blocks: int, outputs: int, key: jax.Array):
        widths = [width * 2**stage for stage in range(stages) for _ in range(blocks)]
        self.stem = Conv2d(channels, width, 3, use_bias=False, key=key)
        pairs = zip([width, *widths], widths, strict=False)
        self.blocks = tuple(ResidualBlock(inputs, outputs, key) for inputs, outputs in pairs)
        self.norm = Norm(widths[-1])
        self.head = Linear(widths[-1], outputs, key=key)

    def __call__(self, x: jax.Array) -> jax.Array:
        """[outputs, examples] for [channels, height, width, examples]."""
        h = convolve(self.stem.weight, x)
        for block in self.blocks:
            h = block(h)
        return columns(self.head)(self.norm(h).mean((1, 2)))
