"""The environment of a training process, to be set before JAX starts."""

from __future__ import annotations

import os

from dsl.errors import MachineError


def single_threaded() -> None:
    """One thread on the CPU, unless the environment says otherwise; to be called before JAX is imported.

    The models are tiny: a second thread of XLA gains nothing, and a machine full of workers loses by it. NPROC is the
    size of XLA's thread pool.
    """
    os.environ.setdefault("NPROC", "1")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")


def start_jax() -> None:
    """Starts JAX for trainings; to be called before JAX makes its first array.

    On the CPU a training then runs in the thread that waits for it, and is not handed over to another.

    Raises:
        MachineError: where JAX has no backend of the name that JAX_PLATFORMS gives.
    """
    import jax

    jax.config.update("jax_cpu_enable_async_dispatch", False)
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:
        given = os.environ.get("JAX_PLATFORMS")
        raise MachineError(
            f"JAX cannot start with JAX_PLATFORMS={given}: set it to cpu, or unset it ({error})"
        ) from error


def pinned(core: int) -> None:
    """Keeps the process on one core, so that no other takes over its caches; does nothing where that cannot be asked.

    Args:
        core: counted from 0 among those that the process may use.
    """
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {allowed[core % len(allowed)]})
