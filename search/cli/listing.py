"""A program as the subcommands print it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import dsl

DIM, PLAIN = "\x1b[2m", "\x1b[0m"


def marked(program: dsl.Program, live: set[int]) -> Iterator[str]:
    """The lines of a program, dead statements dimmed on a terminal and marked elsewhere."""
    dimmed = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for number, line in enumerate(str(program).splitlines()):
        dead = 0 < number <= len(program) and number - 1 not in live
        if not dead:
            yield line
        else:
            yield f"{DIM}{line}{PLAIN}" if dimmed else f"{line}  # dead"
