"""Shows how a child came about: its ancestors, what each mutation changed, and what that was worth.

examples:
  optsearch lineage runs/quickstart-1                 of the winner, or of the best so far
  optsearch lineage runs/quickstart-1 1234 --changed
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from search.cli.arguments import CHILD_HELP, add_json, child_key
from search.cli.listing import fitted, print_json, say
from search.inspection import ancestor_data
from search.lineage import Ancestor
from search.result import load
from search.summary import format_gain, format_loss


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="directory of a run, finished or not")
    parser.add_argument("id", metavar="ID", type=child_key, nargs="?", help=f"{CHILD_HELP} (default: the winner)")
    parser.add_argument(
        "--changed", action="store_true", help="only those that compute something else than the one before"
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the ancestors, the warm start first."""
    result = load(arguments.directory)
    key, _ = result.chosen(arguments.id)
    line = [ancestor for ancestor in result.lineage(key) if not (arguments.changed and ancestor.same)]
    if arguments.json:
        print_json([ancestor_data(ancestor) for ancestor in line])
    else:
        say(*table(line))
    return 0


def table(line: Sequence[Ancestor]) -> Iterator[str]:
    """A line of ancestors for people: lower fitness is better, a gain is what it went down by."""
    width = max(5, *(len(ancestor.key) for ancestor in line))
    yield f"{'child':>{width}} {'mutation':<8} {'statements':>10} {'live':>5} {'fitness':>9} {'gain':>9}  change"
    for ancestor in line:
        fitness = "-" if ancestor.fitness is None else format_loss(ancestor.fitness)
        gain = "same" if ancestor.same else "-" if ancestor.gain is None else format_gain(ancestor.gain)
        first, *others = ancestor.change.splitlines() or [ancestor.origin]
        told = (
            f"{ancestor.key:>{width}} {ancestor.mutation or '':<8} {ancestor.statements:>10} {ancestor.live:>5}"
            f" {fitness:>9} {gain:>9}  "
        )
        yield fitted(told + first)
        yield from (fitted(" " * len(told) + other) for other in others)
