"""Writes the report of a run: one HTML page that needs nothing beside it and asks nothing of the network.

The run may have ended or not. docs/report.md says how to read it.

examples:
  optsearch report runs/quickstart-1                     writes runs/quickstart-1/report.html
  optsearch report runs/quickstart-1 -o report.html
"""

from __future__ import annotations

import argparse
from pathlib import Path

from search.cli.listing import say
from search.cli.output import write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="of the run, finished or not")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="file to write the page to (default: report.html in DIR)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Writes the page, and says where."""
    from search.report import report
    from search.result import load

    result = load(arguments.directory)
    path = arguments.output or arguments.directory / "report.html"
    say(str(write(path, lambda: report(result).encode())))
    return 0
