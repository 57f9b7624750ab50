"""Lists the built-in tasks.

example:
  optsearch tasks
"""

from __future__ import annotations

import argparse

from proxy_tasks import TaskError
from proxy_tasks.environment import single_threaded

SCALES = (1, 10, 100)  # those that the contract of a task names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand: none."""


def run(arguments: argparse.Namespace) -> int:
    """Prints a line for each task and scale."""
    single_threaded()
    from proxy_tasks import TASKS, get

    print(f"{'name':<16} {'scale':>5} {'weights':>10} {'steps':>7}")
    for name in TASKS:
        for scale in SCALES:
            try:
                task = get(name, scale)
            except TaskError:
                continue  # a task need not have every scale
            print(f"{name:<16} {scale:>5} {task.size:>10} {task.steps:>7}")
    return 0
