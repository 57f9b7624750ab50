"""What a trainer asks of a task before it compiles anything: each breach of the contract is one clear error."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from proxy_tasks.errors import TaskError
from proxy_tasks.task import Task

LEAST_STEPS = 6  # with fewer, two checkpoints would fall on one step


def ask(task: Task, method: str, *arguments: Any, call: Callable = lambda f, *a: f(*a)) -> Any:
    """What a method of the task returns; `call` is how it is called.

    Raises:
        TaskError: with the task's and the method's name, when the method fails.
    """
    try:
        return call(getattr(task, method), *arguments)
    except TaskError:
        raise
    except Exception as error:
        raise TaskError(f"{task.name}: {method}() failed{_place(error)} ({type(error).__name__}: {error})") from error


def _place(error: Exception) -> str:
    """Where the task raised an error: the last line that is not of an installed package."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    return f" at {frames[-1].filename}:{frames[-1].lineno}" if len(frames) > 1 else ""


def check_contract(task: Task, weights: Any, data: Any, batches: Any, schedule: Any) -> None:
    """Compares shapes and dtypes with what `Task` says of them; the model is traced, nothing is trained.

    Raises:
        TaskError: for the first breach.
    """
    _require(task.steps >= LEAST_STEPS, task, f"has {task.steps} steps: give it at least {LEAST_STEPS}")
    leaves = jax.tree.leaves(weights)
    _require(sum(leaf.size for leaf in leaves) > 0, task, "init() gives no weights")
    kinds = {str(leaf.dtype) for leaf in leaves}
    _require(kinds == {"float32"}, task, f"init() gives weights of {', '.join(sorted(kinds))}: make all float32")
    lowest, peak = np.min(schedule, initial=np.inf), np.max(schedule, initial=0)
    _require(
        np.shape(schedule) == (task.steps,) and lowest >= 0 and 0.999 < peak <= 1,
        task,
        f"schedule() has shape {np.shape(schedule)}, lowest value {lowest:g} and peak {peak:g};"
        f" give one learning rate for each of the {task.steps} steps, from 0 to 1, with peak 1",
    )
    for leaf in jax.tree.leaves(batches):
        found = np.shape(leaf)[:1]
        _require(
            found == (task.steps,), task, f"batches() has leading axis {found}: give one for each step, {task.steps}"
        )
    batch = jax.tree.map(lambda b: b[0], batches)
    for method, arguments in (("loss", (weights, data, batch)), ("evaluate", (weights, data))):
        result = ask(task, method, *arguments, call=jax.eval_shape)
        scalar = getattr(result, "shape", None) == () and jnp.issubdtype(result.dtype, jnp.floating)
        _require(scalar, task, f"{method}() gives {result}: return one float, such as a mean over the batch")


def _require(holds: bool, task: Task, problem: str) -> None:
    if not holds:
        raise TaskError(f"{task.name}: {problem}")
