"""Language with gaps: bytes that are hidden, from those on both sides (arXiv 1810.04805)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from proxy_tasks.language import LanguageSettings, TextTask
from proxy_tasks.model_task import mean_over
from proxy_tasks.models.language_model import LanguageModel
from proxy_tasks.models.layers import cross_entropy
from proxy_tasks.randomness import Purpose, stream
from proxy_tasks.settings import setting


@dataclass(frozen=True)
class MaskedSettings(LanguageSettings):
    """Settings of a transformer that sees both sides."""

    masked: float = setting(0.2, "share of the bytes that are hidden, at least one of an example", 0, 1)


class MaskedLanguage(TextTask):
    """`masked_language`: hidden bytes, by a transformer that sees all others."""

    name = "masked_language"
    REVISION = 2
    SCALES = {
        1: MaskedSettings(batch=16, width=32, heads=4, steps=1500),
        10: MaskedSettings(width=48, layers=2, heads=4, steps=1500),
        100: MaskedSettings(width=96, layers=2, heads=4, context=32, steps=3000),
        500: MaskedSettings(data="addresses", width=128, layers=4, heads=4, context=48, steps=3000),
    }

    @property
    def window(self) -> int:
        """The context."""
        return self.settings.context

    def model(self, key: jax.Array) -> LanguageModel:
        """A transformer with one symbol more, for what is hidden."""
        transformer = self.settings.transformer(self.settings.context, causal=False, key=key)
        return LanguageModel(self.symbols + 1, transformer, self.symbols, key)

    def batches(self, seed: int) -> dict[str, np.ndarray]:
        """{"starts": int32 [steps, batch], "hidden": bool [steps, batch, context]}."""
        s = self.settings
        return {"starts": self._starts(seed), "hidden": self._hidden(stream(seed, Purpose.MASKS), s.steps, s.batch)}

    def _splits(self, evaluation: str) -> dict[str, Any]:
        """As ever, and which bytes of the evaluation split are hidden: "hidden", bool [examples, context]."""
        splits = super()._splits(evaluation)
        return splits | {"hidden": self._hidden(stream(0, Purpose.EVALUATION), len(splits["evaluation"]))}

    def _hidden(self, rng: np.random.Generator, *shape: int) -> np.ndarray:
        """Which bytes are hidden: bool [*shape, context], equally many of each example."""
        s = self.settings
        chosen = np.zeros((*shape, s.context), bool)
        chosen[..., : max(1, round(s.masked * s.context))] = True
        return rng.permuted(chosen, axis=-1)

    def loss(self, weights: Any, data: Any, batch: Any) -> jax.Array:
        """Mean cross-entropy of a hidden byte in nats."""
        return self._of_hidden(weights, self._windows(data, batch["starts"]), batch["hidden"].T).mean()

    def evaluate(self, weights: Any, data: Any) -> jax.Array:
        """The fitness over the whole "evaluation" split."""
        split = (data["evaluation"], data["hidden"])
        return self._fitness(mean_over(lambda part: self._of_hidden(weights, part[0].T, part[1].T), split))

    def _of_hidden(self, model: LanguageModel, windows: jax.Array, hidden: jax.Array) -> jax.Array:
        """Mean cross-entropy of the hidden bytes of each example, [examples]; both arrays are [context, examples]."""
        logits = model(jnp.where(hidden, self.symbols, windows))
        losses = cross_entropy(logits.reshape(len(logits), -1), windows.reshape(-1)).reshape(windows.shape)
        return (losses * hidden).sum(0) / hidden.sum(0)
