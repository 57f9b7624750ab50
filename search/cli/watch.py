"""Shows a search that runs elsewhere, as the terminal that it was started in does; it only reads.

It ends when the run does, or when no process writes it any more. Where standard output is no terminal it prints a line
now and then; with --json an object, with all that is known.

examples:
  optsearch watch runs/quickstart-1
  optsearch watch runs/quickstart-1 --once --json
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

from search.cli.arguments import positive_seconds
from search.cli.listing import say
from search.cli.run import command
from search.console import SECONDS_ELSEWHERE, Console
from search.live.line import line
from search.live.view import View
from search.live.watching import SHARE, Watcher
from search.state import ENDED, INTERRUPTED
from search.to_json import to_json

CTRL_C = 130  # exit code


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="directory of a run")
    parser.add_argument("--once", action="store_true", help="look once")
    parser.add_argument("--json", action="store_true", help="one JSON object for each look")
    parser.add_argument(
        "--every",
        metavar="SECONDS",
        type=positive_seconds,
        help=f"seconds between two looks (default: half a second on a terminal, elsewhere {SECONDS_ELSEWHERE:g})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Looks until the run has ended, or no process writes it."""
    console = Console(stream=sys.stdout, as_json=arguments.json)
    try:
        watcher = Watcher(arguments.directory, share=math.inf if arguments.once else SHARE)
        with console.screen():
            view = _watch(watcher, console, arguments)
    except KeyboardInterrupt:  # the search goes on: there is nothing to say
        return CTRL_C
    if not arguments.json and (next_ := _next(view)):
        say(next_)
    return 0


def _watch(watcher: Watcher, console: Console, arguments: argparse.Namespace) -> View:
    """Shows look after look; the last one."""
    while True:
        view = watcher.look()
        if console.terminal:
            console.show(view)
        else:  # not by the console, for which it is no reason to end that nobody takes the lines
            print(to_json(view.whole()) if arguments.json else line(view), flush=True)
        if arguments.once or view.state in (ENDED, INTERRUPTED):
            return view
        time.sleep(arguments.every or console.every)


def _next(view: View) -> str:
    """What to do with a run that goes on no longer."""
    if view.state == ENDED:
        return f"the run has ended, its winner is child {view.winner}: {command()} show {view.directory}"
    if view.state == INTERRUPTED and not view.task:
        return f"{view.directory} ended before it began: remove it, and run it again"
    if view.state == INTERRUPTED:
        return (
            f"no process writes {view.directory} any more: the run was interrupted; go on with"
            f" {command()} resume {view.directory}"
        )
    return ""
