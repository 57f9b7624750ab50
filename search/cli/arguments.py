"""Arguments that several subcommands take."""

from __future__ import annotations

import argparse
import logging
import math
import re
import sys
import threading
from collections.abc import Mapping
from types import ModuleType

import dsl
from search.console import SECONDS_ELSEWHERE, Console
from search.programs import parse_text, read_program

PROGRAM_HELP = "file with a program, - for standard input, or a known optimizer, such as lion"
CHILD_HELP = "number of a child, 0 is the warm start; in a run of several searches search-2/17, say"


def add_commands(
    parser: argparse.ArgumentParser, commands: Mapping[str, ModuleType], dest: str, metavar: str, required: bool
) -> None:
    """Adds subcommands.

    Args:
        parser: takes them.
        commands: modules with `add_arguments(parser)`, whose docstring is the help.
        dest: where the name of the one that is called goes; None if there is none.
        metavar: what the usage calls it.
        required: whether one has to be called.
    """
    subparsers = parser.add_subparsers(dest=dest, metavar=metavar, required=required)
    for name, command in commands.items():
        text = command.__doc__ or ""
        subparser = subparsers.add_parser(
            name,
            help=text.partition("\n")[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(subparser)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds --json."""
    parser.add_argument("--json", action="store_true", help="print JSON, with every figure in full")


def program(name: str) -> dsl.Program:
    """The program that an argument names.

    Raises:
        SearchError: when there is none, with file, line and column.
    """
    return parse_text(sys.stdin.buffer.read(), "standard input") if name == "-" else read_program(name)


def child_number(text: str) -> int:
    """The number of a child, for argparse."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a child: write 0 or more")
    return number


def child_key(text: str) -> str:
    """A child, for argparse: its number, behind the name of its search where a run has several."""
    if not re.fullmatch(r"([a-z]+-\d+/)?\d{1,18}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a child: write 0 or more, or search-2/17, say")
    return text


def add_console(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments that say how a run reports."""
    parser.add_argument("--quiet", action="store_true", help="show nothing but errors, and the summary at the end")
    parser.add_argument(
        "--log-every",
        metavar="SECONDS",
        type=positive_seconds,
        default=SECONDS_ELSEWHERE,
        help="where standard error is no terminal: say how far the search is so often (default: %(default)g)",
    )
    parser.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="json: one object a line on standard error, with time, event and figures (default: text)",
    )


def console(arguments: argparse.Namespace) -> Console:
    """What the arguments of `add_console` say; it also takes what tasks tell of their work."""
    found = Console(arguments.quiet, every=arguments.log_every, as_json=arguments.log_format == "json")
    logging.getLogger("proxy_tasks").handlers = [_ToConsole(found)]
    return found


class _ToConsole(logging.Handler):
    """Takes log records to a console."""

    def __init__(self, console: Console):
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Shows the message as a line."""
        self._console.line(record.getMessage(), "log", level=record.levelname.lower())


def positive_seconds(text: str) -> float:
    """A time, for argparse."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= threading.TIMEOUT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds: write more than 0, such as 10")
    return seconds
