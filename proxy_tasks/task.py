"""The contract of a proxy task: a small model, its data and the fitness of an optimizer (arXiv 2302.06675, 2.2)."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import Any

import jax
import numpy as np


class Task(ABC):
    """What a program is tried on. Everything it returns is a function of its settings and the seed.

    `loss` and `evaluate` are traced by JAX; the other methods run on the host, once.

    Attributes:
        name: as `proxy_tasks.get` knows it.
        scale: cost of one training in units of the smallest variant, about: 1, 10, 100 or 500.
        steps: training steps of one candidate.
        version: short hash of all that defines the task (see `fingerprint`). Results of another version of a task are
            never reused.

    A task may also have `chance`, a number: what `evaluate` gives for a predictor that has learnt nothing but the
    frequencies. It is for reports and checks.
    """

    name: str
    scale: int
    steps: int
    version: str

    @abstractmethod
    def data(self) -> Any:
        """A pytree of NumPy arrays: the training and the validation split.

        The trainer puts it on the device once and passes it to `loss` and `evaluate`.
        """

    @abstractmethod
    def test_data(self) -> Any:
        """`data()` with the test split in place of the validation split.

        It is the only door to the test split. A search never opens it.
        """

    @abstractmethod
    def init(self, seed: int) -> Any:
        """The initial weights: a pytree of float32 arrays, a function of `seed` only."""

    @abstractmethod
    def batches(self, seed: int) -> Any:
        """A pytree of NumPy arrays with leading axis `steps`: what tells `loss` which examples each step takes."""

    @abstractmethod
    def loss(self, weights: Any, data: Any, batch: Any) -> jax.Array:
        """The training loss of one step, to be differentiated.

        Args:
            weights: shaped like `init(seed)`.
            data: shaped like `data()`.
            batch: one step of `batches(seed)`, without the leading axis.

        Returns:
            float32 scalar.
        """

    @abstractmethod
    def evaluate(self, weights: Any, data: Any) -> jax.Array:
        """The loss on the whole validation split of `data`: the fitness, LOWER IS BETTER; a float32 scalar."""

    @abstractmethod
    def schedule(self) -> np.ndarray:
        """The learning rate of each step, float32 [steps], from 0 to 1, with peak 1: a program has its own factor."""

    @property
    def size(self) -> int:
        """Number of weights."""
        shapes = jax.eval_shape(lambda: self.init(0))
        return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def fingerprint(*parts: Any) -> str:
    """A short hash of values whose `repr` tells all about them: numbers, strings, tuples, frozen dataclasses.

    >>> fingerprint("digits", 1) == fingerprint("digits", 1) != fingerprint("digits", 10)
    True
    """
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
