"""Arguments that several subcommands take."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from types import ModuleType

import dsl
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
