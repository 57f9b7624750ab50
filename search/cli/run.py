"""Runs a search: tunes the baselines, evolves, selects the winner, simplifies and exports it.

examples:
  optsearch run quickstart
  optsearch run my_search.yaml --out runs/first --set seed=1 --set budget.generated=5000
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from proxy_tasks.environment import single_threaded
from search.cli.arguments import add_console, console
from search.cli.listing import say
from search.configuration import load_config
from search.console import Console
from search.directories import claim, claim_first_free
from search.inspection import row_data
from search.interruption import Interrupted
from search.journal import FILE_NAME

if TYPE_CHECKING:
    from search import Result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    parser.add_argument(
        "config",
        metavar="CONFIG",
        type=Path,
        help="a YAML file, or a shipped one by name: quickstart; `optsearch config` prints every key",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="directory of the run, empty or new (default: runs/CONFIG-1, or the first number that is free)",
    )
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="replace a value of CONFIG; may be repeated"
    )
    add_console(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs and prints the summary."""
    single_threaded()
    import search

    config = load_config(arguments.config, arguments.set)
    directory = claim(arguments.out) if arguments.out else claim_first_free(arguments.config.stem)
    try:
        return report(lambda shown: search.run(config, directory, shown), console(arguments), directory)
    finally:  # a run that is refused leaves nothing
        with contextlib.suppress(OSError):
            directory.rmdir()


def report(work: Callable[[Console], Result], shown: Console, directory: Path) -> int:
    """Does the work and prints the summary; says how to go on where it is interrupted."""
    import search

    try:
        result = work(shown)
    except (KeyboardInterrupt, sqlite3.DatabaseError, OSError) as error:
        if (directory / FILE_NAME).exists():
            found = f"what was found so far: {command()} show {directory}"
            shown.line(found, "interrupted", directory=str(directory))
            go_on = f"go on with: {command()} resume {directory}"
            if isinstance(error, Interrupted):
                raise Interrupted(go_on) from None
            shown.line(go_on)
        raise
    if shown.as_json:
        shown.line("the run has ended", "ended", **row_data(result))
    say(search.summary(result, command()))
    return 0


def command() -> str:
    """How to call optsearch again from this shell: its name if that is found, else the path it was called by."""
    return "optsearch" if shutil.which("optsearch") else os.path.relpath(sys.argv[0])
