"""Programs, lines and data as the subcommands print them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import dsl
from search.printable import printable
from search.to_json import to_json

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


def fitted(line: str) -> str:
    """A line cut to the width of the terminal; whole elsewhere."""
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else len(line)
    return line if len(line) <= columns else f"{line[: columns - 3]}..."


def say(*lines: str) -> None:
    """Prints lines; of what others have named in them (tasks, paths, errors), a terminal obeys nothing."""
    for line in lines:
        print(printable(line))


def print_json(data: Any) -> None:
    """Prints data as JSON; what is not a finite number is null."""
    print(to_json(data, indent=2))
