"""Diffusion: a U-Net tells the noise in images from the images (arXiv 2006.11239)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from proxy_tasks import datasets
from proxy_tasks.classifier import ImageSettings
from proxy_tasks.errors import TaskError
from proxy_tasks.model_task import ModelTask, mean_over
from proxy_tasks.models.unet import UNet
from proxy_tasks.randomness import Purpose, shuffled_batches, stream
from proxy_tasks.settings import setting

CHUNK = 32  # examples that are evaluated together: a U-Net makes much of each
PLACES = 2**20  # where in the noise a step may begin


def cosine(steps: int) -> np.ndarray:
    """The share of the image in each step's variance, [steps]: about cos(pi t / 2)**2, from 1 to 0 (arXiv 2102.09672).

    >>> print(cosine(4).round(3))
    [0.847 0.494 0.144 0.   ]
    """
    times = np.arange(steps + 1) / steps
    left = np.cos((times + 0.008) / 1.008 * np.pi / 2) ** 2
    return left[1:] / left[0]


def linear(steps: int) -> np.ndarray:
    """As `cosine`, with noise that grows in a straight line, from 0.0001 to 0.02 a step if there are 1000 (2006.11239).

    >>> print(linear(1000)[[0, 499, 999]].round(5))
    [9.9990e-01 7.8640e-02 4.0000e-05]
    """
    return np.cumprod(1 - np.linspace(1e-4, 0.02, steps) * 1000 / steps)


NOISE_SCHEDULES: dict[str, Callable[[int], np.ndarray]] = {"cosine": cosine, "linear": linear}


@dataclass(frozen=True)
class DiffusionSettings(ImageSettings):
    """Settings of a U-Net over noisy images."""

    width: int = setting(8, "channels of the first level, a multiple of 4; each further level has twice as many", 4)
    levels: int = setting(2, "levels, each with half the height and width of the one before", 1, 5)
    noise_steps: int = setting(1000, "steps from an image to noise", 25)
    noise_schedule: str = setting("cosine", "how an image turns into noise", choices=tuple(NOISE_SCHEDULES))
    draws: int = setting(2, "noises and times with which a validation image is tried, the same for all programs", 1)


class Diffusion(ModelTask):
    """`diffusion`: pictures from which a U-Net takes noise."""

    name = "diffusion"
    REVISION = 1
    SCALES = {
        1: DiffusionSettings(batch=8, train=1285, validation=256, test=256),
        10: DiffusionSettings(
            data="fashion_small", train=4000, validation=512, test=488, batch=8, width=12, steps=1000
        ),
        100: DiffusionSettings(
            data="fashion_mnist", train=50000, validation=1024, test=5000, batch=8, width=16, levels=3, steps=1100
        ),
        500: DiffusionSettings(
            data="fashion_mnist", train=50000, validation=1024, test=5000, batch=16, width=24, levels=3, steps=1400
        ),
    }

    def load(self) -> None:
        """Images as float32 in [-1, 1], [examples, channels, height, width], divided."""
        s = self.settings
        if s.width % 4:
            raise TaskError(f"{self.name}: width = {s.width} is not a multiple of 4")
        pixels = datasets.images(s.data)["images"].transpose(0, 3, 1, 2)
        self.shape, brightest = pixels.shape[1:], np.float32(pixels.max())
        self._parts = {
            name: pixels[chosen].astype(np.float32) / brightest * 2 - 1
            for name, chosen in s.split.indices(len(pixels)).items()
        }

    def sources(self) -> tuple[str, ...]:
        """That of the images."""
        return (datasets.digest(self.settings.data),)

    @property
    def chance(self) -> float:
        """Of a model that says there is no noise."""
        return 1.0

    def model(self, key: jax.Array) -> UNet:
        """A U-Net."""
        return UNet(self.shape[0], self.settings.width, self.settings.levels, key)

    def data(self) -> dict[str, Any]:
        """The training images, float32 [examples, channels, height, width], and what is drawn once for all programs.

        {"train": ..., "evaluation": {"x": ..., "noise": float32, each [validation draws, channels, height, width],
        "time": int32 [validation draws], from 0}, "noise": float32 [2**20 and one step's], "signal": float32
        [noise_steps], "deviation": the same}.
        """
        return self._splits(evaluation="validation")

    def test_data(self) -> dict[str, Any]:
        """`data()` with the test split as "evaluation"."""
        return self._splits(evaluation="test")

    def _splits(self, evaluation: str) -> dict[str, Any]:
        s, rng = self.settings, stream(self.settings.order, Purpose.EVALUATION)
        x = np.repeat(self._parts[evaluation], s.draws, 0)
        strata = (rng.permutation(len(x)) + rng.random(len(x))) / len(x)
        kept = NOISE_SCHEDULES[s.noise_schedule](s.noise_steps)
        return {
            "train": self._parts["train"],
            "evaluation": {
                "x": x,
                "noise": rng.standard_normal(x.shape, np.float32),
                "time": np.int32(strata * s.noise_steps),
            },
            "noise": rng.standard_normal(PLACES + s.batch * x[0].size, np.float32),
            "signal": np.float32(np.sqrt(kept)),
            "deviation": np.float32(np.sqrt(1 - kept)),
        }

    def batches(self, seed: int) -> dict[str, np.ndarray]:
        """Which examples, at which times, and where the noise of each step begins.

        {"examples": int32 [steps, batch], "time": int32 [steps, batch], "noise": int32 [steps]}. All noise of a
        training would not have room; steps that overlap have the same numbers in other pixels.
        """
        s, rng = self.settings, stream(seed, Purpose.NOISE)
        return {
            "examples": shuffled_batches(seed, s.train, s.batch, s.steps),
            "time": rng.integers(s.noise_steps, size=(s.steps, s.batch), dtype=np.int32),
            "noise": rng.integers(PLACES, size=s.steps, dtype=np.int32),
        }

    def loss(self, weights: Any, data: Any, batch: Any) -> jax.Array:
        """Mean squared error of the noise of a pixel, whose mean square is 1."""
        x = data["train"][batch["examples"]]
        noise = lax.dynamic_slice(data["noise"], (batch["noise"],), (x.size,)).reshape(x.shape)
        return self._errors(weights, data, {"x": x, "noise": noise, "time": batch["time"]}).mean()

    def evaluate(self, weights: Any, data: Any) -> jax.Array:
        """The same over the whole "evaluation" split."""
        return mean_over(lambda part: self._errors(weights, data, part), data["evaluation"], CHUNK)

    def _errors(self, model: UNet, data: Any, part: Any) -> jax.Array:
        """Mean squared error of the noise in each example, [examples]."""
        x, noise = (jnp.moveaxis(part[name], 0, -1) for name in ("x", "noise"))
        noisy = data["signal"][part["time"]] * x + data["deviation"][part["time"]] * noise
        found = model(noisy, (part["time"] + 1) / self.settings.noise_steps)
        return ((found - noise) ** 2).mean((0, 1, 2))
