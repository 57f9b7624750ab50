"""What every registered task promises, at its smallest scale."""

from __future__ import annotations

import math
import subprocess
import sys
from functools import cache
from pathlib import Path

import jax
import numpy as np
import pytest

import proxy_tasks
from proxy_tasks import TASKS, Task

every_task = pytest.mark.parametrize("task", [pytest.param(proxy_tasks.get(name), id=name) for name in TASKS])
every_scale = pytest.mark.parametrize(
    "task", [pytest.param(proxy_tasks.get(n, s), id=f"{n}-{s}") for n in TASKS for s in (1, 10)]
)


@cache
def data_of(name: str):
    return jax.device_put(proxy_tasks.get(name).data())


def equal(a, b) -> bool:
    return jax.tree.all(jax.tree.map(lambda x, y: np.array_equal(x, y), a, b))


def first_batch(task: Task, seed: int = 0):
    return jax.tree.map(lambda b: b[0], task.batches(seed))


@every_task
def test_weights_are_float32_and_counted_by_size(task):
    leaves = jax.tree.leaves(task.init(0))
    assert all(leaf.dtype == np.float32 for leaf in leaves)
    assert sum(leaf.size for leaf in leaves) == task.size > 0


@every_task
@pytest.mark.parametrize("of", ["init", "batches"])
def test_weights_and_batches_are_functions_of_the_seed(task, of):
    assert equal(getattr(task, of)(3), getattr(task, of)(3))
    assert not equal(getattr(task, of)(3), getattr(task, of)(4))


@every_scale
def test_batches_have_one_row_for_each_step(task):
    assert all(isinstance(b, np.ndarray) and len(b) == task.steps for b in jax.tree.leaves(task.batches(0)))


@every_scale
def test_the_schedule_peaks_at_exactly_1_and_never_stands_still(task):
    schedule = task.schedule()
    assert schedule.shape == (task.steps,) and schedule.dtype == np.float32
    assert schedule.max() == 1 and schedule.min() > 0


@every_task
def test_loss_and_gradient_are_finite_float32(task):
    weights, data = task.init(0), data_of(task.name)
    loss, gradient = jax.jit(jax.value_and_grad(task.loss))(weights, data, first_batch(task))
    assert loss.shape == () and loss.dtype == np.float32 and math.isfinite(loss)
    for w, g in zip(jax.tree.leaves(weights), jax.tree.leaves(gradient), strict=True):
        assert g.shape == w.shape and g.dtype == np.float32
        assert np.isfinite(g).all() and np.any(g)


@every_task
def test_fitness_is_a_float32_scalar(task):
    fitness = jax.jit(task.evaluate)(task.init(0), data_of(task.name))
    assert fitness.shape == () and fitness.dtype == np.float32


@every_task
def test_the_version_names_the_scale(task):
    assert len({proxy_tasks.get(task.name, scale).version for scale in (1, 10)}) == 2


def test_versions_are_the_same_in_every_process():
    names = sorted(TASKS)
    code = f"import proxy_tasks; print(*(proxy_tasks.get(name).version for name in {names}))"
    root = Path(proxy_tasks.__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [proxy_tasks.get(name).version for name in names]


@every_task
def test_a_larger_scale_has_more_weights_and_more_steps(task):
    larger = [proxy_tasks.get(task.name, scale) for scale in (1, 10)]
    assert all(a.size < b.size and a.steps <= b.steps for a, b in zip(larger, larger[1:], strict=False))


def test_the_smallest_tasks_are_those_the_figures_are_about():
    assert (proxy_tasks.get("digits").size, proxy_tasks.get("digits").steps) == (2410, 200)
    assert (proxy_tasks.get("digits_vit").size, proxy_tasks.get("digits_vit").steps) == (3552, 500)
