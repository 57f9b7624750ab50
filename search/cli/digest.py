"""Prints a hash of what a search did; two runs of the same configuration on the same machine have the same.

example:
  optsearch digest runs/quickstart-1 --upto 1000
"""

from __future__ import annotations

import argparse
from pathlib import Path

from search.cli.arguments import child_number
from search.errors import SearchError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="directory of a run")
    parser.add_argument(
        "--upto", metavar="N", type=child_number, help="number of the last child that counts; of one search only"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the digest of the children in order, without times."""
    from search.journal import Reader
    from search.searches import digest, places

    reader = Reader(arguments.directory)
    config = reader.fact("config", {})
    if arguments.upto is None:
        print(digest(config, arguments.directory))
        return 0
    (first, *_), _ = places(config, arguments.directory)
    if first.name:
        raise SearchError(f"{arguments.directory} has several searches: --upto counts in one, {first.directory}, say")
    print(reader.digest(arguments.upto))
    return 0
