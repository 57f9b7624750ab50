"""A small U-Net that is told the time (arXiv 2006.11239), as a residual network down and up again."""

from __future__ import annotations

from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
from equinox.nn import Conv2d, Linear

from proxy_tasks.models.layers import columns, convolve, group_norm
from proxy_tasks.models.resnet import GROUP, Norm

FREQUENCIES = 8  # of the sines and cosines that tell the time
HIGHEST_FREQUENCY = 1000.0  # radians from time 0 to time 1; the lowest is 1


class TimedBlock(eqx.Module):
    """A 3x3 convolution beside a shortcut, of channels that the time has scaled and shifted (arXiv 2102.09672).

    Args:
        inputs: channels, a multiple of 4.
        outputs: channels.
        stride: 2 where height and width are halved.
        key: for fresh weights.
    """

    time: Linear
    convolution: Conv2d
    shortcut: Conv2d | None
    stride: int = eqx.field(static=True)

    def __init__(self, inputs: int, outputs: int, stride: int, key: jax.Array):
        self.stride = stride
        self.time = Linear(2 * FREQUENCIES, 2 * inputs, key=key)
        self.convolution = Conv2d(inputs, outputs, 3, use_bias=False, key=key)
        self.shortcut = None if inputs == outputs else Conv2d(inputs, outputs, 1, use_bias=False, key=key)

    def __call__(self, x: jax.Array, time: jax.Array) -> jax.Array:
        """[outputs, height / stride, width / stride, examples], sizes rounded up.

        Args:
            x: [inputs, height, width, examples].
            time: its sines and cosines, [16, examples].
        """
        scale, shift = jnp.split(columns(self.time)(time)[:, None, None], 2)
        read = jax.nn.relu((1 + scale) * group_norm(x, len(x) // GROUP) + shift)
        h = convolve(self.convolution.weight, read, self.stride)
        return h + (x if self.shortcut is None else convolve(self.shortcut.weight, read, self.stride))


class UNet(eqx.Module):
    """Pictures from pictures and times.

    Args:
        channels: of the pictures.
        width: channels of the first level, a multiple of 4; each further level has twice as many and half the height
            and width.
        levels: number of levels.
        key: for fresh weights.
    """

    stem: Conv2d
    down: tuple[TimedBlock, ...]
    up: tuple[TimedBlock, ...]
    norm: Norm
    head: Conv2d

    def __init__(self, channels: int, width: int, levels: int, key: jax.Array):
        widths = [width * 2**level for level in range(levels)]
        self.stem = Conv2d(channels, width, 3, use_bias=False, key=key)
        further = [TimedBlock(upper, lower, 2, key) for upper, lower in pairwise(widths)]
        self.down = (TimedBlock(width, width, 1, key), *further)
        self.up = tuple(TimedBlock(lower + upper, upper, 1, key) for upper, lower in reversed([*pairwise(widths)]))
        self.norm = Norm(width)
        self.head = Conv2d(width, channels, 3, use_bias=False, key=key)

    def __call__(self, x: jax.Array, time: jax.Array) -> jax.Array:
        """[channels, height, width, examples].

        Args:
            x: of the same shape.
            time: from 0 to 1, [examples].
        """
        angles = jnp.geomspace(1, HIGHEST_FREQUENCY, FREQUENCIES)[:, None] * time
        waves = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)])
        h = convolve(self.stem.weight, x)
        levels = []
        for block in self.down:
            h = block(h, waves)
            levels.append(h)
        for block, beside in zip(self.up, reversed(levels[:-1]), strict=True):
            h = block(jnp.concatenate([_doubled(h, beside.shape), beside]), waves)
        return convolve(self.head.weight, self.norm(h))


def _doubled(x: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Each pixel four times, without the last row and column where `shape` has no place for them."""
    return x.repeat(2, 1).repeat(2, 2)[:, : shape[1], : shape[2]]
