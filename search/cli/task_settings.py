"""Shows what may be changed of a built-in task: each setting with its meaning, and its value at every scale.

A setting is given behind the task's name, wherever one is: `task: digits_vit,batch=64,fitness=accuracy`.

example:
  optsearch tasks settings vision_vit
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from proxy_tasks import TaskError
from proxy_tasks.environment import single_threaded


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the argument of this action."""
    parser.add_argument("name", metavar="NAME", help="a built-in task, as `optsearch tasks` lists it")


def run(arguments: argparse.Namespace) -> int:
    """Prints a line for each setting."""
    single_threaded()
    from dsl.checker import nearest
    from proxy_tasks import TASKS

    if arguments.name not in TASKS:
        near = nearest(arguments.name, TASKS) or f"; they are {', '.join(TASKS)}"
        raise TaskError(f"there is no built-in task {arguments.name!r}{near}")
    scales = TASKS[arguments.name].SCALES
    rows = [["setting", *(f"x{scale}" for scale in scales), "meaning"]]
    for part in fields(next(iter(scales.values()))):
        values = [str(getattr(settings, part.name)) for settings in scales.values()]
        rows.append([part.name, *values, part.metadata["meaning"] + _allowed(part.metadata)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _allowed(metadata: Mapping[str, Any]) -> str:
    """The choices or the range of a setting, in brackets."""
    low, high = metadata["low"], metadata["high"]
    if metadata["choices"]:
        return f" ({' or '.join(metadata['choices'])})"
    return "" if low is None else f" ({low:g} or more)" if high is None else f" ({low:g} to {high:g})"
