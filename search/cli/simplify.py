"""Prints a program as short as it can be shown to compute the same.

example:
  optsearch simplify my_optimizer.py
"""

from __future__ import annotations

import argparse

import dsl
from search.cli.arguments import PROGRAM_HELP, program


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    parser.add_argument("file", metavar="FILE", help=PROGRAM_HELP)


def run(arguments: argparse.Namespace) -> int:
    """Prints the simplified program and nothing else, so that it can be read again."""
    print(dsl.simplify(program(arguments.file)), end="")
    return 0
