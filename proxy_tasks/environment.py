"""The environment of a training process, to be set before JAX is imported."""

from __future__ import annotations

import os


def single_threaded() -> None:
    """One thread on the CPU, unless the environment says otherwise.

    The models are tiny: a second thread of XLA gains nothing, and a machine full of workers loses by it. NPROC is the
    size of XLA's thread pool.
    """
    os.environ.setdefault("NPROC", "1")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
