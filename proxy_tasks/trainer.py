"""Training a task's model with programs: one compiled loop for all candidates of a task (arXiv 2302.06675, section 2).

The program, the thresholds of early stopping and the seed's weights and batches are data of the loop: nothing is
compiled for a candidate, and a survivor's score has the bits of a training that could not have been stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree

import dsl
from dsl.vm import AUTO, JIT
from dsl.vm.bytecode import Capacity, Code, encode
from dsl.vm.machines import Machine, choose, machine
from proxy_tasks.contract import ask, check_contract
from proxy_tasks.outcome import CHECKPOINTS, NEVER, NON_FINITE, STOPPED_EARLY, TRAINED, Outcome
from proxy_tasks.task import Task

SEEDS_KEPT = 32  # initial weights and batches of so many seeds stay on the device


class Trainer:
    """Trains programs on one task.

    Args:
        task: what they are trained on.
        data: what to train and score on, if not the task's own training and validation data.
        machine: what executes the programs, one of `dsl.vm.MACHINES`.

    Attributes:
        machine: what `machine` came to.

    Raises:
        TaskError: for a task that does not keep its contract.
        dsl.errors.MachineError: for the native machine where it cannot be compiled.
    """

    def __init__(self, task: Task, data: Any = None, machine: str = AUTO):
        self.task = task
        weights, schedule = ask(task, "init", 0), ask(task, "schedule")
        data = ask(task, "data") if data is None else data
        check_contract(task, weights, data, ask(task, "batches", 0), schedule)
        self._data = jax.device_put(data)
        self._schedule = jnp.asarray(schedule, jnp.float32)
        self._unflatten = ravel_pytree(weights)[1]
        self._sizes = [leaf.size for leaf in jax.tree.leaves(weights)]
        self._seeds: dict[int, tuple[jax.Array, Any]] = {}
        self._loops: dict[Capacity | dsl.Program, tuple[Machine, Callable]] = {}
        self.machine = choose(machine, self._operations)

    def train(self, program: dsl.Program, seed: int = 0, thresholds: Sequence[float] = NEVER) -> Outcome:
        """Trains a program as it is written; a search hands in canonical programs.

        Args:
            program: a program that `dsl.check` accepts.
            seed: of the initial weights and the batches.
            thresholds: one for each of CHECKPOINTS; a training whose curve lies above one is stopped there.
        """
        code = encode(program)
        chosen, loop = self._loop(program, code)
        weights, batches = self._seed(seed)
        loss, sums, steps, stopped = loop(
            chosen.arrays(code), weights, batches, self._data, self._schedule, np.array(thresholds, np.float32)
        )
        return _outcome(float(loss), np.asarray(sums), int(steps), bool(stopped), self.task.steps)

    def _seed(self, seed: int) -> tuple[jax.Array, Any]:
        if seed not in self._seeds:
            if len(self._seeds) >= SEEDS_KEPT:
                del self._seeds[next(iter(self._seeds))]
            weights = ravel_pytree(self.task.init(seed))[0].astype(jnp.float32)
            self._seeds[seed] = weights, jax.device_put(self.task.batches(seed))
        return self._seeds[seed]

    def _loop(self, program: dsl.Program, code: Code) -> tuple[Machine, Callable]:
        """A machine that takes the program, and its training loop."""
        key = program if self.machine.name == JIT else Capacity().grown_to(code.needed)
        if key not in self._loops:
            if self.machine.name == JIT:
                self._loops.clear()  # a compiled program is wanted again for its other seeds only
            chosen = machine(self.machine.name, self._sizes, code)
            self._loops[key] = chosen, jax.jit(self._training(chosen))
        return self._loops[key]

    def _operations(self) -> float:
        """Floating-point operations of the gradients of a training."""
        weights, batches = self._seed(0)
        batch = jax.tree.map(lambda b: b[0], batches)
        cost = jax.jit(self._gradient()).lower(weights, self._data, batch).cost_analysis()
        return self.task.steps * (cost or {}).get("flops", 0.0)

    def _gradient(self) -> Callable:
        """(flat weights, data, batch) -> (loss, gradient)."""
        return jax.value_and_grad(lambda flat, data, batch: self.task.loss(self._unflatten(flat), data, batch))

    def _training(self, machine: Machine) -> Callable:
        """The whole training as one function of arrays, to be compiled."""
        steps = self.task.steps
        ends = _ends(steps)
        segment = np.searchsorted(ends, np.arange(steps), side="right")
        lengths = np.diff([0, *ends]).astype(np.float32)
        gradient = self._gradient()

        def training(code, weights, batches, data, schedule, thresholds):
            limits = jnp.append(thresholds, jnp.inf) * lengths

            def going_on(state):
                step, _, _, finite, below = state
                return (step < steps) & finite & below

            def step_once(state):
                step, memory, sums, _, _ = state
                batch = jax.tree.map(lambda b: b[step], batches)
                loss, g = gradient(memory.weights, data, batch)
                memory = machine.step(code, memory, g, schedule[step])
                part = jnp.asarray(segment)[step]
                sums = sums.at[part].add(loss)
                at_end = step + 1 == jnp.asarray(ends)[part]
                return step + 1, memory, sums, jnp.isfinite(loss), ~at_end | (sums[part] <= limits[part])

            start = (0, machine.start(weights), jnp.zeros(len(ends)), True, True)
            step, memory, sums, finite, below = lax.while_loop(going_on, step_once, start)
            loss = lax.cond(
                (step == steps) & finite,
                lambda: jnp.float32(self.task.evaluate(self._unflatten(memory.weights), data)),
                lambda: jnp.float32(jnp.nan),
            )
            return loss, sums, step, finite & ~below

        return training


def train(program: dsl.Program, task: Task, seed: int = 0) -> Outcome:
    """Trains the canonical form of a program once; a `Trainer` compiles once for many.

    Args:
        program: a program that `dsl.check` accepts.
        task: what it is trained on.
        seed: of the initial weights and the batches.
    """
    dsl.check(program)
    return Trainer(task).train(dsl.canonical(program), seed)


def _ends(steps: int) -> np.ndarray:
    """The step after which each part of the curve ends."""
    return np.array([round(share * steps) for share in (*CHECKPOINTS, 1.0)])


def _outcome(loss: float, sums: np.ndarray, steps: int, stopped: bool, all_steps: int) -> Outcome:
    ends = _ends(all_steps)
    means = sums / np.diff([0, *ends])
    curve = tuple(float(mean) for mean, end in zip(means, ends, strict=True) if end <= steps and math.isfinite(mean))
    if math.isfinite(loss):
        return Outcome(TRAINED, loss, curve, steps)
    return Outcome(STOPPED_EARLY if stopped else NON_FINITE, None, curve, steps)
