"""Goes on with a run that was interrupted, or with one that ended, under a larger budget.

examples:
  optsearch resume runs/first-1
  optsearch resume runs/first-1 --budget generated=100000 --budget plateau=20000
"""

from __future__ import annotations

import argparse
from pathlib import Path

import yaml

from proxy_tasks.environment import single_threaded
from search.cli.arguments import add_console, console
from search.cli.run import report
from search.errors import SearchError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="directory of the run")
    parser.add_argument(
        "--budget",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="another limit: generated, trained, seconds, target or plateau; totals, as in CONFIG; may be repeated",
    )
    parser.add_argument(
        "--trust", action="store_true", help="run the task's file though it is not the one that the run began with"
    )
    parser.add_argument(
        "--changed", action="store_true", help="go on though JAX, the machine or the task are not what they were"
    )
    add_console(parser)


def run(arguments: argparse.Namespace) -> int:
    """Goes on and prints the summary."""
    single_threaded()
    import search

    budget = dict(map(_limit, arguments.budget))
    return report(
        lambda shown: search.resume(
            arguments.directory, budget, shown, trust=arguments.trust, changed=arguments.changed
        ),
        console(arguments),
        arguments.directory,
    )


def _limit(text: str) -> tuple[str, float]:
    key, equals, value = text.partition("=")
    if not equals:
        raise SearchError(f"--budget {text}: write key=value, such as --budget generated=100000")
    return key, yaml.safe_load(value)
