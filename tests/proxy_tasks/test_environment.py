"""The environment of a training process."""

from __future__ import annotations

import os

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
