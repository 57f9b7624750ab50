"""A built-in task: an equinox model, a data set, and settings for each scale."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from proxy_tasks.errors import TaskError
from proxy_tasks.models.initial import initial
from proxy_tasks.randomness import Purpose, stream
from proxy_tasks.schedules import SCHEDULES
from proxy_tasks.settings import changed
from proxy_tasks.task import Task, fingerprint

CHUNK = 512  # examples that are evaluated together, at most: more leave the processor's caches


class ModelTask(Task):
    """All of the contract that families share. A task is a subclass with a name and a table of settings.

    Args:
        scale: a key of SCALES.
        changes: fields of the scale's settings, with other values.

    Attributes:
        settings: those of the scale, changed.

    Raises:
        TaskError: for an unknown scale or setting, a value out of range, or data that is not there or not fit.
    """

    SCALES: ClassVar[dict[int, Any]]  # {1: settings, 10: ..., 100: ..., 500: ...}
    REVISION: ClassVar[int]  # raised when the code changes what the same settings compute

    def __init__(self, scale: int = 1, **changes: Any):
        if scale not in self.SCALES:
            raise TaskError(f"{self.name} has no scale {scale}: it has {', '.join(map(str, self.SCALES))}")
        self.scale = scale
        self.settings: Any = changed(self.SCALES[scale], changes, self.name)
        self.steps = self.settings.steps
        self.load()
        self.name = ",".join([self.name, *(f"{key}={value}" for key, value in changes.items())])

    @abstractmethod
    def load(self) -> None:
        """Reads the data, and refuses what does not fit the settings."""

    @abstractmethod
    def sources(self) -> tuple[str, ...]:
        """The digests of the data sets."""

    @abstractmethod
    def model(self, key: jax.Array) -> eqx.Module:
        """The model with fresh weights; all its leaves are arrays. It is traced for the shapes of these only."""

    @property
    @abstractmethod
    def chance(self) -> float:
        """What `evaluate` gives for a model that has learnt how often each answer is right, and nothing else."""

    def init(self, seed: int) -> Any:
        """The model, with weights drawn by NumPy."""
        return initial(self.model, stream(seed, Purpose.WEIGHTS))

    @cached_property
    def version(self) -> str:  # type: ignore[override]
        """A hash of name, scale, settings, data and revision; made when it is asked for, and not before."""
        return fingerprint(type(self).name, self.scale, self.settings, self.sources(), self.REVISION)

    @property
    def size(self) -> int:
        """Number of weights, of the model's shapes alone."""
        return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(self.model, jax.random.key(0))))

    def schedule(self) -> np.ndarray:
        """That of the settings."""
        return SCHEDULES[self.settings.schedule](self.steps, self.settings.warm_up)


def entropy(answers: np.ndarray) -> float:
    """Cross-entropy in nats of whole numbers from 0, for a model that knows how often each comes."""
    shares = np.bincount(answers) / len(answers)
    return -sum(share * math.log(share) for share in shares.tolist() if share)


def mean_over(measure: Callable[[Any], jax.Array], split: Any, chunk: int = CHUNK) -> jax.Array:
    """The mean of a number over the examples of a split, `chunk` at a time.

    Args:
        measure: of some examples: float32 [examples] from a pytree like `split`.
        split: a pytree of arrays [examples, ...].
        chunk: examples that are measured together; fewer for a model that makes more of each.
    """
    examples = len(jax.tree.leaves(split)[0])
    whole = examples // chunk * chunk
    chunks = jax.tree.map(lambda a: a[:whole].reshape(whole // chunk, chunk, *a.shape[1:]), split)
    sums = lax.map(lambda part: measure(part).sum(), chunks).sum() if whole else 0.0
    rest = jax.tree.map(lambda a: a[whole:], split)
    return (sums + (measure(rest).sum() if whole < examples else 0.0)) / jnp.float32(examples)
