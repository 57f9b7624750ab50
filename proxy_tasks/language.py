"""Language, the second family of the paper's proxies (arXiv 2302.06675, 2.2): predicting the bytes of a text."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from proxy_tasks import datasets
from proxy_tasks.errors import TaskError
from proxy_tasks.model_task import ModelTask, entropy, mean_over
from proxy_tasks.models.language_model import LanguageModel
from proxy_tasks.models.layers import cross_entropy
from proxy_tasks.randomness import Purpose, stream
from proxy_tasks.settings import setting
from proxy_tasks.transformer_settings import TransformerSettings


@dataclass(frozen=True)
class LanguageSettings(TransformerSettings):
    """Settings of a transformer over bytes."""

    batch: int = setting(32, "stretches of text a step", 1)
    data: str = setting("addresses_small", "text: a known set, or the path of a file in UTF-8")
    context: int = setting(16, "bytes that the model sees at once", 2)
    validation: int = setting(512, "stretches of text, each of the context's length, whose loss is the fitness", 1)
    test: int = setting(512, "stretches that no search sees", 1)
    fitness: str = setting(
        "loss", "mean cross-entropy of a byte in nats, or its exponential", choices=("loss", "perplexity")
    )


class TextTask(ModelTask):
    """A model of a text. What is held back are two long stretches at its end, in one piece each."""

    def texts(self) -> list[np.ndarray]:
        """The text, uint8 [bytes], and any others whose bytes the model is to know as well."""
        return [datasets.text(self.settings.data)]

    def load(self) -> None:
        """The text as numbers 0, 1, ... of the distinct bytes in all texts, divided."""
        s, texts = self.settings, self.texts()
        s.check_heads(self.name)
        symbols = np.unique(np.concatenate(texts))
        self.symbols, text = len(symbols), np.searchsorted(symbols, texts[0])
        held_back = (s.validation + s.test) * self.window
        if len(text) < held_back + self.window:
            raise TaskError(
                f"{self.name}: {s.data} has {len(text)} bytes, and with context = {s.context}, validation ="
                f" {s.validation} and test = {s.test} it takes {held_back + self.window}: make these smaller"
            )
        ends = np.cumsum([len(text) - held_back, s.validation * self.window])
        train, validation, test = np.split(text.astype(np.int32), ends)
        self._train, self._held_back = train, {"validation": validation, "test": test}

    @property
    @abstractmethod
    def window(self) -> int:
        """Bytes of an example."""

    def sources(self) -> tuple[str, ...]:
        """That of the text."""
        return (datasets.digest(self.settings.data),)

    def data(self) -> dict[str, Any]:
        """{"train": int32 [bytes], "evaluation": int32 [examples, window]}."""
        return self._splits(evaluation="validation")

    def test_data(self) -> dict[str, Any]:
        """`data()` with the test split as "evaluation"."""
        return self._splits(evaluation="test")

    def _splits(self, evaluation: str) -> dict[str, Any]:
        return {"train": self._train, "evaluation": self._held_back[evaluation].reshape(-1, self.window)}

    @property
    def chance(self) -> float:
        """Of a model that knows how often each byte comes."""
        return self._fitness(entropy(self._held_back["validation"]))

    def _fitness(self, loss: Any) -> Any:
        return np.exp(loss) if self.settings.fitness == "perplexity" else loss

    def _starts(self, seed: int) -> np.ndarray:
        """Where each example of each step begins in the training text: int32 [steps, batch]."""
        s, rng = self.settings, stream(seed, Purpose.BATCHES)
        return rng.integers(len(self._train) - self.window + 1, size=(s.steps, s.batch), dtype=np.int32)

    def _windows(self, data: Any, starts: jax.Array) -> jax.Array:
        """Stretches of the training text: [window, examples]."""
        return data["train"][starts + jnp.arange(self.window)[:, None]]


class Language(TextTask):
    """`language`: each byte from those before it, by a decoder-only transformer."""

    name = "language"
    REVISION = 1
    SCALES = {
        1: LanguageSettings(width=32),
        10: LanguageSettings(width=48, layers=2, context=24, steps=800),
        100: LanguageSettings(width=96, layers=2, heads=3, context=32, steps=1700),
        500: LanguageSettings(data="addresses", width=128, layers=3, heads=4, context=48, steps=2000),
    }

    @property
    def window(self) -> int:
        """The context, and the byte after it."""
        return self.settings.context + 1

    def model(self, key: jax.Array) -> LanguageModel:
        """A causal transformer."""
        transformer = self.settings.transformer(self.settings.context, causal=True, key=key)
        return LanguageModel(self.symbols, transformer, self.symbols, key)

    def batches(self, seed: int) -> np.ndarray:
        """int32 [steps, batch]: where each example begins in the training text."""
        return self._starts(seed)

    def loss(self, weights: Any, data: Any, batch: jax.Array) -> jax.Array:
        """Mean cross-entropy of a byte in nats."""
        return _of_next_bytes(weights, self._windows(data, batch)).mean()

    def evaluate(self, weights: Any, data: Any) -> jax.Array:
        """The fitness over the whole "evaluation" split."""
        return self._fitness(mean_over(lambda windows: _of_next_bytes(weights, windows.T), data["evaluation"]))


def _of_next_bytes(model: LanguageModel, windows: jax.Array) -> jax.Array:
    """Mean cross-entropy of the bytes of each example, [examples], from windows [context + 1, examples]."""
    logits = model(windows[:-1])
    losses = cross_entropy(logits.reshape(len(logits), -1), windows[1:].reshape(-1))
    return losses.reshape(logits.shape[1:]).mean(0)
