"""Simplifies a program, and tells every stage; the program is printed on standard output, all else beside it.

Without tasks, what is written computes the same: dead statements and states go, equal expressions are shared, sums and
products are written in a short way. With tasks, statements and digits go as well that make no difference on these, as
`simplify` in a configuration says.

examples:
  optsearch simplify my_optimizer.py
  optsearch simplify runs/quickstart-1 1234                                        a child of a run
  optsearch simplify runs/quickstart-1 --tasks digits_vit --set simplify.seeds=100  its winner, on a task
  optsearch simplify lion_raw --tasks "vision_vit + language" --set "simplify.factors=[1, 10, 30, 100]"
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dsl
from dsl.simplify import Stage, stages
from proxy_tasks.environment import single_threaded
from search.cli.arguments import CHILD_HELP, PROGRAM_HELP, child_key, program
from search.config import Config
from search.configuration import load_config, override_config
from search.console import Console
from search.errors import SearchError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    parser.add_argument("source", metavar="FILE|DIR", help=f"what to simplify: directory of a run, {PROGRAM_HELP}")
    parser.add_argument(
        "id",
        metavar="ID",
        type=child_key,
        nargs="?",
        help=f"only after the directory of a run: {CHILD_HELP} (default: the winner)",
    )
    parser.add_argument("--tasks", metavar="TASK", help="task, or several joined by ' + ', the cheapest first")
    parser.add_argument("--config", metavar="CONFIG", type=Path, help="configuration with task, workers and `simplify`")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="replace a value of CONFIG; may be repeated"
    )
    parser.add_argument("--quiet", action="store_true", help="print the program alone")


def run(arguments: argparse.Namespace) -> int:
    """Prints the simplified program and nothing else, so that it can be read again."""
    console = Console(quiet=arguments.quiet)
    config = _config(arguments)
    found = stages(_given(arguments.source, arguments.id))
    for line in _told(found):
        console.line(line)
    shortest = found[-1].after
    if config:
        shortest = _on_tasks(config, shortest, console)
    print(shortest, end="")
    return 0


def _is_run(source: str) -> bool:
    return source not in dsl.optimizers and os.path.isdir(source)


def _recorded(source: str) -> Mapping[str, Any]:
    """The configuration of a run."""
    from search.result import load

    return load(Path(source)).config if _is_run(source) else {}


def _given(source: str, key: str | None) -> dsl.Program:
    if _is_run(source):
        from search.result import load

        return load(Path(source)).chosen(key)[1].program
    if key is not None:
        raise SearchError(f"{source} is not the directory of a run, and so has no child {key}")
    return program(source)


def _config(arguments: argparse.Namespace) -> Config | None:
    """How to simplify on tasks; None without these."""
    if not (arguments.tasks or arguments.config):
        if arguments.set:
            raise SearchError("--set says how to simplify on tasks: give these, too, with --tasks or --config")
        return None
    single_threaded()
    if arguments.tasks:
        from proxy_tasks import TaskError, get_all

        try:
            get_all(arguments.tasks)
        except TaskError as error:
            raise SearchError(f"--tasks {arguments.tasks}: {error}") from None
    overrides = [f"task={arguments.tasks}"] * bool(arguments.tasks) + arguments.set
    if arguments.config:
        return load_config(arguments.config, overrides)
    where = f"the configuration of {arguments.source}" if _is_run(arguments.source) else "the defaults"
    return override_config(_recorded(arguments.source), where, overrides)


def _on_tasks(config: Config, given: dsl.Program, console: Console) -> dsl.Program:
    from search.simplification import simplify_on_tasks

    found = simplify_on_tasks(config, given, console)
    if not found.steps:
        console.line("nothing can be spared")
        return found.program
    console.line(f"{len(found.given)} -> {len(found.program)} statements; with seeds that nothing was chosen by,")
    console.line(f"    {', '.join(map(str, found.changes))} of the loss")
    return found.program


def _told(found: list[Stage]) -> Iterator[str]:
    """What each stage did, and once for each reason why one did nothing."""
    told = set[str]()
    for stage in found:
        if stage.after != stage.before:
            lengths = f"{len(stage.before)} -> {len(stage.after)} statements"
            what = lengths if stage.gone or stage.new else "other names and another order"
            yield f"{what} by {stage.why}{_moved(stage.difference)}"
            if gone := _listed(stage.gone):
                yield f"    gone: {gone}" + (f"; new: {new}" if (new := _listed(stage.new)) else "")
            for why in stage.states:
                yield f"    a state less: {why}"
        elif stage.note and stage.note not in told:
            told.add(stage.note)
            yield f"no change by {stage.why}: {stage.note}"


def _moved(difference: float) -> str:
    return f"; the weights go apart by {difference:.1g} of their way" if difference else ""


def _listed(calls: Counter[str]) -> str:
    return ", ".join(name if count == 1 else f"{count} {name}" for name, count in sorted(calls.items()))
