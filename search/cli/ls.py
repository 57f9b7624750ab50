"""Lists runs side by side.

A gain of a winner that its seeds are too few to be sure of is marked with "~".

examples:
  optsearch ls                       those in runs/
  optsearch ls runs elsewhere/first
"""

from __future__ import annotations

import argparse
import math
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from search.cli.arguments import add_json
from search.cli.listing import fitted, print_json, say
from search.errors import SearchError
from search.inspection import row_data
from search.journal import FILE_NAME
from search.result import load
from search.summary import format_loss


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    parser.add_argument(
        "directories",
        metavar="DIR",
        type=Path,
        nargs="*",
        default=[Path("runs")],
        help="a run, or a directory of runs (default: runs)",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints a line for each run."""
    rows = [_row(directory) for directory in _runs(arguments.directories)]
    if arguments.json:
        print_json(rows)
    else:
        say(*(fitted(line) for line in _table(rows)))
    return 0


def _runs(directories: Sequence[Path]) -> list[Path]:
    found = []
    for directory in directories:
        if (directory / FILE_NAME).exists():
            found.append(directory)
        else:
            found += sorted(file.parent for file in directory.glob(f"*/{FILE_NAME}"))
    if not found:
        raise SearchError(f"there is no run in {' or '.join(map(str, directories))}: `optsearch run CONFIG` makes one")
    return found


def _row(directory: Path) -> dict[str, Any]:
    """A run; one that cannot be read has its error alone."""
    try:
        return row_data(load(directory))
    except SearchError as error:
        return {"directory": str(directory), "error": str(error)}
    except sqlite3.DatabaseError as error:
        return {"directory": str(directory), "error": f"the journal cannot be used: {error}"}


def _table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    width = max(3, *(len(row["directory"]) for row in rows))
    yield (
        f"{'run':<{width}} {'state':<11} {'children':>9} {'trained':>8} {'hits':>5} {'minutes':>7} {'best':>9}"
        f" {'AdamW':>9} {'seed':>5}  task; the winner's gain over AdamW's loss on fresh seeds (~: not sure)"
    )
    for row in rows:
        if "error" in row:
            yield f"{row['directory']:<{width}} {row['error']}"
            continue
        best, adamw = ("-" if row[name] is None else format_loss(row[name]) for name in ("best", "adamw"))
        yield (
            f"{row['directory']:<{width}} {row['state']:<11} {row['generated']:>9} {row['trained']:>8}"
            f" {row['cache_hit_rate']:>5.0%} {row['seconds_in_all'] / 60:>7.1f} {best:>9} {adamw:>9} {row['seed']!s:>5}"
            f"  {row['task']}{_won(row['funnel'])}"
        )


def _won(funnel: Sequence[dict[str, Any]]) -> str:
    """What the winner gained over AdamW in each stage, as a share of AdamW's loss; with "~" what cannot be told."""
    gains = [
        f"x{stage['scale']} {'' if stage['sure'] else '~'}{1 - stage['winner'] / stage['adamw']:+.0%}"
        for stage in funnel
        if stage["winner"] is not None and math.isfinite(stage["winner"]) and 0 < stage["adamw"] < math.inf
    ]
    return f"; {', '.join(gains)}" if gains else ""
