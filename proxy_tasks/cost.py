"""What a candidate of a task costs, as measured here."""

from __future__ import annotations

import time
from dataclasses import dataclass

import jax

from dsl.vm import JIT
from proxy_tasks.errors import TaskError
from proxy_tasks.subject import RATES, Subject, adamw

SHORT_S = 10.0  # a worker should not compile for longer
TRAININGS = 3  # of which the quickest is what a training costs


@dataclass(frozen=True)
class Cost:
    """What a candidate costs.

    Attributes:
        machine: what executed the program.
        weights: of the model.
        steps: of a training.
        training_s: seconds of a whole training by AdamW.
        compile_s: seconds that a worker compiles, once, before its first training; the machine `jit` for each.
        data_bytes: of the data on the device.
        batches_bytes: of the batches of a seed on the device.
    """

    machine: str
    weights: int
    steps: int
    training_s: float
    compile_s: float
    data_bytes: int
    batches_bytes: int

    def table(self) -> str:
        """The cost for people, a line each."""
        short = "under" if self.compile_s < SHORT_S else "NOT under"
        lines = {
            "weights": f"{self.weights:,}",
            "steps": f"{self.steps:,}",
            "a training": f"{_seconds(self.training_s)}, {_seconds(self.training_s / self.steps)} a step",
            "compiling": f"{_seconds(self.compile_s)}, {short} {SHORT_S:g} s",
            "data on the device": _bytes(self.data_bytes),
            "batches of a seed": _bytes(self.batches_bytes),
            "machine": self.machine,
        }
        return "\n".join(f"{name:<18}  {value}" for name, value in lines.items())


def measure(subject: Subject) -> Cost:
    """Trains AdamW a few times, with the rate that was best.

    Raises:
        TaskError: if it trains with none.
    """
    losses = {rate: outcome.loss for rate, outcome in subject.trainings.items() if outcome.loss is not None}
    if not losses:
        raise TaskError(f"{subject.task.name}: AdamW trains with no learning rate from {RATES[0]} to {RATES[-1]}")
    program = adamw(min(losses, key=losses.__getitem__))
    seconds = []
    for _ in range(TRAININGS):  # the machine jit compiles in the first
        started = time.perf_counter()
        subject.trainer.train(program)
        seconds.append(time.perf_counter() - started)
    machine = subject.trainer.machine
    return Cost(
        machine.description,
        subject.task.size,
        subject.task.steps,
        min(seconds),
        seconds[0] - min(seconds) if machine.name == JIT else subject.compile_s,
        sum(leaf.nbytes for leaf in jax.tree.leaves(subject.on_device)),
        sum(leaf.nbytes for leaf in jax.tree.leaves(jax.device_put(subject.batches))),
    )


def _seconds(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


def _bytes(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
