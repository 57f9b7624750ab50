"""Lists the tasks, built in and of installed packages; shows their settings; begins a task of your own, and checks one.

examples:
  optsearch tasks                              the tasks that there are
  optsearch tasks settings vision_vit          what may be changed of a built-in one
  optsearch tasks new my_task                  begins a task of your own, in my_task.py
  optsearch tasks check my_task.py:MyTask      says what is wrong with it, and what a candidate costs
"""

from __future__ import annotations

import argparse
from collections.abc import Container, Iterator
from types import ModuleType

from proxy_tasks import TaskError
from proxy_tasks.environment import single_threaded
from search.cli import task_check, task_new, task_settings
from search.cli.arguments import add_commands

ACTIONS: dict[str, ModuleType] = {"settings": task_settings, "new": task_new, "check": task_check}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    add_commands(parser, ACTIONS, "action", "ACTION", required=False)


def run(arguments: argparse.Namespace) -> int:
    """Does what is asked for, or prints a line for each task and scale."""
    if arguments.action:
        return ACTIONS[arguments.action].run(arguments)
    single_threaded()
    from proxy_tasks import TASKS
    from proxy_tasks.installed import declared

    print(f"{'name':<16} {'scale':>5} {'weights':>10} {'steps':>7}")
    reasons: list[str] = []
    for name, task in TASKS.items():
        print("\n".join(_rows(name, reasons, task.SCALES)))
    for other in declared():
        if other.name in TASKS:
            print(f"{other.name:<16} {other.distribution} has one, too, which is hidden: write {other.target}")
            continue
        rows = [f"{row}  {other.distribution}" for row in _rows(other.name, reasons)]
        broken = f"{other.name:<16} {other.distribution}, broken: `optsearch tasks check {other.name}` says why"
        print("\n".join(rows or [broken]))
    for number, reason in enumerate(reasons, 1):
        print(f"[{number}] {reason}")
    return 0


def _rows(name: str, reasons: list[str], known: Container[int] = ()) -> Iterator[str]:
    """A line for each scale that a task has, or is known to have; why one is not here is added to `reasons`, once."""
    from proxy_tasks import get
    from proxy_tasks.contract import ask
    from proxy_tasks.testing import SCALES

    for scale in SCALES:
        try:
            task = get(name, scale)
            weights = ask(task, "size", call=lambda size: size)  # which makes the weights of somebody's task
            yield f"{name:<16} {scale:>5} {weights:>10} {task.steps:>7}"
        except TaskError as error:
            if scale in known:  # a task need not have every scale
                if str(error) not in reasons:
                    reasons.append(str(error))
                yield f"{name:<16} {scale:>5} not here [{reasons.index(str(error)) + 1}]"
