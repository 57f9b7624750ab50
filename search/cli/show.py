"""Shows a run: its best programs by length, or one child in full.

examples:
  optsearch show runs/quickstart-1
  optsearch show runs/quickstart-1 1234
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import dsl
from search.cli.arguments import CHILD_HELP, child_key
from search.cli.listing import marked
from search.journal import Child, Reader
from search.result import Result, load
from search.searches import Place, begun, front
from search.summary import comparison, figures, format_loss, verdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    parser.add_argument(
        "directory", metavar="DIR", type=Path, help="directory of a run, or of one of its searches; finished or not"
    )
    parser.add_argument("id", metavar="ID", type=child_key, nargs="?", help=CHILD_HELP)


def run(arguments: argparse.Namespace) -> int:
    """Prints the hall of fame and the totals, or one child."""
    reader, result = Reader(arguments.directory), load(arguments.directory)
    lines = _show_run(reader, result) if arguments.id is None else _show_child(result, arguments.id)
    for line in lines:
        print(line)
    return 0


def _show_run(reader: Reader, result: Result) -> Iterator[str]:
    searches = begun(result.config, result.directory)
    found = front(searches)
    if not found:
        yield "no program was trained yet"
        return
    if len(searches) > 1:
        yield from _show_searches(searches, result)
    yield "best program of each length (live statements); lower fitness is better; gain is over the warm start, child 0"
    yield ""
    width = max(8, *map(len, found))
    yield f"{'child':>{width}} {'length':>6} {'fitness':>9} {'gain':>9}  simplified"
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    if result.winner_key and result.winner:
        found.setdefault(result.winner_key, (len(dsl.live(result.winner.program)), result.winner))
    start = _fitness(next(iter(searches.values())).child(0))
    for key, (length, child) in found.items():
        fitness = _fitness(child)
        gain = f"{start - fitness:>+9.3g}"
        line = f"{key:>{width}} {length:>6} {format_loss(fitness):>9} {gain}  {_one_line(child.program)}"
        yield line if columns is None or len(line) <= columns else f"{line[: columns - 3]}..."
    yield ""
    yield from figures(result)
    if reader.fact("part"):
        yield f"one search of the run {result.directory.parent}, which chooses the winner among all"
    elif result.winner_key is None:
        yield "the run has not ended: there is no winner yet"
    else:
        yield f"the winner is child {result.winner_key}"
        yield ""
        yield from comparison(result)
        yield from verdict(result)


def _show_searches(searches: Mapping[Place, Reader], result: Result) -> Iterator[str]:
    yield f"{'search':<12} {'seed':>6} {'children':>10} {'trained':>8} {'first':>9} {'best':>9}"
    for place, reader in searches.items():
        totals, (best,) = result.searches[place.name], reader.best(1)
        yield (
            f"{place.name:<12} {place.seed:>6} {totals.generated:>10} {totals.trained:>8}"
            f" {format_loss(_fitness(reader.child(0))):>9} {format_loss(_fitness(best)):>9}"
        )
    yield ""


def _one_line(program: dsl.Program) -> str:
    simplified = dsl.simplify(program)
    return "; ".join([*map(str, simplified.statements), f"return {', '.join(simplified.outputs)}"])


def _show_child(result: Result, key: str) -> Iterator[str]:
    child = result.child(key)
    search = key.rpartition("/")[0]
    if child.parent is not None:
        parent = "/".join(filter(None, (search, str(child.parent))))
        yield f"child {key}, made from child {parent} by {child.mutation}"
    else:
        yield f"child {key}, {_first(result, search)}"
    yield f"hash {child.hash}" + ("" if child.new else ", as an earlier child's: not trained again")
    evaluation = child.evaluation
    if evaluation.fitness is None:
        yield f"{evaluation.kind}: no fitness"
        yield from evaluation.error.splitlines()
    else:
        start = next(iter(begun(result.config, result.directory).values())).child(0)
        gain = _fitness(start) - evaluation.fitness
        yield f"fitness {format_loss(evaluation.fitness)}, gain over the warm start {gain:+.3g}"
    for seed, outcome in enumerate(evaluation.outcomes):
        loss = "no loss" if outcome.loss is None else f"loss {format_loss(outcome.loss)}"
        curve = " ".join(format_loss(value) for value in outcome.curve)
        yield f"seed {seed}: {outcome.kind}, {loss}, {outcome.steps} steps, training loss {curve}"
    live = set(dsl.live(child.program))
    simplified = dsl.simplify(child.program)
    yield f"\n{len(child.program)} statements, {len(live)} live:\n"
    yield from marked(child.program, live)
    yield f"\nsimplified, {len(simplified)} statements:\n"
    yield str(simplified).rstrip("\n")


def _first(result: Result, search: str) -> str:
    """What the first program of a search is."""
    searches = {place.name: reader for place, reader in begun(result.config, result.directory).items()}
    began_from = searches.get(search, Reader(result.directory)).fact("from")
    return f"as child {began_from} of the run" if began_from else "the warm start"


def _fitness(child: Child) -> float:
    assert child.evaluation.fitness is not None, "only children that trained are compared"
    return child.evaluation.fitness
