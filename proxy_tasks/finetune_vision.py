"""Fine-tuning in vision: a Vision Transformer that knows clear pictures goes on with few pictures full of noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from proxy_tasks import datasets
from proxy_tasks.errors import TaskError
from proxy_tasks.fine_tuning import FineTuned, FineTuningSettings, inherited
from proxy_tasks.randomness import Purpose, stream
from proxy_tasks.settings import setting
from proxy_tasks.vision_vit import DigitsVit, VitSettings

Images = dict[str, np.ndarray]  # as `datasets.images` gives them


@dataclass(frozen=True)
class FinetuneVisionSettings(FineTuningSettings, VitSettings):
    """Settings of a Vision Transformer with a training before."""

    before: str = setting("", "images of the training before, given as data is; nothing: those of data that are left")
    before_shift: int = setting(1, "as shift, in the training before", 0)
    noise: float = setting(0.15, "deviation of the noise in the images of data, in units of the brightest pixel", 0)


class ClearImages(DigitsVit):
    """The training before. A tenth of its images is held back to judge it, and another as test split.

    Args:
        found: the images.
        settings: as for `DigitsVit`.
    """

    name = "finetune_vision, the training before"

    def __init__(self, found: Images, **settings: Any):
        self._found = found
        super().__init__(**settings)
        self.name = type(self).name  # without the settings, which are all given

    def images(self) -> Images:
        """Those that were given."""
        return self._found

    def sources(self) -> tuple[str, ...]:
        """A hash of the images."""
        return (datasets.content_hash(self._found),)


# What the larger ones are made of: digits, and those that scripts/make_data.py fetches.
SLOWLY: dict[str, Any] = {"before_steps": 3000, "before_learning_rate": 0.003}
MNIST: dict[str, Any] = {"data": "mnist", "patch": 7, "validation": 5000, "test": 5000, **SLOWLY}


class FinetuneVision(FineTuned, DigitsVit):
    """`finetune_vision`: noisy digits, by weights that were trained on other digits without noise."""

    name = "finetune_vision"
    SCALES = {
        1: FinetuneVisionSettings(train=100, validation=400, test=390, steps=300),
        10: FinetuneVisionSettings(**SLOWLY, train=100, validation=400, test=390, width=32, layers=2, steps=600),
        100: FinetuneVisionSettings(**MNIST, train=200, width=48, layers=2, steps=1000),
        500: FinetuneVisionSettings(**MNIST, train=500, width=64, layers=3, heads=4, steps=2000),
    }

    def images(self) -> Images:
        """Those that it goes on with."""
        return self._noisy_images

    def sources(self) -> tuple[str, ...]:
        """That of the images that it goes on with; the weights tell the others."""
        return (datasets.digest(self.settings.data),)

    def load(self) -> None:
        """The images that it goes on with, divided, and the training before on the others."""
        s, found = self.settings, datasets.images(self.settings.data)
        order = stream(s.order, Purpose.SPLIT).permutation(len(found["labels"]))
        taken, left = np.split(order, [s.train + s.validation + s.test])
        self._noisy_images = {"images": self._noisy_pixels(found["images"][taken]), "labels": found["labels"][taken]}
        super().load()
        others = datasets.images(s.before) if s.before else {key: array[left] for key, array in found.items()}
        known = {image.tobytes() for image in others["images"]} if s.before else set()
        if any(image.tobytes() in known for image in found["images"][taken]):
            raise TaskError(
                f"{self.name}: before = {s.before} has images that judge, of {s.data}: leave it out, and those of data"
                " that are left come before"
            )
        if others["images"].shape[1:] != self.shape:
            sizes = [" x ".join(map(str, shape)) for shape in (others["images"].shape[1:], self.shape)]
            raise TaskError(
                f"{self.name}: the images of {s.before} have {sizes[0]} values, those of {s.data} {sizes[1]}: give two"
                " sets of one size"
            )
        images = len(others["labels"])
        if images < 10:
            raise TaskError(
                f"{self.name}: {images} images are left for the training before: make train, validation or test"
                " smaller, or give another set as before"
            )
        split: dict[str, Any] = {"train": images - images // 10 * 2, "validation": images // 10, "test": images // 10}
        split |= {"shift": s.before_shift, "label_noise": 0.0, "fitness": "loss"}
        self.before = ClearImages(others, **inherited(s, VitSettings) | split)

    def _noisy_pixels(self, pixels: np.ndarray) -> np.ndarray:
        brightest = pixels.max()
        noise = stream(self.settings.order, Purpose.NOISE).normal(0, self.settings.noise * brightest, pixels.shape)
        return np.clip(np.rint(pixels + noise), 0, brightest).astype(np.uint8)
