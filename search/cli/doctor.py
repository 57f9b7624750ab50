"""Says what this machine has for a search, and what to install.

example:
  optsearch doctor
"""

from __future__ import annotations

import argparse
import os
import platform
from importlib import metadata

from dsl.errors import MachineError
from proxy_tasks.environment import single_threaded


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand: none."""


def run(arguments: argparse.Namespace) -> int:
    """Prints a line for each thing that a search stands on; 1 if the fastest machine cannot be had."""
    single_threaded()
    import jax

    from dsl.vm.machines import choose

    lines = {
        "python": f"{platform.python_version()}, {platform.platform()}",
        "jax": f"{jax.__version__}, jaxlib {metadata.version('jaxlib')}",
        "devices": ", ".join(str(device) for device in jax.devices()),
        "cores": f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()}",
        "ray": _ray(),
    }
    try:
        found = choose("native", lambda: 0.0)
        lines["machine"] = found.description
        missing = found.note
    except MachineError as error:
        missing = f"the native machine cannot be had: {error}"
        lines["machine"] = choose("auto", lambda: 0.0).description
    for name, value in lines.items():
        print(f"{name:<8}  {value}")
    print(missing or "nothing is missing")
    return 1 if missing else 0


def _ray() -> str:
    try:
        return metadata.version("ray")
    except metadata.PackageNotFoundError:
        return "not installed; one process searches without it"
