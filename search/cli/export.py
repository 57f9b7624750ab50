"""Writes a program as source code that needs nothing of this project.

The source code is printed, or written to the file that -o names. Of a run it is one child, simplified first: the
winner, or while there is none the best so far, or the child ID. Any other program is written as it stands, without its
dead statements. Learning rate, weights of averages and weight decay are arguments of it, with what was found as their
defaults.

examples:
  optsearch export runs/quickstart-1 --to optax -o found_optimizer.py    the winner of a run, into a file
  optsearch export runs/quickstart-1 1234                                one child of it, on standard output
  optsearch export my_optimizer.py --to torch                            a program of your own
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import dsl
from dsl.export import EXPORTERS
from search.cli.arguments import CHILD_HELP, PROGRAM_HELP, child_key, program
from search.errors import SearchError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    parser.add_argument("source", metavar="FILE|DIR", help=f"what to export: directory of a run, {PROGRAM_HELP}")
    parser.add_argument(
        "id", metavar="ID", type=child_key, nargs="?", help=f"only after the directory of a run: {CHILD_HELP}"
    )
    parser.add_argument(
        "--to",
        choices=EXPORTERS,
        default="optax",
        help="optax: a gradient transformation, for JAX; torch: a torch.optim.Optimizer; python: a function on NumPy"
        " arrays; latex: a display of equations, for a paper (default: %(default)s)",
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", type=Path, help="file to write the source code to (default: standard output)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite OUT if it exists")


def run(arguments: argparse.Namespace) -> int:
    """Prints or writes the source code."""
    if arguments.source not in dsl.optimizers and os.path.isdir(arguments.source):
        text = _export_child(Path(arguments.source), arguments.id, arguments.to)
    elif arguments.id is not None:
        raise SearchError(f"{arguments.source} is not the directory of a run, and so has no child {arguments.id}")
    else:
        text = dsl.export(program(arguments.source), arguments.to)
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        _write(arguments.output, text, arguments.force)
    return 0


def _export_child(directory: Path, key: str | None, target: str) -> str:
    from search.result import load
    from search.summary import provenance

    result = load(directory)
    key, child = result.chosen(key)
    return dsl.export(dsl.simplify(child.program), target, provenance(result, key))


def _write(path: Path, text: str, force: bool) -> None:
    try:
        with open(path, "w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise SearchError(f"{path} exists: give another file with -o, or --force to overwrite it") from None
    except OSError as error:
        raise SearchError(f"{path} cannot be written: {error.strerror}") from None
