"""Checks that a task keeps the rules that a search relies on; a line for each says what is wrong and what to change.

Then it prints what a candidate costs here, trained as a worker would: on one core. Exit status 0 if all is well, 1 if
not. `docs/custom-tasks.md` says what the checks look at, and `proxy_tasks.testing` has them for pytest.

examples:
  optsearch tasks check my_task.py:MyTask
  optsearch tasks check my_package.tasks:MyTask --scale 10
  optsearch tasks check digits
"""

from __future__ import annotations

import argparse
from contextlib import suppress

from proxy_tasks import TaskError
from proxy_tasks.environment import single_threaded, start_jax

NEEDED = ("contract", "start")  # without these no other check can be trusted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this action."""
    parser.add_argument(
        "target",
        metavar="TARGET",
        help="path/to/file.py:Class, package.module:Class, or a name that `optsearch tasks` lists, with settings if it"
        " has some: whatever `task` may be in a configuration",
    )
    parser.add_argument("--scale", metavar="N", type=int, default=1, help="scale of the task (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Prints a line for each check and the cost of a candidate; 1 if a check fails."""
    single_threaded()
    start_jax()
    from proxy_tasks import several

    return max([_check(target, arguments.scale) for target in several(arguments.target)])


def _check(target: str, scale: int) -> int:
    from proxy_tasks.cost import measure
    from proxy_tasks.testing import CHECKS, Subject

    subject = Subject(target, scale)
    name = subject.task.name
    print(f"{name} x{scale}")
    failed = 0
    for check, rule in CHECKS.items():
        try:
            print(f"ok     {check:<9}  {rule(subject)}", flush=True)
        except TaskError as error:
            failed += 1
            print(f"WRONG  {check:<9}  {' '.join(str(error).removeprefix(f'{name}: ').split())}", flush=True)
            if check in NEEDED:
                print(f"the other checks need {check}: mend that first")
                return 1
    with suppress(TaskError):  # what trains with no learning rate has no cost, and a check has said so
        table = measure(subject).table()
        print(f"\nwhat a candidate costs here:\n{table}")
    print(f"\n{failed} of {len(CHECKS)} checks failed" if failed else f"\nall {len(CHECKS)} checks passed")
    return 1 if failed else 0
