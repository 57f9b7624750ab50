"""Contrastive: which text belongs to which picture, by two towers that meet on a sphere (arXiv 2103.00020)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from proxy_tasks import datasets
from proxy_tasks.classifier import SMALL, WHOLE, ImageSettings
from proxy_tasks.model_task import ModelTask, entropy, mean_over
from proxy_tasks.models.language_model import LanguageModel
from proxy_tasks.models.layers import cross_entropy
from proxy_tasks.models.two_towers import TwoTowers, on_sphere
from proxy_tasks.models.vit import Vit, patches
from proxy_tasks.randomness import Purpose, shuffled_batches, stream
from proxy_tasks.sentences import CLASSES, TEMPLATES, known_words, numbered
from proxy_tasks.settings import setting
from proxy_tasks.transformer_settings import PatchSettings


@dataclass(frozen=True)
class ContrastiveSettings(PatchSettings, ImageSettings):
    """Settings of two transformers, one over patches and one over words, that differ in these only."""

    data: str = setting("digits", "pictures with names of their classes, or with texts", choices=(*CLASSES, "emoji"))
    words: int = setting(6, "words of a text that are read", 1)
    temperature: float = setting(0.2, "by which similarities are divided at first; it is learnt", 0.01, 10)
    fitness: str = setting(
        "loss", "mean cross-entropy of a picture's text in nats, or 1 - accuracy", choices=("loss", "accuracy")
    )


class Contrastive(ModelTask):
    """`contrastive`: pictures, and sentences with the names of what they show.

    A step tells the pairs of a batch apart. The fitness is that of sorting pictures by texts: each validation picture
    among the classes, each the mean of all its sentences, or among the texts of all validation pictures.
    """

    name = "contrastive"
    REVISION = 1
    SCALES = {
        1: ContrastiveSettings(width=32),
        10: ContrastiveSettings(**SMALL, patch=7, width=48, layers=2, steps=1500),
        100: ContrastiveSettings(**WHOLE, patch=7, batch=32, width=64, layers=2, heads=4, steps=2200),
        500: ContrastiveSettings(**WHOLE, patch=7, batch=64, width=96, layers=3, heads=3, steps=2200),
    }

    def load(self) -> None:
        """Pictures as float32 in [0, 1], in patches, and texts as numbers of their words, divided."""
        s = self.settings
        named = s.data in CLASSES
        found = datasets.images(s.data) if named else datasets.captions(s.data)
        # What is around an emoji is white: it becomes 0, as around the clothes.
        pictures = found["images"] if named else 255 - found["images"]
        _, height, width, channels = pictures.shape
        s.check_patches(self.name, height, width)
        self.pixels, self.patches = channels * s.patch**2, height * width // s.patch**2
        chosen = s.split.indices(len(pictures))
        texts = _of_classes(s.data, found["labels"], chosen) if named else _of_pictures(found["texts"], chosen)
        known = known_words([text for texts_of_one in texts["train"][0] for text in texts_of_one])
        brightest = np.float32(pictures.max())
        self._parts = {
            part: {
                "x": patches(pictures[rows].astype(np.float32) / brightest, s.patch),
                "texts": np.stack([numbered(texts_of_one, known, s.words) for texts_of_one in texts[part][0]]),
                "y": texts[part][1],
            }
            for part, rows in chosen.items()
        }
        self.symbols = int(self._parts["train"]["texts"].max()) + 1

    def sources(self) -> tuple[str, ...]:
        """That of the pictures."""
        return (datasets.digest(self.settings.data),)

    @property
    def chance(self) -> float:
        """Of a model that knows how often each text is the right one."""
        right = self._parts["validation"]["y"]
        if self.settings.fitness == "accuracy":
            return 1 - float(np.bincount(right).max() / len(right))
        return entropy(right)

    def model(self, key: jax.Array) -> TwoTowers:
        """A Vision Transformer beside a transformer over words."""
        s = self.settings
        over_patches, over_words = (s.transformer(tokens, causal=False, key=key) for tokens in (self.patches, s.words))
        pictures = Vit(self.pixels, over_patches, s.width, key)
        return TwoTowers(pictures, LanguageModel(self.symbols, over_words, s.width, key), s.temperature)

    def data(self) -> dict[str, dict[str, np.ndarray]]:
        """{"train": ..., "evaluation": ...}.

        Each is {"x": float32 [examples, pixels of a patch, patches], "texts": int32 [candidates, texts of each, words],
        "y": int32 [examples], the right candidate of each}.
        """
        return {"train": self._parts["train"], "evaluation": self._parts["validation"]}

    def test_data(self) -> dict[str, dict[str, np.ndarray]]:
        """`data()` with the test split as "evaluation"."""
        return {"train": self._parts["train"], "evaluation": self._parts["test"]}

    def batches(self, seed: int) -> dict[str, np.ndarray]:
        """{"examples": ..., "texts": which of its texts}, both int32 [steps, batch]."""
        s = self.settings
        examples = shuffled_batches(seed, s.train, s.batch, s.steps)
        texts = self._parts["train"]["texts"].shape[1]
        drawn = stream(seed, Purpose.AUGMENTATION).integers(texts, size=examples.shape, dtype=np.int32)
        return {"examples": examples, "texts": drawn}

    def loss(self, weights: Any, data: Any, batch: Any) -> jax.Array:
        """`info_nce` of the pairs that `batch` names."""
        train = data["train"]
        right = train["y"][batch["examples"]]
        pictures = weights.of_pictures(jnp.moveaxis(train["x"][batch["examples"]], 0, -1))
        texts = weights.of_texts(train["texts"][right, batch["texts"]].T)
        return info_nce(weights.scale() * texts.T @ pictures, right)

    def evaluate(self, weights: Any, data: Any) -> jax.Array:
        """The fitness over the whole "evaluation" split."""
        if self.settings.fitness == "accuracy":
            return 1 - self._accuracy(weights, data)
        return self._mean(weights, data, cross_entropy)

    def _accuracy(self, weights: Any, data: Any) -> jax.Array:
        """Share of the "evaluation" split whose text is right, in [0, 1]."""
        return self._mean(weights, data, lambda logits, right: jnp.float32(logits.argmax(0) == right))

    def _mean(self, weights: Any, data: Any, measure: Callable[[jax.Array, jax.Array], jax.Array]) -> jax.Array:
        """The mean over the "evaluation" split of a number of each picture: of logits [candidates, examples] and y."""
        split = data["evaluation"]
        candidates, each, length = split["texts"].shape
        points = weights.of_texts(split["texts"].reshape(-1, length).T)
        texts = on_sphere(points.reshape(-1, candidates, each).mean(2))

        def of(part: Any) -> jax.Array:
            pictures = weights.of_pictures(jnp.moveaxis(part["x"], 0, -1))
            return measure(weights.scale() * texts.T @ pictures, part["y"])

        return mean_over(of, {"x": split["x"], "y": split["y"]})


def info_nce(logits: jax.Array, right: jax.Array) -> jax.Array:
    """Mean cross-entropy of the text of each picture and of the picture of each text, in nats.

    Other pairs of the same candidate are no wrong answers: they are left out.

    Args:
        logits: [texts, pictures]; pairs are on the diagonal.
        right: the candidate of each pair, integers [pairs].
    """
    pairs = jnp.arange(len(right))
    others = (right[:, None] == right) & (pairs[:, None] != pairs)
    logits = jnp.where(others, -jnp.inf, logits)
    return (cross_entropy(logits, pairs) + cross_entropy(logits.T, pairs)).mean() / 2


# Of each part of the pictures: the texts of each candidate, and the right candidate of each picture.
Texts = dict[str, tuple[Sequence[Sequence[str]], np.ndarray]]


def _of_classes(data: str, labels: np.ndarray, chosen: dict[str, np.ndarray]) -> Texts:
    """Every class is a candidate."""
    texts = [[template.format(name) for template in TEMPLATES] for name in CLASSES[data]]
    return {part: (texts, labels[rows]) for part, rows in chosen.items()}


def _of_pictures(captions: np.ndarray, chosen: dict[str, np.ndarray]) -> Texts:
    """Every different text of a part is a candidate."""
    found: Texts = {}
    for part, rows in chosen.items():
        decoded = [bytes(caption).rstrip(b"\0").decode() for caption in captions[rows]]
        texts, right = np.unique(decoded, return_inverse=True)
        found[part] = [[text] for text in texts.tolist()], right.astype(np.int32)
    return found
