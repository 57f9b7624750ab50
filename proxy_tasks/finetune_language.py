"""Fine-tuning in language: a transformer that knows one text goes on with little of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from proxy_tasks import datasets
from proxy_tasks.errors import TaskError
from proxy_tasks.fine_tuning import FineTuned, FineTuningSettings, inherited
from proxy_tasks.language import Language, LanguageSettings
from proxy_tasks.settings import setting


@dataclass(frozen=True)
class FinetuneLanguageSettings(FineTuningSettings, LanguageSettings):
    """Settings of a transformer over bytes with a training before."""

    before: str = setting("", "text of the training before, given as data is; nothing: what data has before the rest")
    train: int = setting(20_000, "training bytes, those right before what is held back", 1)


class EarlierText(Language):
    """The training before.

    Args:
        texts: its text, and that which is gone on with, whose bytes it is to know as well.
        settings: as for `Language`.
    """

    name = "finetune_language, the training before"

    def __init__(self, texts: list[np.ndarray], **settings: Any):
        self._texts = texts
        super().__init__(**settings)
        self.name = type(self).name  # without the settings, which are all given

    def texts(self) -> list[np.ndarray]:
        """Those that were given."""
        return self._texts

    def sources(self) -> tuple[str, ...]:
        """A hash of its text, and all bytes it knows."""
        known = np.unique(np.concatenate(self._texts))
        return (datasets.content_hash({"text": self._texts[0], "known": known}),)


# What the larger ones are made of: addresses, and Shakespeare after addresses, which scripts/make_data.py fetches.
SLOWLY: dict[str, Any] = {"batch": 16, "before_steps": 3000, "before_learning_rate": 0.003}
SHAKESPEARE: dict[str, Any] = {"data": "shakespeare", "before": "addresses", "train": 200_000, **SLOWLY}


class FinetuneLanguage(FineTuned, Language):
    """`finetune_language`: the newest addresses and, from scale 100, Shakespeare, by weights trained on addresses."""

    name = "finetune_language"
    SCALES = {
        1: FinetuneLanguageSettings(batch=8, width=16, before_steps=2000),
        10: FinetuneLanguageSettings(**SLOWLY, width=32, layers=2, train=50_000),
        100: FinetuneLanguageSettings(**SHAKESPEARE, width=64, layers=2, context=64, steps=600),
        500: FinetuneLanguageSettings(**SHAKESPEARE, width=96, layers=3, heads=3, context=64, steps=1200),
    }

    def texts(self) -> list[np.ndarray]:
        """That which it goes on with, and that of the training before."""
        s, text = self.settings, datasets.text(self.settings.data)
        taken = s.train + (s.validation + s.test) * self.window
        if len(text) < taken:
            raise TaskError(
                f"{self.name}: {s.data} has {len(text)} bytes, and train, validation and test take {taken}: make these"
                " smaller"
            )
        return [text[-taken:], datasets.text(s.before) if s.before else text[:-taken]]

    def load(self) -> None:
        """The text that it goes on with, divided, and the training before on the other."""
        super().load()
        s, (later, earlier) = self.settings, self.texts()
        known = earlier.tobytes()
        if any(part.tobytes() in known for part in np.split(later[s.train :], [s.validation * self.window])):
            raise TaskError(
                f"{self.name}: before = {s.before} has what judges, of {s.data}: leave it out, and what data has before"
                " that comes before"
            )
        settings = inherited(s, LanguageSettings) | {"fitness": "loss"}
        self.before = EarlierText([earlier, later], **settings)
