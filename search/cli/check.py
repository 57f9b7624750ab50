"""Checks a program: types, live and dead statements and hash, or the error.

Dead statements, on which the weights never depend, are dimmed on a terminal and marked elsewhere.

example:
  optsearch check my_optimizer.py
"""

from __future__ import annotations

import argparse

import dsl
from search.cli.arguments import PROGRAM_HELP, program
from search.cli.listing import marked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    parser.add_argument("file", metavar="FILE", help=PROGRAM_HELP)


def run(arguments: argparse.Namespace) -> int:
    """Prints what is known about a program without running it."""
    checked = program(arguments.file)
    types = dsl.check(checked)
    for line in marked(checked, set(dsl.live(checked))):
        print(line)
    print()
    width = max(map(len, types))
    for name, type_ in types.items():
        print(f"{name:<{width}}  {type_.name}")
    pruned = dsl.prune(checked)
    print(f"statements: {len(checked)}, of which live: {len(pruned)}")
    print(f"states: {len(checked.states)}, of which live: {len(pruned.states)}")
    print(f"hash: {dsl.canonical_hash(checked)}")
    return 0
