"""What a trainer asks of a task before it compiles anything: each breach of the contract is one clear error."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from proxy_tasks.errors import TaskError
from proxy_tasks.leaves import not_finite
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
    require(task.steps >= LEAST_STEPS, task, f"has {task.steps} steps: give it at least {LEAST_STEPS}")
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(weights)]
    require(sum(leaf.size for leaf in leaves) > 0, task, "init() gives no weights")
    kinds = {str(leaf.dtype) for leaf in leaves}
    require(kinds == {"float32"}, task, f"init() gives weights of {', '.join(sorted(kinds))}: make all float32")
    lowest, peak = np.min(schedule, initial=np.inf), np.max(schedule, initial=0)
    require(
        np.shape(schedule) == (task.steps,) and lowest >= 0 and 0.999 < peak <= 1,
        task,
        f"schedule() has shape {np.shape(schedule)}, lowest value {lowest:g} and peak {peak:g};"
        f" give one learning rate for each of the {task.steps} steps, from 0 to 1, with peak 1",
    )
    for leaf in jax.tree.leaves(batches):
        found = np.shape(leaf)[:1]
        require(
            found == (task.steps,), task, f"batches() has leading axis {found}: give one for each step, {task.steps}"
        )
    batch = jax.tree.map(lambda b: b[0], batches)
    for method, arguments in (("loss", (weights, data, batch)), ("evaluate", (weights, data))):
        result = ask(task, method, *arguments, call=jax.eval_shape)
        scalar = getattr(result, "shape", None) == () and jnp.issubdtype(result.dtype, jnp.floating)
        require(scalar, task, f"{method}() gives {result}: return one float, such as a mean over the batch")


def check_start(task: Task, loss: float, weights: Any, data: Any) -> None:
    """Refuses a loss that no optimizer can mend, since nothing was trained yet.

    Args:
        task: for its name.
        loss: of a first step.
        weights: that it was computed from; what spoils it is looked for there.
        data: likewise.

    Raises:
        TaskError: if the loss is not finite.
    """
    if not math.isfinite(loss):
        given = {"init()": weights, "data()": data}
        spoilt = [f"{method}{name}" for method, tree in given.items() for name in not_finite(tree)]
        cause = f"mend {', '.join(spoilt)}, where there are values that are not finite"
        guess = "look for a division by 0, or the logarithm or root of what may be 0 or less"
        raise TaskError(f"{task.name}: loss() is {loss} at the start: {cause if spoilt else guess}")


def require(holds: bool, task: Task, problem: str) -> None:
    """Refuses a task.

    Raises:
        TaskError: with the task's name and the problem, unless something holds.
    """
    if not holds:
        raise TaskError(f"{task.name}: {problem}")
