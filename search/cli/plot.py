"""Draws one figure of a run into a file: fitness, the Pareto front, the cache, or the lineage of a child.

examples:
  optsearch plot runs/quickstart-1 --kind fitness                        writes runs/quickstart-1/fitness.svg
  optsearch plot runs/quickstart-1 --kind pareto --format pdf -o front.pdf
  optsearch plot runs/quickstart-1 1234 --kind lineage --format png      of one child; else that of the winner
"""

from __future__ import annotations

import argparse
from pathlib import Path

from search.charts import FORMATS
from search.cli.arguments import CHILD_HELP, child_key
from search.cli.listing import say
from search.cli.output import write
from search.errors import SearchError

KINDS = ("fitness", "pareto", "cache", "lineage")  # search.charts.kinds draws them; matplotlib is slow to import


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="of the run, finished or not")
    parser.add_argument("id", metavar="ID", type=child_key, nargs="?", help=f"only for a lineage: {CHILD_HELP}")
    parser.add_argument(
        "--kind",
        choices=KINDS,
        required=True,
        help="fitness: the best so far over the children; pareto: length against fitness; cache: cache hits and"
        " redundant statements over the children; lineage: the ancestors of the winner, or of ID",
    )
    parser.add_argument("--format", choices=FORMATS, help="of the file (default: as FILE ends, or svg)")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="file to write to (default: KIND.FORMAT in DIR)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Writes the figure, and says where."""
    if arguments.id is not None and arguments.kind != "lineage":
        raise SearchError(f"{arguments.kind} is of the whole run: leave out {arguments.id}, or give --kind lineage")
    format = _format(arguments.output, arguments.format)
    from search.charts.chart import picture
    from search.charts.kinds import CHARTS, lineage
    from search.result import load

    result = load(arguments.directory)
    if arguments.kind == "lineage":
        chart = lineage(result, result.chosen(arguments.id)[0])
    else:
        chart = CHARTS[arguments.kind](result, result.columns())
    path = arguments.output or arguments.directory / f"{arguments.kind}.{format}"
    say(str(write(path, lambda: picture(chart, format))))
    return 0


def _format(output: Path | None, given: str | None) -> str:
    """That which is asked for, or by which the file is called."""
    ending = output.suffix.lower().removeprefix(".") if output else ""
    if ending and ending not in ([given] if given else FORMATS):
        raise SearchError(f"{output} does not end in .{' or .'.join([given] if given else FORMATS)}: give another -o")
    return given or ending or "svg"
