"""A run, begun or gone on with: what is asked of it is checked before anything is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import dsl
import proxy_tasks
from search.config import BudgetConfig, Config
from search.configuration import config_from_dict, to_dict
from search.console import Console
from search.directories import claim, claim_first_free
from search.errors import SearchError
from search.journal import Journal, Reader, exists
from search.origin import check_file, check_versions, origin
from search.programs import read_program
from search.result import Result
from search.reuse import SAME, check_reusable
from search.searches import Place, begun
from search.steps import Steps, Tasks, write_winner
from search.workers import check_reachable


def run(config: Config, directory: Path | str | None = None, console: Console | None = None) -> Result:
    """A whole run: what `optsearch run` does.

    Args:
        config: of the run.
        directory: takes the journal and the winner; it must be empty or not exist. runs/search-N if None.
        console: shows progress; silent if None.

    Raises:
        SearchError: when a value of the configuration is impossible, the directory is not empty, or the warm-start
            program cannot be read or does not train.
        TaskError: when there is no such task, or not at all the scales.
        Interrupted: after Ctrl-C; `resume` goes on.
    """
    config = config_from_dict(to_dict(config), "the configuration")
    console = console or Console(quiet=True)
    tasks = _tasks(config)
    given = read_program(config.start)
    began = origin(config, tasks)
    for reused in config.reuse:
        check_reusable(Path(reused), config.task, config.scale, began)
    check_reachable(config)
    directory = claim(Path(directory)) if directory else claim_first_free("search")
    journal = Journal(directory)
    journal.facts(config=to_dict(config), start=str(given), origin=began)
    return Steps(config, tasks, given, directory, journal, console).all()


def resume(
    directory: Path | str,
    budget: Mapping[str, float] | None = None,
    console: Console | None = None,
    trust: bool = False,
    changed: bool = False,
) -> Result:
    """Goes on with a run that was interrupted, as if it never had been; with a larger budget, with one that ended.

    Args:
        directory: of the run.
        budget: keys of `BudgetConfig` with new values; totals, as in the configuration.
        console: shows progress; silent if None.
        trust: run the task's file though it is not the one that the run began with.
        changed: go on though JAX or the task are other versions: what is found then is no longer a function of
            configuration and seed.

    Raises:
        SearchError: when the directory holds no run, another process writes it, or something has changed.
        TaskError: when the task is gone.
        Interrupted: after Ctrl-C.
    """
    directory, console = Path(directory), console or Console(quiet=True)
    reader = Reader(directory)
    recorded = reader.fact("config")
    if recorded is None:
        raise SearchError(f"{directory} ended before it began: remove it, and run it again")
    if reader.fact("part"):
        raise SearchError(f"{directory} is one search of the run {directory.parent}: resume that")
    values = {**recorded, "budget": {**recorded["budget"], **(budget or {})}}
    _check_budget(budget or {}, begun(recorded, directory), directory)
    config = config_from_dict(values, f"the configuration of {directory}")
    check_reachable(config)
    check_file(reader.fact("origin"), config.task, directory, trust)
    tasks = _tasks(config)
    began, present = reader.fact("origin"), origin(config, tasks)
    check_versions(began, present, directory, trust, changed)
    for reused in filter(exists, map(Path, config.reuse)):
        check_reusable(reused, config.task, config.scale, present)
    if values == recorded and reader.fact("winner") is not None:  # there is nothing to train
        return write_winner(directory)
    journal = Journal(directory)
    journal.forget("now")  # where it was then
    if values != recorded:
        journal.forget("stages", "winner")
    mixed = reader.fact("mixed", False) or any(began[name] != present[name] for name in (*SAME, "tasks"))
    journal.facts(config=to_dict(config), origin=present, mixed=mixed)
    return Steps(config, tasks, dsl.parse(reader.fact("start")), directory, journal, console, True, changed).all()


def _check_budget(budget: Mapping[str, float], searches: Mapping[Place, Reader], directory: Path) -> None:
    known = [key.name for key in fields(BudgetConfig)]
    if unknown := [key for key in budget if key not in known]:
        raise SearchError(f"{unknown[0]} is no limit of a budget: the limits are {', '.join(known)}")
    if budget and any(place.name.startswith("restart") for place in searches):
        raise SearchError(
            f"{directory} has restarted from the best that its searches found under their budget: begin another run,"
            f" with `reuse: [{directory}]`"
        )
    for place, reader in searches.items():
        totals = reader.totals()
        for key, done in (("generated", totals.generated), ("trained", totals.trained)):
            if 0 < budget.get(key, 0) < done:
                raise SearchError(
                    f"{place.directory} has {done} children {key} already: budgets are totals, give more than that"
                )


def _tasks(config: Config) -> Tasks:
    """The task, or tasks, at the scale of the search and at those of the funnel."""
    return {scale: proxy_tasks.get_all(config.task, scale) for scale in (config.scale, *config.funnel.scales)}
