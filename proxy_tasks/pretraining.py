"""Weights that a task has been trained to before: what fine-tuning starts from, kept in the user's cache."""

from __future__ import annotations

import hashlib
import io
import logging
from importlib import metadata
from pathlib import Path

import jax
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree

import dsl
from dsl.user_cache import keep, user_cache
from dsl.vm import JIT
from dsl.vm.bytecode import encode
from dsl.vm.machines import choose, machine
from proxy_tasks.errors import TaskError
from proxy_tasks.files import read_npz
from proxy_tasks.task import Task

LOG = logging.getLogger(__name__)


def pretrained(task: Task, program: dsl.Program) -> np.ndarray:
    """The weights at the end of a training with seed 0, flat, float32: those that are kept, if there are such.

    They are a function of the task's version, the program, jaxlib and the kind of machine. Processes that need them at
    once may each train; they come to the same bits, and none reads half a file.

    Args:
        task: what they are trained on.
        program: a canonical program.

    Raises:
        TaskError: if they do not stay finite.
    """
    size = sum(leaf.size for leaf in jax.tree.leaves(task.init(0)))
    key = (task.version, str(program), choose(JIT, float).description, metadata.version("jaxlib"))
    path = user_cache("weights") / f"{hashlib.sha256(repr(key).encode()).hexdigest()[:24]}.npz"
    weights = _kept(path, size)
    if weights is None:
        LOG.info("%s (%d weights, %d steps) takes place now, and is kept", task.name, size, task.steps)
        weights = trained(task, program)
        if not np.isfinite(weights).all():
            raise TaskError(f"{task.name}, does not stay finite: make before_learning_rate smaller")
        content = io.BytesIO()
        np.savez(content, weights=weights)
        keep(path, content.getvalue())
    return weights


def trained(task: Task, program: dsl.Program, seed: int = 0) -> np.ndarray:
    """The weights at the end of a training, flat, float32; all of it is compiled for this one program.

    Args:
        task: what they are trained on.
        program: any program.
        seed: of the initial weights and the batches.
    """
    fresh = task.init(seed)
    flat, unflatten = ravel_pytree(fresh)
    code = encode(program)
    chosen = machine(JIT, [leaf.size for leaf in jax.tree.leaves(fresh)], code)
    gradient = jax.grad(lambda weights, data, batch: task.loss(unflatten(weights), data, batch))

    def training(code, weights, data, batches, schedule):
        def step(i, memory):
            found = gradient(memory.weights, data, jax.tree.map(lambda b: b[i], batches))
            return chosen.step(code, memory, found, schedule[i])

        return lax.fori_loop(0, task.steps, step, chosen.start(weights)).weights

    found = jax.jit(training)(chosen.arrays(code), flat, task.data(), task.batches(seed), task.schedule())
    return np.asarray(found)


def _kept(path: Path, size: int) -> np.ndarray | None:
    """What was kept, if it is there and whole."""
    try:
        weights = read_npz(path)["weights"]
    except (TaskError, KeyError):
        return None
    fits = weights.dtype == np.float32 and weights.shape == (size,) and np.isfinite(weights).all()
    return weights if fits else None
