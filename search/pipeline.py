"""The main job, end to end: tune the baselines, evolve, select by the funnel, simplify, export (arXiv 2302.06675, 2).

Each step keeps what it found in the journal, so that a run that was interrupted goes on where it was.

Deviation: AdamW, the warm start, is tuned on the task first; else the first gains of a search are learning rate only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path

import dsl
import proxy_tasks
from dsl.errors import MachineError
from search.config import BudgetConfig, Config, TuneConfig
from search.configuration import config_from_dict, to_dict
from search.console import Console
from search.directories import claim, claim_first_free
from search.errors import SearchError
from search.evaluator import Evaluation, evaluate, raise_task_error
from search.evolution import NO_VALID_CHILD, Progress, evolve
from search.funnel import Stage, run_stage, winner
from search.interruption import Interrupted, interruptible
from search.journal import Child, Journal, Reader, Totals
from search.origin import check_file, check_versions, origin
from search.programs import read_program
from search.result import Baseline, Result, load, stages_of
from search.summary import format_loss, provenance
from search.tuning import tune_once
from search.workers import WORKERS, check_reachable

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
    tasks = _tasks(config)
    given = read_program(config.start)
    check_reachable(config)
    directory = claim(Path(directory)) if directory else claim_first_free("search")
    journal = Journal(directory)
    journal.facts(config=to_dict(config), start=str(given), origin=origin(config, tasks))
    return _Run(config, tasks, given, directory, journal, console or Console(quiet=True)).all()


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
    values = {**recorded, "budget": {**recorded["budget"], **(budget or {})}}
    _check_budget(budget or {}, reader.totals(), directory)
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
        self.trainers: dict[int, proxy_tasks.Trainer] = {}
        known = load(directory)
        self.baselines, self.seconds, self.machines = dict(known.baselines), dict(known.seconds), dict(known.machines)
        self.interrupted: Callable[[], bool] = lambda: False

    def all(self) -> Result:
        """Every step, in order; the journal is closed whatever happens, and goes if it never held a program."""
        try:
            with interruptible(self.console.line) as self.interrupted:
                self.step("tune", lambda: self.tune(self.config.scale, self.config.tune))
                self.step("evolve", self.evolve)
                self.step("funnel", self.funnel)
        finally:
            if Reader(self.directory).has_child(0):
                self.journal.close()
            else:  # so that the same command can be given again
                self.journal.discard()
        self.write_winner()
        return load(self.directory)

    def step(self, name: str, work: Callable[[], None]) -> None:
        """Does a step and records how long it took, interruptions left out."""
        started = time.monotonic()
        before = max(self.seconds.get(name, 0.0), Reader(self.directory).seconds() if name == "evolve" else 0.0)
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

    def trainer(self, scale: int) -> proxy_tasks.Trainer:
        """The trainer of the task of a scale, made when it is first asked for."""
        if scale not in self.trainers:
            try:
                trainer = proxy_tasks.Trainer(self.tasks[scale], machine=self.config.machine)
            except MachineError as error:
                raise SearchError(f"machine: native cannot be had: {error}") from None
            if trainer.machine.note and not self.trainers:
                self.console.line(trainer.machine.note)
            self.trainers[scale] = trainer
            self.same_machine(scale, trainer.machine.description)
            self.journal.facts(machines=self.machines)
        return self.trainers[scale]

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
            best = tune_once(name, self.trainer(scale), grid, progress)
            tuned[name] = Baseline(best.learning_rate, best.weight_decay, best.fitness)
            self.console.line(
                f"{name} tuned on {self.config.task} x{scale}: learning rate {best.learning_rate:g},"
                f" weight decay {best.weight_decay:g}, loss {format_loss(best.fitness)} over {grid.seeds} seeds"
            )
        self.baselines[scale] = tuned
        known = {
            scale: {name: asdict(baseline) for name, baseline in tuned.items()}
            for scale, tuned in self.baselines.items()
        }
        self.journal.facts(baselines=known)

    def evolve(self) -> None:
        """Warm start and regularized evolution, from where the journal ends."""
        reader, seeds = Reader(self.directory), tuple(range(self.config.fitness.seeds))
        trainer = self.trainer(self.config.scale)
        start, evaluation = self.first_child(reader, trainer, seeds)
        workers = WORKERS[self.config.workers](self.config, trainer)
        try:
            end = evolve(
                self.config, start, evaluation, workers, self.journal, self.show, reader.past(), self.interrupted
            )
        finally:
            workers.close()
        self.journal.flush()
        self.console.line(
            f"evolved {end.generated} children, {end.trained} trained; best fitness {format_loss(end.best.fitness)},"
            f" the warm start's {format_loss(evaluation.fitness or 0.0)}"
        )
        self.go_on()
        if end.reached == NO_VALID_CHILD:
            self.console.line("the search ended early: a program had no valid child; allow more kinds under `mutation`")

    def first_child(
        self, reader: Reader, trainer: proxy_tasks.Trainer, seeds: tuple[int, ...]
    ) -> tuple[dsl.Program, Evaluation]:
        """The warm-start program and its evaluation with all seeds."""
        if reader.has_child(0):
            first = reader.child(0)
            return first.program, first.evaluation
        start = self.start()
        evaluation = evaluate(trainer, dsl.canonical(start), seeds)
        raise_task_error(evaluation, "the warm-start program")
        if evaluation.fitness is None:
            raise SearchError(
                f"the warm-start program {self.config.start} does not train on {self.config.task}"
                f" ({evaluation.kind}): give another `start`, or smaller learning rates under `tune`"
            )
        self.journal.record(Child(0, None, None, start, dsl.canonical_hash(start), evaluation, new=True))
        self.journal.flush()
        return start, evaluation

    def show(self, progress: Progress) -> None:
        """Shows where the evolution stands."""
        of = f" of {self.config.budget.generated}" if self.config.budget.generated else ""
        hits = 1 - progress.trained / progress.generated
        self.console.update(
            lambda: (
                f"evolving: {progress.generated}{of} children, {progress.trained} trained, cache hits {hits:.0%},"
                f" best fitness {format_loss(progress.best.fitness)}, {progress.seconds:.0f} s"
            )
        )

    def start(self) -> dsl.Program:
        """The warm-start program; a known optimizer that was tuned starts tuned."""
        tuned = self.baselines[self.config.scale].get(self.config.start)
        return tuned.program(self.config.start) if tuned else self.given

    def funnel(self) -> None:
        """Fresh seeds on the task of the search, then the larger tasks; stages that are done are not run again."""
        reader = Reader(self.directory)
        candidates = {child.id: child.program for child in reader.best(self.config.funnel.candidates)}
        done, stages = stages_of(reader), []
        for number, scale in enumerate((self.config.scale, *self.config.funnel.scales)):
            stage = done[number] if number < len(done) else self.stage(scale, candidates, first=number == 0)
            stages.append(stage)
            self.journal.facts(stages=[asdict(s) for s in stages])
            going_on = stage.passed if number else stage.ranked
            candidates = {id: candidates[id] for id in going_on[: self.config.funnel.survivors]}
            if not candidates:
                break
        self.journal.facts(winner=winner(stages))

    def stage(self, scale: int, candidates: dict[int, dsl.Program], first: bool) -> Stage:
        """One stage of the funnel."""
        self.tune(scale, self.config.funnel.tune)
        seeds = self.config.funnel.fresh_seeds if first else self.config.funnel.seeds
        baselines = {name: tuned.program(name) for name, tuned in self.baselines[scale].items()}
        progress = self.progress(f"funnel: {len(candidates)} programs on {self.config.task} x{scale}")
        stage = run_stage(self.trainer(scale), scale, seeds, baselines, candidates, progress)
        self.console.line(
            f"funnel: {len(stage.passed)} of {len(candidates)} programs beat AdamW on {self.config.task} x{scale}"
        )
        return stage

    def write_winner(self) -> None:
        """The simplified winner as a program and in the formats of EXPORTS."""
        result = load(self.directory)
        assert result.winner is not None and result.simplified is not None
        (self.directory / "winner.txt").write_text(str(result.simplified), encoding="utf-8")
        for target in EXPORTS:
            code = dsl.export(result.simplified, target, provenance(result, result.winner))
            (self.directory / f"winner_{target}.py").write_text(code, encoding="utf-8")


def _check_budget(budget: Mapping[str, float], totals: Totals, directory: Path) -> None:
    known = [key.name for key in fields(BudgetConfig)]
    if unknown := [key for key in budget if key not in known]:
        raise SearchError(f"{unknown[0]} is no limit of a budget: the limits are {', '.join(known)}")
    for key, done in (("generated", totals.generated), ("trained", totals.trained)):
        if 0 < budget.get(key, 0) < done:
            raise SearchError(f"{directory} has {done} children {key} already: budgets are totals, give more than that")


def _tasks(config: Config) -> dict[int, proxy_tasks.Task]:
    """The task at the scale of the search and at those of the funnel."""
    return {scale: proxy_tasks.get(config.task, scale=scale) for scale in (config.scale, *config.funnel.scales)}
