"""The main job, end to end: tune the baselines, evolve, select by the funnel, simplify, export (arXiv 2302.06675, 2).

Each step keeps what it found in the journal, so that a run that was interrupted goes on where it was.

Deviation: AdamW, the warm start, is tuned on the task first; else the first gains of a search are learning rate only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import dsl
import proxy_tasks
from dsl.errors import MachineError
from proxy_tasks.environment import start_jax
from search.cache import Cache
from search.config import BudgetConfig, Config, TuneConfig
from search.configuration import config_from_dict, to_dict
from search.console import Console
from search.directories import claim, claim_first_free
from search.errors import SearchError
from search.evaluator import Evaluation, raise_task_error
from search.evolution import NO_VALID_CHILD, Progress, evolve
from search.funnel import Stage, run_stage, winner
from search.interruption import Interrupted, interruptible
from search.journal import Child, Journal, Reader, exists
from search.origin import check_file, check_versions, origin
from search.programs import read_program
from search.result import Baseline, Result, load, stages_of
from search.reuse import check_reusable, reusable
from search.searches import Place, begun, best, places, together
from search.summary import format_loss, provenance
from search.tuning import tune_once
from search.workers import WORKERS, Bench, check_reachable

BASELINES = ("adamw", "lion")
EXPORTS = ("optax", "python")  # written beside the journal, as winner_TARGET.py


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
        check_reusable(Path(reused), config.scale, began)
    check_reachable(config)
    directory = claim(Path(directory)) if directory else claim_first_free("search")
    journal = Journal(directory)
    journal.facts(config=to_dict(config), start=str(given), origin=began)
    return _Run(config, tasks, given, directory, journal, console).all()


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
    if whole := reader.fact("part_of"):
        raise SearchError(f"{directory} is one search of the run {whole}: resume that")
    values = {**recorded, "budget": {**recorded["budget"], **(budget or {})}}
    _check_budget(budget or {}, begun(recorded, directory), directory)
    config = config_from_dict(values, f"the configuration of {directory}")
    check_reachable(config)
    check_file(reader.fact("origin"), config.task, directory, trust)
    tasks = _tasks(config)
    check_versions(reader.fact("origin"), origin(config, tasks), directory, trust, changed)
    journal = Journal(directory)
    if values != recorded:
        journal.forget("stages", "winner")
    journal.facts(config=to_dict(config), origin=origin(config, tasks))
    return _Run(config, tasks, dsl.parse(reader.fact("start")), directory, journal, console, changed).all()


class _Run:
    """What the steps of a run share."""

    def __init__(
        self,
        config: Config,
        tasks: dict[int, proxy_tasks.Task],
        given: dsl.Program,
        directory: Path,
        journal: Journal,
        console: Console,
        changed: bool = False,
    ):
        self.config, self.tasks, self.given = config, tasks, given
        self.directory, self.journal, self.console, self.changed = directory, journal, console, changed
        self.benches: dict[int, Bench] = {}
        self.shown: dict[str, Progress] = {}
        known = load(directory)
        self.baselines, self.seconds, self.machines = dict(known.baselines), dict(known.seconds), dict(known.machines)
        self.interrupted: Callable[[], bool] = lambda: False

    def all(self) -> Result:
        """Every step, in order; the journal is closed whatever happens, and goes if it never held a program."""
        try:
            with (
                interruptible(self.console.line) as self.interrupted,
                closing(WORKERS[self.config.workers](self.config)) as self.workers,  # before JAX has threads
            ):
                start_jax()
                self.bench(self.config.scale)
                self.console.line(f"the run is written to {self.directory}")
                self.step("tune", lambda: self.tune(self.config.scale, self.config.tune))
                self.step("evolve", self.evolve)
                self.step("funnel", self.funnel)
        finally:
            if self.begun():
                self.journal.close()
            else:  # so that the same command can be given again
                self.journal.discard()
        self.write_winner()
        return load(self.directory)

    def begun(self) -> dict[Place, Reader]:
        """The searches that have begun."""
        return begun(to_dict(self.config), self.directory)

    def step(self, name: str, work: Callable[[], None]) -> None:
        """Does a step and records how long it took, interruptions left out."""
        started = time.monotonic()
        evolved = [reader.seconds() for reader in self.begun().values()] if name == "evolve" else []
        before = max([self.seconds.get(name, 0.0), *evolved])
        try:
            work()
        finally:
            self.seconds[name] = round(before + time.monotonic() - started, 3)
            self.journal.facts(seconds=self.seconds)

    def go_on(self) -> None:
        """Between two trainings.

        Raises:
            Interrupted: if the run was asked to stop.
        """
        if self.interrupted():
            raise Interrupted(f"go on with: optsearch resume {self.directory}")

    def progress(self, what: str) -> Callable[[int, int], None]:
        """A function that shows work done, of work to do, and is where a run may stop."""
        show = self.console.progress(what)

        def report(done: int, of: int) -> None:
            show(done, of)
            self.go_on()

        return report

    def bench(self, scale: int) -> Bench:
        """The task of a scale, made when it is first asked for, and the workers prepared for it."""
        if scale not in self.benches:
            try:
                trainer = proxy_tasks.Trainer(self.tasks[scale], machine=self.config.machine)
            except MachineError as error:
                raise SearchError(f"machine: native cannot be had: {error}") from None
            if trainer.machine.note and not self.benches:
                self.console.line(trainer.machine.note)
            self.same_machine(scale, trainer.machine.description)
            self.journal.facts(machines=self.machines)
            self.workers.prepare(scale, trainer)
            self.benches[scale] = Bench(scale, trainer, self.workers)
        return self.benches[scale]

    def same_machine(self, scale: int, machine: str) -> None:
        """Records what executes the programs; a run that goes on is told if that is not what did."""
        recorded = self.machines.get(scale, machine)
        if recorded != machine and not self.changed:
            raise SearchError(
                f"{self.directory} was trained by {recorded}, and here would be by {machine}:"
                " go on where it began, or give --changed"
            )
        self.machines[scale] = machine

    def tune(self, scale: int, grid: TuneConfig) -> None:
        """Tunes the known optimizers on the task of a scale, if that is not done."""
        if scale in self.baselines:
            return
        tuned = {}
        for name in BASELINES:
            progress = self.progress(f"tuning {name} on {self.config.task} x{scale}")
            best = tune_once(name, self.bench(scale), grid, progress)
            tuned[name] = Baseline(best.learning_rate, best.weight_decay, best.fitness)
            self.console.line(
                f"{name} tuned on {self.config.task} x{scale}: learning rate {best.learning_rate:g},"
                f" weight decay {best.weight_decay:g}, loss {format_loss(best.fitness)} over {grid.seeds} seeds"
            )
        self.baselines[scale] = tuned
        self.journal.facts(baselines=self.known_baselines())

    def known_baselines(self) -> dict[int, Any]:
        """The baselines as plain values."""
        return {
            scale: {name: asdict(baseline) for name, baseline in tuned.items()}
            for scale, tuned in self.baselines.items()
        }

    def evolve(self) -> None:
        """Warm start and regularized evolution, from where the journals end: the repeats, then each restart."""
        bench, seeds = self.bench(self.config.scale), self.config.fitness.seeds
        cache = Cache(bench, seeds, self.known())
        repeats, restarts = places(to_dict(self.config), self.directory)
        self.search(cache, repeats, *self.warm_start(bench, seeds))
        for number, restart in enumerate(restarts):
            earlier = [*repeats, *restarts[:number]]
            readers = {place: reader for place, reader in self.begun().items() if place in earlier}
            ((key, found),) = best(readers, 1).items()
            self.console.line(f"{restart.name} begins from child {key}")
            self.search(cache, [restart], found.program, found.evaluation)

    def known(self) -> Iterator[tuple[str, Evaluation]]:
        """What other searches have trained: those of this run, if it has several, and those of the runs of `reuse`."""
        if len(self.begun()) > 1:
            for reader in self.begun().values():
                yield from reader.evaluations()
        for reused in map(Path, self.config.reuse):
            if exists(reused):
                yield from reusable(reused, self.config.scale, self.machines)
            else:
                self.console.line(f"{reused} is no longer there: what it knew is trained again")

    def search(self, cache: Cache, places: list[Place], start: dsl.Program, evaluation: Evaluation) -> None:
        """Searches at once, each from the same program and with its own seed and journal."""
        searches = []
        with ExitStack() as stack:
            for place in places:
                config = replace(self.config, seed=place.seed, repeats=1, restarts=0)
                journal = self.journal
                if place.name:
                    place.directory.mkdir(exist_ok=True)
                    journal = stack.enter_context(closing(Journal(place.directory)))
                    journal.facts(
                        part_of=str(self.directory),
                        config=to_dict(config),
                        start=str(self.given),
                        origin=Reader(self.directory).fact("origin"),
                        baselines=self.known_baselines(),
                        machines=self.machines,
                    )
                reader = Reader(place.directory)
                if not reader.has_child(0):
                    first = Child(0, None, None, start, dsl.canonical_hash(start), evaluation, new=True)
                    journal.record(first)
                    journal.flush()
                show = partial(self.show, place.name)
                searches.append(
                    evolve(config, start, evaluation, cache, journal, show, reader.past(), self.interrupted)
                )
            ends = together(searches, self.workers.wait)
        self.journal.flush()
        for place, end in zip(places, ends, strict=True):
            self.console.line(
                f"{f'{place.name}: ' if place.name else ''}evolved {end.generated} children, {end.trained} trained;"
                f" best fitness {format_loss(end.best.fitness)}, the first program's"
                f" {format_loss(evaluation.fitness or 0.0)}"
            )
        self.go_on()
        if any(end.reached == NO_VALID_CHILD for end in ends):
            self.console.line("the search ended early: a program had no valid child; allow more kinds under `mutation`")

    def warm_start(self, bench: Bench, seeds: int) -> tuple[dsl.Program, Evaluation]:
        """The warm-start program and its evaluation with all seeds."""
        for reader in self.begun().values():
            first = reader.child(0)
            return first.program, first.evaluation
        start = self.start()
        (evaluation,) = bench.evaluate([start], range(seeds))
        raise_task_error(evaluation, "the warm-start program")
        if evaluation.fitness is None:
            raise SearchError(
                f"the warm-start program {self.config.start} does not train on {self.config.task}"
                f" ({evaluation.kind}): give another `start`, or smaller learning rates under `tune`"
            )
        return start, evaluation

    def show(self, name: str, progress: Progress) -> None:
        """Shows where the searches stand."""
        self.shown[name] = progress
        self.console.update(lambda: _line(list(self.shown.values()), self.config.budget.generated))

    def start(self) -> dsl.Program:
        """The warm-start program; a known optimizer that was tuned starts tuned."""
        tuned = self.baselines[self.config.scale].get(self.config.start)
        return tuned.program(self.config.start) if tuned else self.given

    def funnel(self) -> None:
        """Fresh seeds on the task of the search, then the larger tasks; stages that are done are not run again."""
        found = best(self.begun(), self.config.funnel.candidates)
        candidates = {key: child.program for key, child in found.items()}
        done, stages = stages_of(Reader(self.directory)), []
        for number, scale in enumerate((self.config.scale, *self.config.funnel.scales)):
            stage = done[number] if number < len(done) else self.stage(scale, candidates, first=number == 0)
            stages.append(stage)
            self.journal.facts(stages=[asdict(s) for s in stages])
            going_on = stage.passed if number else stage.ranked
            candidates = {key: candidates[key] for key in going_on[: self.config.funnel.survivors]}
            if not candidates:
                break
        self.journal.facts(winner=winner(stages))

    def stage(self, scale: int, candidates: dict[str, dsl.Program], first: bool) -> Stage:
        """One stage of the funnel."""
        self.tune(scale, self.config.funnel.tune)
        seeds = self.config.funnel.fresh_seeds if first else self.config.funnel.seeds
        baselines = {name: tuned.program(name) for name, tuned in self.baselines[scale].items()}
        progress = self.progress(f"funnel: {len(candidates)} programs on {self.config.task} x{scale}")
        stage = run_stage(self.bench(scale), seeds, baselines, candidates, progress)
        self.console.line(
            f"funnel: {len(stage.passed)} of {len(candidates)} programs beat AdamW on {self.config.task} x{scale}"
        )
        return stage

    def write_winner(self) -> None:
        """The simplified winner as a program and in the formats of EXPORTS."""
        result = load(self.directory)
        assert result.winner_key is not None and result.simplified is not None
        (self.directory / "winner.txt").write_text(str(result.simplified), encoding="utf-8")
        for target in EXPORTS:
            code = dsl.export(result.simplified, target, provenance(result, result.winner_key))
            (self.directory / f"winner_{target}.py").write_text(code, encoding="utf-8")


def _line(searches: list[Progress], budget: int) -> str:
    """Where searches stand."""
    generated, trained = (sum(getattr(search, name) for search in searches) for name in ("generated", "trained"))
    of = f" of {budget * len(searches)}" if budget else ""
    several = f" of {len(searches)} searches" if len(searches) > 1 else ""
    return (
        f"evolving: {generated}{of} children{several}, {trained} trained, cache hits {1 - trained / generated:.0%},"
        f" best fitness {format_loss(min(search.best.fitness for search in searches))},"
        f" {max(search.seconds for search in searches):.0f} s"
    )


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


def _tasks(config: Config) -> dict[int, proxy_tasks.Task]:
    """The task at the scale of the search and at those of the funnel."""
    return {scale: proxy_tasks.get(config.task, scale=scale) for scale in (config.scale, *config.funnel.scales)}
