"""Compares what two programs compute: the update and each state, simplified, from what a step is given.

A program is a child of the run, or a known optimizer. States are paired by the names that simplification gives them,
by what they gather.

examples:
  optsearch diff runs/quickstart-1 1234 5678
  optsearch diff runs/quickstart-1 1234 adamw
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dsl
from dsl.agreement import difference
from dsl.checker import nearest
from search.cli.arguments import CHILD_HELP, add_json, child_key
from search.cli.listing import print_json, say
from search.result import Result, load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="directory of a run, finished or not")
    what = f"{CHILD_HELP}; or a known optimizer, such as adamw"
    parser.add_argument("one", metavar="ID", type=_child_or_known, help=what)
    parser.add_argument("other", metavar="ID", type=_child_or_known, help="the same")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints what the outputs have in common."""
    result = load(arguments.directory)
    names = (arguments.one, arguments.other)
    compared = compare(*(_program(result, name) for name in names))
    if arguments.json:
        print_json({"programs": names, **compared})
    else:
        say(*_told(*names, compared))
    return 0


def compare(one: dsl.Program, other: dsl.Program) -> dict[str, Any]:
    """What two programs have in common.

    Returns:
        - same: whether both have one hash, or one shortest text;
        - apart: how far they lead the weights apart, in units of their way (`dsl/agreement.py`);
        - outputs: "update" or a state -> the formulas of the two, None where one has no such state.
    """
    shorter = dsl.simplify(one), dsl.simplify(other)
    formulas = [dsl.formulas(program) for program in shorter]
    return {
        "same": dsl.canonical_hash(one) == dsl.canonical_hash(other) or shorter[0] == shorter[1],
        "apart": difference(one, other),
        "outputs": {output: [found.get(output) for found in formulas] for output in {**formulas[0], **formulas[1]}},
    }


def _child_or_known(text: str) -> str:
    if text in dsl.optimizers or re.match(r"\d|[a-z]+-\d", text):
        return text if text in dsl.optimizers else child_key(text)
    hint = nearest(text, dsl.optimizers) or f": the known ones are {', '.join(dsl.optimizers)}"
    raise argparse.ArgumentTypeError(f"{text!r} is neither the number of a child nor a known optimizer{hint}")


def _program(result: Result, name: str) -> dsl.Program:
    return dsl.optimizers[name] if name in dsl.optimizers else result.child(name).program


def _told(one: str, other: str, compared: Mapping[str, Any]) -> Iterator[str]:
    if compared["same"]:
        yield f"{one} and {other} compute the same"
    width = max(len(one), len(other))
    for output, (before, after) in compared["outputs"].items():
        if before == after:
            yield f"{output}: {before}"
        elif before is None or after is None:
            yield f"{output} in {one if after is None else other} alone: {before or after}"
        else:
            yield f"{output} differs:"
            yield f"  {one:>{width}}  {before}"
            yield f"  {other:>{width}}  {after}"
    if not math.isnan(compared["apart"]):
        yield f"over six made steps their weights differ {_apart(compared['apart'])}"


def _apart(difference: float) -> str:
    """A distance in units of the way that the weights have gone, in words."""
    if difference == 0:
        return "by nothing"
    if math.isinf(difference):
        return "without bound"
    return f"by up to {float(f'{100 * difference:.2g}'):g} % of the distance moved"
