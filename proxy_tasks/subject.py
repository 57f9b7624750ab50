"""A task under examination: what several checks look at is made once, when the first of them asks for it."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any

import jax
import numpy as np

import dsl
from proxy_tasks.contract import ask
from proxy_tasks.outcome import Outcome
from proxy_tasks.registry import get
from proxy_tasks.task import Task
from proxy_tasks.trainer import Trainer

RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)  # learning rates of AdamW: the grid of a search


class Subject:
    """A task under examination.

    Args:
        target: as `proxy_tasks.get` takes it.
        scale: of the task.
    """

    def __init__(self, target: str, scale: int = 1):
        self.target, self.scale = target, scale

    @cached_property
    def task(self) -> Task:
        """The task itself."""
        return self.another()

    def another(self) -> Task:
        """A new instance; of a task in a file, from the file as it is read again."""
        return get(self.target, self.scale)

    @cached_property
    def weights(self) -> Any:
        """Those of seed 0."""
        return ask(self.task, "init", 0)

    @cached_property
    def moved(self) -> Any:
        """`weights`, each moved a little: behind a last layer that starts at zero no gradient is to be seen."""
        rng = np.random.default_rng(0)
        return jax.tree.map(lambda w: np.asarray(w + rng.normal(0, 0.1, np.shape(w)), np.float32), self.weights)

    @cached_property
    def batches(self) -> Any:
        """Those of seed 0."""
        return ask(self.task, "batches", 0)

    def batch(self, step: int) -> Any:
        """What `loss` is given in a step of seed 0."""
        return jax.tree.map(lambda b: b[step], self.batches)

    @cached_property
    def schedule(self) -> Any:
        """Of the learning rate."""
        return ask(self.task, "schedule")

    @cached_property
    def data(self) -> Any:
        """The training and the evaluation split, on the host."""
        return ask(self.task, "data")

    @cached_property
    def test_data(self) -> Any:
        """The same with the test split, on the host."""
        return ask(self.task, "test_data")

    @cached_property
    def on_device(self) -> Any:
        """`data` where `loss` and `evaluate` are computed."""
        return jax.device_put(self.data)

    def loss(self, weights: Any, data: Any, batch: Any) -> tuple[jax.Array, Any]:
        """The loss of a step and its gradient, compiled once."""
        return ask(self.task, "loss", weights, data, batch, call=lambda _, *given: self._loss(*given))

    def evaluate(self, weights: Any, data: Any) -> float:
        """The fitness of weights, compiled once."""
        return float(ask(self.task, "evaluate", weights, data, call=lambda _, *given: self._evaluate(*given)))

    @cached_property
    def _loss(self) -> Any:
        return jax.jit(jax.value_and_grad(self.task.loss))

    @cached_property
    def _evaluate(self) -> Any:
        return jax.jit(self.task.evaluate)

    @cached_property
    def trainer(self) -> Trainer:
        """Trains as a worker of a search does; it has compiled its loop, which took `compile_s`."""
        trainer = Trainer(self.task, self.on_device)
        started = time.perf_counter()
        trainer.prepare()
        self.compile_s = time.perf_counter() - started
        return trainer

    @cached_property
    def trainings(self) -> dict[float, Outcome]:
        """What AdamW comes to with each of RATES, seed 0."""
        return {rate: self.trainer.train(adamw(rate)) for rate in RATES}


def adamw(rate: float) -> dsl.Program:
    """AdamW with a learning rate, as it is trained."""
    return dsl.canonical(dsl.known("adamw", learning_rate=rate))
