"""The environment of a training process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import proxy_tasks
from proxy_tasks.environment import single_threaded


def test_training_takes_one_thread_of_the_cpu(monkeypatch):
    monkeypatch.delenv("NPROC", raising=False)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    single_threaded()
    assert (os.environ["NPROC"], os.environ["JAX_PLATFORMS"]) == ("1", "cpu")


def test_what_the_environment_says_is_left_alone(monkeypatch):
    monkeypatch.setenv("NPROC", "4")
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    single_threaded()
    assert (os.environ["NPROC"], os.environ["JAX_PLATFORMS"]) == ("4", "cuda")


@pytest.mark.parametrize("start, inline", [("start_jax()", True), ("pass", False)])
def test_a_training_runs_in_the_thread_that_waits_for_it(start, inline):
    # a call that is dispatched returns long before its result is there
    code = f"""
import time
from proxy_tasks.environment import start_jax
{start}
import jax, jax.numpy as jnp
work = jax.jit(lambda x: jax.lax.fori_loop(0, 300, lambda i, x: jnp.tanh(x @ x), x))
x = jnp.ones((200, 200)) / 200
jax.block_until_ready(work(x))
started = time.perf_counter()
y = work(x)
called = time.perf_counter()
jax.block_until_ready(y)
print((called - started) / (time.perf_counter() - started))
"""
    root = Path(proxy_tasks.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert (float(done.stdout) > 0.5) == inline
