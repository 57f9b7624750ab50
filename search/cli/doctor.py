"""Says what this machine has for a search, and what to install.

example:
  optsearch doctor
"""

from __future__ import annotations

import argparse
import os
import platform
from importlib import metadata

from proxy_tasks.environment import single_threaded, start_jax


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand: none."""


def run(arguments: argparse.Namespace) -> int:
    """Prints a line for each thing that a search stands on; 1 if something is missing."""
    single_threaded()
    import jax

    from dsl.vm.machines import choose

    start_jax()
    found = choose("auto", lambda: 0.0)
    lines = {
        "python": f"{platform.python_version()}, {platform.platform()}",
        "jax": f"{jax.__version__}, jaxlib {metadata.version('jaxlib')}",
        "devices": f"{', '.join(map(str, jax.devices()))} (JAX_PLATFORMS={os.environ['JAX_PLATFORMS']})",
        "cores": f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()}",
        "ray": _ray(),
        "machine": found.description,
    }
    for name, value in lines.items():
        print(f"{name:<8}  {value}")
    print(found.note or "nothing is missing")
    return 1 if found.note else 0


def _ray() -> str:
    try:
        return metadata.version("ray")
    except metadata.PackageNotFoundError:
        return "not installed; one process searches without it"
