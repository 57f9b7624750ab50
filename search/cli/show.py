"""Shows a run: its front of length against fitness and its winner; or one child in full.

examples:
  optsearch show runs/quickstart-1
  optsearch show runs/quickstart-1 1234
  optsearch show runs/quickstart-1 1234 --json | jq .formulas
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dsl
from dsl.export import EXPORTERS
from search.cli.arguments import CHILD_HELP, add_json, child_key
from search.cli.lineage import table
from search.cli.listing import fitted, marked, print_json, say
from search.inspection import child_data, run_data
from search.journal import Reader
from search.lineage import Ancestor
from search.result import Result, load
from search.searches import Place, begun
from search.summary import comparison, figures, format_gain, format_loss, format_score, verdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    parser.add_argument(
        "directory", metavar="DIR", type=Path, help="directory of a run, or of one of its searches; finished or not"
    )
    parser.add_argument("id", metavar="ID", type=child_key, nargs="?", help=CHILD_HELP)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the hall of fame and the totals, or one child."""
    result = load(arguments.directory)
    if arguments.json:
        print_json(run_data(result) if arguments.id is None else child_data(result, arguments.id))
    elif arguments.id is None:
        say(*_show_run(result))
    else:
        _show_child(result, arguments.id)
    return 0


def _show_run(result: Result) -> Iterator[str]:
    reader, searches = Reader(result.directory), begun(result.config, result.directory)
    if not searches:
        yield "no program was trained yet"
        return
    data = run_data(result)
    listed = data["front"]
    if len(searches) > 1:
        yield from _show_searches(searches, result)
    yield "the best program of each length (live statements) that is better than all shorter ones, and the winner;"
    yield "lower fitness is better; gain is over the warm start, child 0"
    yield ""
    if data["winner"] and all(row["child"] != data["winner"]["child"] for row in listed):
        listed.append(data["winner"])
    width = max(8, *(len(row["child"]) for row in listed))
    yield f"{'child':>{width}} {'length':>6} {'fitness':>9} {'gain':>9}  formula"
    start = next(iter(searches.values())).child(0).evaluation.fitness
    for row in listed:
        yield fitted(
            f"{row['child']:>{width}} {row['live']:>6} {format_loss(row['fitness']):>9}"
            f" {format_gain(start - row['fitness']):>9}  {row['formula']}"
        )
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
        first, fitness = (child.evaluation.fitness or 0.0 for child in (reader.child(0), best))
        yield (
            f"{place.name:<12} {place.seed:>6} {totals.generated:>10} {totals.trained:>8}"
            f" {format_loss(first):>9} {format_loss(fitness):>9}"
        )
    yield ""


def _show_child(result: Result, key: str) -> None:
    data = child_data(result, key)
    program, line = dsl.parse(data["program"]), [Ancestor(one.pop("child"), **one) for one in data["lineage"]]
    say(f"child {key}, {_origin(data)}")
    say(f"hash {data['hash']}" + ("" if data["trained"] else ", as an earlier child's: not trained again"))
    say(f"{data['offspring']} children were made from it; {data['of_this_hash'] - 1} others compute the same")
    say(*_fate(data))
    live = set(data["live"])
    say(f"\n{len(program)} statements, {len(live)} live:\n")
    print(*marked(program, live), sep="\n")
    say(*_computed(data), *_ancestry(line), *_funnel(result, key))


def _computed(data: Mapping[str, Any]) -> Iterator[str]:
    """A child in its shorter forms."""
    for name in ("pruned", "simplified"):
        yield f"\n{name}, {len(dsl.parse(data[name]))} statements:\n"
        yield data[name].rstrip("\n")
    yield "\nwhat its outputs are, from what a step is given:\n"
    width = max(map(len, data["formulas"]))
    yield from (f"{output:<{width}}  {formula}" for output, formula in data["formulas"].items())


def _funnel(result: Result, key: str) -> Iterator[str]:
    """What became of a child on fresh seeds, and how to have it."""
    for stage in result.stages:
        if key in stage.scores:
            score, adamw = (format_score(one) for one in (stage.scores[key], stage.baselines["adamw"]))
            yield f"{result.config['task']} x{stage.scale}, {stage.seeds} fresh seeds: {score}, AdamW {adamw}"
    yield f"to take it home: optsearch export {result.directory} {key} --to {'|'.join(EXPORTERS)}"


def _ancestry(line: Sequence[Ancestor]) -> Iterator[str]:
    """The mutations that led to a child and changed what is computed."""
    changes = [ancestor for ancestor in line if not ancestor.same]
    made, changed = (sum(ancestor.mutation is not None for ancestor in some) for some in (line, changes))
    if made:
        yield f"\n{made} mutations led to it; {changed} of them changed what it computes:\n"
        yield from table(changes)
    yield ""


def _origin(data: Mapping[str, Any]) -> str:
    if data["parent"] is not None:
        return f"made from child {data['parent']} by {data['mutation']}"
    return data["lineage"][-1]["origin"]


def _fate(data: Mapping[str, Any]) -> Iterator[str]:
    """What became of its trainings, and of it in the funnel."""
    if data["fitness"] is None:
        yield f"{data['kind']}: no fitness"
        yield from data["error"].splitlines()
    else:
        gain = (data["lineage"][0]["fitness"] or 0.0) - data["fitness"]
        yield f"fitness {format_loss(data['fitness'])}, gain over the warm start {format_gain(gain)}"
    several = len({training["task"] for training in data["trainings"]}) > 1
    for training in data["trainings"]:
        loss = "no loss" if training["loss"] is None else f"loss {format_loss(training['loss'])}"
        curve = " ".join(format_loss(value) for value in training["curve"])
        yield (
            f"{training['task'] + ', ' if several else ''}seed {training['seed']}: {training['kind']}, {loss},"
            f" {training['steps']} steps{f', training loss {curve}' if curve else ''}"
        )
