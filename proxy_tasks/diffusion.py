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
from proxy_tasks.classifier import SMALL, WHOLE, ImageSettings
from proxy_tasks.errors import TaskError
from proxy_tasks.model_task import ModelTask, mean_over
from proxy_tasks.models.unet import UNet
from proxy_tasks.randomness import Purpose, shuffled_batches, stream
from proxy_tasks.settings import setting

CHUNK = 40  # examples that are evaluated together: with its patches a U-Net makes hundreds of numbers of each pixel
LARGE = WHOLE | {"validation": 1280}  # more would cost as much as a fifth of the training
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
    [9.999e-01 7.859e-02 4.000e-05]
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
        1: DiffusionSettings(train=1277, validation=260, test=260, batch=8),
        10: DiffusionSettings(**SMALL, batch=8, width=12, steps=1000),
        100: DiffusionSettings(**LARGE, batch=8, width=16, levels=3, steps=1000),
        500: DiffusionSettings(**LARGE, batch=16, width=24, levels=3, steps=1400),
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
        """The images, and what is drawn once for all programs.

        {"train": float32 [examples, channels, height, width], "evaluation": the same, "drawn": {"noise": float32 [draws
        of all evaluation images, channels, height, width], "time": int32 [draws], from 0}, "noise": of the training,
        float32 [2**20 and one step's], "signal": what is left of an image at each time, float32 [noise_steps],
        "deviation": of the noise, the same}.
        """
        return self._splits(evaluation="validation")

    def test_data(self) -> dict[str, Any]:
        """`data()` with the test split as "evaluation"."""
        return self._splits(evaluation="test")

    def _splits(self, evaluation: str) -> dict[str, Any]:
        s, rng = self.settings, stream(self.settings.order, Purpose.EVALUATION)
        train, scored = self._parts["train"], self._parts[evaluation]
        noise = rng.standard_normal(PLACES + s.batch * train[0].size, np.float32)  # first: the same beside any split
        draws = len(scored) * s.draws
        strata = (rng.permutation(draws) + rng.random(draws)) / draws
        kept = NOISE_SCHEDULES[s.noise_schedule](s.noise_steps)
        return {
            "train": train,
            "evaluation": scored,
            "drawn": {
                "noise": rng.standard_normal((draws, *self.shape), np.float32),
                "time": np.int32(strata * s.noise_steps),
            },
            "noise": noise,
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
        return self._errors(weights, data, x, {"noise": noise, "time": batch["time"]}).mean()

    def evaluate(self, weights: Any, data: Any) -> jax.Array:
        """The same over the whole "evaluation" split, each image with several noises and times."""
        split = (data["evaluation"].repeat(self.settings.draws, 0), data["drawn"])
        return mean_over(lambda part: self._errors(weights, data, *part), split, CHUNK)

    def _errors(self, model: UNet, data: Any, x: jax.Array, drawn: Any) -> jax.Array:
        """Mean squared error of the noise in each example, [examples]."""
        x, noise, time = jnp.moveaxis(x, 0, -1), jnp.moveaxis(drawn["noise"], 0, -1), drawn["time"]
        found = model(
            data["signal"][time] * x + data["deviation"][time] * noise, (time + 1) / self.settings.noise_steps
        )
        return ((found - noise) ** 2).mean((0, 1, 2))
