"""Shows a run: its best programs by length, or one child in full.

examples:
  optsearch show runs/quickstart-1
  optsearch show runs/quickstart-1 1234
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import dsl
from search.cli.arguments import child_number
from search.cli.listing import marked
from search.journal import Child, Reader
from search.result import Result, load
from search.summary import comparison, figures, format_loss, verdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="directory of a run, finished or not")
    parser.add_argument("id", metavar="ID", type=child_number, nargs="?", help="number of a child; 0 is the warm start")


def run(arguments: argparse.Namespace) -> int:
    """Prints the hall of fame and the totals, or one child."""
    reader, result = Reader(arguments.directory), load(arguments.directory)
    if arguments.id is None:
        lines = _show_run(reader, result)
    else:
        lines = _show_child(result.child(arguments.id), _start(reader))
    for line in lines:
        print(line)
    return 0


def _show_run(reader: Reader, result: Result) -> Iterator[str]:
    start = _start(reader)
    front = reader.front()
    if start is None or not front:
        yield "no program was trained yet"
        return
    yield "best program of each length (live statements); lower fitness is better; gain is over the warm start, child 0"
    yield ""
    yield f"{'child':>8} {'length':>6} {'fitness':>9} {'gain':>8}  simplified"
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    if result.winner and all(child.id != result.winner.id for _, child in front):
        front.append((len(dsl.live(result.winner.program)), result.winner))
    for length, child in front:
        gain = _fitness(start) - _fitness(child)
        line = f"{child.id:>8} {length:>6} {_fitness(child):>9.5f} {gain:>+8.5f}  {_one_line(child.program)}"
        yield line if width is None or len(line) <= width else f"{line[: width - 3]}..."
    yield ""
    yield from figures(result)
    if result.winner is None:
        yield "the run has not ended: there is no winner yet"
    else:
        yield f"the winner is child {result.winner.id}"
        yield ""
        yield from comparison(result)
        yield from verdict(result)


def _one_line(program: dsl.Program) -> str:
    simplified = dsl.simplify(program)
    return "; ".join([*map(str, simplified.statements), f"return {', '.join(simplified.outputs)}"])


def _show_child(child: Child, start: Child | None) -> Iterator[str]:
    origin = "the warm start" if child.parent is None else f"made from child {child.parent} by {child.mutation}"
    yield f"child {child.id}, {origin}"
    yield f"hash {child.hash}" + ("" if child.new else ", as an earlier child's: not trained again")
    evaluation = child.evaluation
    if evaluation.fitness is None:
        yield f"{evaluation.kind}: no fitness"
        yield from evaluation.error.splitlines()
    else:
        gain = f", gain over the warm start {_fitness(start) - evaluation.fitness:+.5f}" if start else ""
        yield f"fitness {evaluation.fitness:.5f}{gain}"
    for seed, outcome in enumerate(evaluation.outcomes):
        loss = "no loss" if outcome.loss is None else f"loss {outcome.loss:.5f}"
        curve = " ".join(format_loss(value) for value in outcome.curve)
        yield f"seed {seed}: {outcome.kind}, {loss}, {outcome.steps} steps, training loss {curve}"
    live = set(dsl.live(child.program))
    simplified = dsl.simplify(child.program)
    yield f"\n{len(child.program)} statements, {len(live)} live:\n"
    yield from marked(child.program, live)
    yield f"\nsimplified, {len(simplified)} statements:\n"
    yield str(simplified).rstrip("\n")


def _start(reader: Reader) -> Child | None:
    return next(reader.children("id = 0"), None)


def _fitness(child: Child | None) -> float:
    assert child is not None and child.evaluation.fitness is not None, "only children that trained are compared"
    return child.evaluation.fitness
