"""Training a task's model with programs: one compiled loop for all candidates of a task (arXiv 2302.06675, section 2).

The program, the thresholds of early stopping and the seed's weights and batches are data of the loop: nothing is
compiled for a candidate, and a survivor's score has the bits of a training that could not have been stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import islice, pairwise
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
from proxy_tasks.contract import ask, check_contract, check_start
from proxy_tasks.outcome import NEVER, NON_FINITE, STOPPED_EARLY, TRAINED, Outcome, part_ends
from proxy_tasks.task import Task

_ANY = dsl.parse("def train(w, g, lr):\n  update = g * lr\n  return update\n")

QUEUE = 32  # programs that one call of the compiled loop takes: each call costs as much as some training steps
SEEDS_KEPT = 32  # initial weights and batches of so many seeds stay on the device


class Trainer:
    """Trains programs on one task.

    Args:
        task: what they are trained on.
        data: what to train and score on, if not the task's own training and validation data.
        machine: what executes the programs, one of `dsl.vm.MACHINES`.

    Attributes:
        task: what they are trained on.
        tasks: the same, alone: a `Combination` has several.
        references: none: losses are as they are.
        machine: what `machine` came to.

    Raises:
        TaskError: for a task that does not keep its contract.
        dsl.errors.MachineError: for the native machine where it cannot be compiled.
    """

    def __init__(self, task: Task, data: Any = None, machine: str = AUTO):
        self.task, self.tasks, self.references = task, (task,), ()
        weights, schedule = ask(task, "init", 0), ask(task, "schedule")
        data = ask(task, "data") if data is None else data
        check_contract(task, weights, data, ask(task, "batches", 0), schedule)
        self._data = jax.device_put(data)
        self._schedule = jnp.asarray(schedule, jnp.float32)
        self._unflatten = ravel_pytree(weights)[1]
        self._ends = part_ends(task.steps)
        self._lengths = [end - start for start, end in pairwise([0, *self._ends])]
        self._sizes = [leaf.size for leaf in jax.tree.leaves(weights)]
        self._seeds: dict[int, tuple[jax.Array, Any]] = {}
        self._loops: dict[Capacity | dsl.Program, tuple[Machine, Callable]] = {}
        self.machine = choose(machine, self._operations)

    def check_start(self) -> None:
        """Computes the first loss, before anything that costs more.

        Raises:
            TaskError: if it is not finite.
        """
        flat, batches = self._seed(0)
        weights, batch = self._unflatten(flat), jax.tree.map(lambda b: b[0], batches)
        try:
            loss = float(jax.jit(self.task.loss)(weights, self._data, batch))
        except Exception:
            return  # the first training says so, with the traceback
        check_start(self.task, loss, weights, self._data)

    def train(self, program: dsl.Program, seed: int = 0, thresholds: Sequence[float] = NEVER) -> Outcome:
        """Trains a program as it is written; a search hands in canonical programs.

        Args:
            program: a program that `dsl.check` accepts.
            seed: of the initial weights and the batches.
            thresholds: one for each of CHECKPOINTS; a training whose curve lies above one is stopped there.
        """
        return self.train_many([program], seed, [thresholds])[0]

    def train_many(
        self, programs: Sequence[dsl.Program], seed: int, thresholds: Sequence[Sequence[float]]
    ) -> list[Outcome]:
        """Trains programs one after the other; a call of the compiled loop takes up to QUEUE of them.

        Args:
            programs: each as for `train`.
            seed: of all.
            thresholds: of each.
        """
        codes = [encode(program) for program in programs]
        queues: dict[Any, list[int]] = {}
        for number, program in enumerate(programs):
            queues.setdefault(self._key(program, codes[number]), []).append(number)
        outcomes: dict[int, Outcome] = {}
        for key, numbers in queues.items():
            chosen, loop = self._loop(key, codes[numbers[0]])
            for first in range(0, len(numbers), QUEUE):
                queue = numbers[first : first + QUEUE]
                arrays = [chosen.arrays(codes[number]) for number in queue]
                limits = [thresholds[number] for number in queue]
                found = self._run(loop, arrays, limits, seed, len(queue))
                outcomes |= dict(zip(queue, found, strict=True))
        return [outcomes[number] for number in range(len(programs))]

    def _run(
        self, loop: Callable, codes: list[tuple[np.ndarray, ...]], limits: list[Sequence[float]], seed: int, count: int
    ) -> list[Outcome]:
        """What becomes of the first `count` programs of a queue."""
        weights, batches = self._seed(seed)
        queue = tuple(_padded(parts) for parts in zip(*codes, strict=True))
        thresholds = _padded([np.array(limit, np.float32) for limit in limits])
        found = loop(queue, thresholds, np.int32(count), weights, batches, self._data, self._schedule)
        rows = zip(*map(np.asarray, found), strict=True)
        return [self._outcome(*row) for row in islice(rows, count)]

    def prepare(self) -> None:
        """Compiles the loop that candidates share, and trains nothing; the machine `jit` has none."""
        if self.machine.name != JIT:
            code = encode(_ANY)
            chosen, loop = self._loop(self._key(_ANY, code), code)
            self._run(loop, [chosen.arrays(code)], [NEVER], seed=0, count=0)

    def _seed(self, seed: int) -> tuple[jax.Array, Any]:
        if seed not in self._seeds:
            if len(self._seeds) >= SEEDS_KEPT:
                del self._seeds[next(iter(self._seeds))]
            weights = ravel_pytree(ask(self.task, "init", seed))[0].astype(jnp.float32)
            self._seeds[seed] = weights, jax.device_put(ask(self.task, "batches", seed))
        return self._seeds[seed]

    def _key(self, program: dsl.Program, code: Code) -> Capacity | dsl.Program:
        """What programs share that one compiled loop takes."""
        return program if self.machine.name == JIT else Capacity().grown_to(code.needed)

    def _loop(self, key: Capacity | dsl.Program, code: Code) -> tuple[Machine, Callable]:
        """The machine of a key, and its training loop; `code` is that of the first program."""
        if key not in self._loops:
            if self.machine.name == JIT:
                self._loops.clear()  # a compiled program is wanted again for its other seeds only
            chosen = machine(self.machine.name, self._sizes, code)
            self._loops[key] = chosen, jax.jit(self._queue(self._training(chosen)))
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
        gradient = self._gradient()
        lengths = np.array(self._lengths, np.float32)

        def training(code, weights, batches, data, schedule, thresholds):
            ends, limits = jnp.array(self._ends), jnp.append(thresholds, jnp.inf) * lengths

            def step_once(state):
                step, memory, total, _ = state
                loss, g = gradient(memory.weights, data, jax.tree.map(lambda b: b[step], batches))
                return step + 1, machine.step(code, memory, g, schedule[step]), total + loss, jnp.isfinite(loss)

            def part_once(state):
                part, step, memory, sums, _, _ = state

                def training_goes_on(state):
                    step, _, _, finite = state
                    return (step < ends[part]) & finite

                step, memory, total, finite = lax.while_loop(training_goes_on, step_once, (step, memory, 0.0, True))
                return part + 1, step, memory, sums.at[part].set(total), finite, total <= limits[part]

            def training_goes_on(state):
                part, _, _, _, finite, below = state
                return (part < len(lengths)) & finite & below

            start = (0, 0, machine.start(weights), jnp.zeros(len(lengths)), True, True)
            _, step, memory, sums, finite, below = lax.while_loop(training_goes_on, part_once, start)
            loss = lax.cond(
                finite & below,
                lambda: jnp.float32(self.task.evaluate(self._unflatten(memory.weights), data)),
                lambda: jnp.float32(jnp.nan),
            )
            return loss, sums, step, finite & ~below

        return training

    def _queue(self, training: Callable) -> Callable:
        """Trainings of the first `count` of QUEUE programs, one after the other."""
        parts = len(self._lengths)

        def queue(codes, thresholds, count, weights, batches, data, schedule):
            def train(number, results):
                code = tuple(part[number] for part in codes)
                found = training(code, weights, batches, data, schedule, thresholds[number])
                return tuple(rows.at[number].set(value) for rows, value in zip(results, found, strict=True))

            shapes = (jnp.zeros(QUEUE), jnp.zeros((QUEUE, parts)), jnp.zeros(QUEUE, int), jnp.zeros(QUEUE, bool))
            return lax.fori_loop(0, count, train, shapes)

        return queue

    def _outcome(self, loss: np.ndarray, sums: np.ndarray, steps: np.ndarray, stopped: np.ndarray) -> Outcome:
        """What the arrays that a training ends with say."""
        taken = int(steps)
        parts = zip(sums.tolist(), self._lengths, self._ends, strict=True)
        curve = tuple(total / length for total, length, end in parts if end <= taken and math.isfinite(total))
        if math.isfinite(loss):
            return Outcome(TRAINED, float(loss), curve, taken)
        return Outcome(STOPPED_EARLY if stopped else NON_FINITE, None, curve, taken)


def _padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays as the first rows of one with QUEUE of them."""
    padded = np.zeros((QUEUE, *rows[0].shape), rows[0].dtype)
    padded[: len(rows)] = rows
    return padded


def train(program: dsl.Program, task: Task, seed: int = 0) -> Outcome:
    """Trains the canonical form of a program once; a `Trainer` compiles once for many.

    Args:
        program: a program that `dsl.check` accepts.
        task: what it is trained on.
        seed: of the initial weights and the batches.
    """
    dsl.check(program)
    return Trainer(task).train(dsl.canonical(program), seed)
