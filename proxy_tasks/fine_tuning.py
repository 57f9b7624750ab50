"""Fine-tuning: what tasks share that go on from weights which were trained on something else (arXiv 2302.06675)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

import dsl
from proxy_tasks.model_task import ModelTask
from proxy_tasks.pretraining import pretrained
from proxy_tasks.settings import Settings, setting
from proxy_tasks.task import fingerprint

WEIGHT_DECAY = 0.1


@dataclass(frozen=True)
class FineTuningSettings(Settings):
    """What is said of the training before, which is by AdamW with a weight decay of 0.1."""

    before_steps: int = setting(1000, "steps of the training before", 6)
    before_learning_rate: float = setting(0.01, "peak learning rate of the training before", 0)


def inherited(settings: FineTuningSettings, kind: type[Settings]) -> dict[str, Any]:
    """What a training before takes over: the fields of its kind of settings, with its own number of steps."""
    return {part.name: getattr(settings, part.name) for part in fields(kind)} | {"steps": settings.before_steps}


class FineTuned(ModelTask):
    """To be put before the class of a task whose model has a `head`; `load` has to set `before`.

    Attributes:
        before: the task that the weights were trained on, with a model that differs in the head at most.
    """

    before: ModelTask

    def init(self, seed: int) -> Any:
        """The weights of the training before, which takes place now if it never has, with a new head."""
        _, unflatten = ravel_pytree(self.before.init(0))
        trained = jax.tree.map(np.asarray, unflatten(jnp.asarray(self._weights)))
        return eqx.tree_at(lambda model: model.head, trained, super().init(seed).head)

    @cached_property
    def version(self) -> str:  # type: ignore[override]
        """It tells the training before as well, and its weights, which other machines round differently."""
        weights = hashlib.sha256(self._weights.tobytes()).hexdigest()
        return fingerprint(super().version, self.before.version, weights)

    @cached_property
    def _weights(self) -> np.ndarray:
        rate = self.settings.before_learning_rate
        return pretrained(self.before, dsl.canonical(dsl.known("adamw", learning_rate=rate, weight_decay=WEIGHT_DECAY)))
