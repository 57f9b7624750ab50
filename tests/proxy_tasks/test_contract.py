"""What every built-in task promises: the conformance suite, and what its scales and versions are."""

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
from proxy_tasks import TASKS
from proxy_tasks.testing import CHECKS, Subject

SLOW = ("learns", "processes")  # trainings of full length, and a process for each task

every_task = pytest.mark.parametrize("name", TASKS)


@cache
def short(name: str) -> Subject:
    return Subject(f"{name},steps=60")


@every_task
@pytest.mark.parametrize("check", [check for check in CHECKS if check not in SLOW])
def test_a_task_keeps_the_rules(name, check):
    CHECKS[check](short(name))


@pytest.mark.slow
@every_task
@pytest.mark.parametrize("check", SLOW)
def test_a_task_keeps_the_rules_that_take_long(name, check):
    CHECKS[check](Subject(name))


@every_task
def test_fitness_at_the_start_is_about_that_of_chance(name):
    subject = short(name)
    assert 0 < subject.task.chance < math.inf
    assert 0.3 < subject.evaluate(subject.weights, subject.on_device) / subject.task.chance < 3


@every_task
def test_the_gradient_is_float32_and_shaped_like_the_weights(name):
    subject = short(name)
    loss, gradient = subject.loss(subject.weights, subject.on_device, subject.batch(0))
    assert loss.shape == () and loss.dtype == np.float32
    for w, g in zip(jax.tree.leaves(subject.weights), jax.tree.leaves(gradient), strict=True):
        assert g.shape == w.shape and g.dtype == np.float32


@every_task
def test_a_larger_scale_has_more_weights_and_no_fewer_steps(name):
    small, large = (proxy_tasks.get(name, scale) for scale in (1, 10))
    assert small.size < large.size and small.steps <= large.steps
    assert small.version != large.version


def test_versions_are_the_same_in_every_process():
    names = sorted(TASKS)
    code = f"import proxy_tasks; print(*(proxy_tasks.get(name).version for name in {names}))"
    root = Path(proxy_tasks.__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [proxy_tasks.get(name).version for name in names]


def test_the_smallest_tasks_are_those_the_figures_are_about():
    assert (proxy_tasks.get("digits").size, proxy_tasks.get("digits").steps) == (2410, 200)
    assert (proxy_tasks.get("digits_vit").size, proxy_tasks.get("digits_vit").steps) == (3552, 500)
