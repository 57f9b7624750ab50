"""The main job, end to end: tune the baselines, evolve, select by the funnel, simplify, export (arXiv 2302.06675, 2).

Deviation: AdamW, the warm start, is tuned on the task first; else the first gains of a search are learning rate only.
"""

from __future__ import annotations

import contextlib
import platform
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import dsl
import proxy_tasks
from dsl.errors import MachineError
from search.config import Config, TuneConfig
from search.configuration import config_from_dict, to_dict
from search.console import Console
from search.directories import claim, claim_first_free
from search.errors import SearchError
from search.evaluator import evaluate
from search.evolution import Progress, evolve
from search.funnel import Stage, run_stage, winner
from search.journal import FILE_NAME, Child, Journal, Reader
from search.programs import read_program
from search.result import Baseline, Result, load
from search.summary import format_loss, provenance
from search.tuning import Tuned, tune_once
from search.workers import WORKERS

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
    """
    config = config_from_dict(to_dict(config), "the configuration")
    tasks = {scale: proxy_tasks.get(config.task, scale=scale) for scale in (config.scale, *config.funnel.scales)}
    given = read_program(config.start)
    directory = claim(Path(directory)) if directory else claim_first_free("search")
    return _Run(config, tasks, given, directory, console or Console(quiet=True)).all()


class _Run:
    """What the steps of a run share."""

    def __init__(
        self,
        config: Config,
        tasks: dict[int, proxy_tasks.Task],
        given: dsl.Program,
        directory: Path,
        console: Console,
    ):
        self.config, self.tasks, self.given = config, tasks, given
        self.directory, self.console = directory, console
        self.journal = Journal(directory)
        self.journal.fact("config", to_dict(config))
        self.journal.fact("versions", _versions())
        self.trainers: dict[int, proxy_tasks.Trainer] = {}
        self.baselines: dict[int, dict[str, Tuned]] = {}
        self.seconds: dict[str, float] = {}
        self.begun = False

    def all(self) -> Result:
        """Every step, in order; the journal is closed whatever happens, and goes if it never held a program."""
        try:
            self.step("tune", lambda: self.tune(self.config.scale, self.config.tune))
            self.step("evolve", self.evolve)
            self.step("funnel", self.funnel)
        finally:
            self.journal.close()
            if not self.begun:  # so that the same command can be given again
                (self.directory / FILE_NAME).unlink()
                with contextlib.suppress(OSError):
                    self.directory.rmdir()
        self.write_winner()
        return load(self.directory)

    def step(self, name: str, work: Callable[[], None]) -> None:
        """Does a step and records how long it took."""
        started = time.monotonic()
        work()
        self.seconds[name] = round(time.monotonic() - started, 3)
        self.journal.fact("seconds", self.seconds)

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
            self.journal.fact("machines", {scale: t.machine.description for scale, t in self.trainers.items()})
        return self.trainers[scale]

    def tune(self, scale: int, grid: TuneConfig) -> None:
        """Tunes the known optimizers on the task of a scale."""
        trainer = self.trainer(scale)
        self.baselines[scale] = {}
        for name in BASELINES:
            progress = self.console.progress(f"tuning {name} on {self.config.task} x{scale}")
            tuned = tune_once(name, trainer, grid, progress)
            self.baselines[scale][name] = tuned
            self.console.line(
                f"{name} tuned on {self.config.task} x{scale}: learning rate {tuned.learning_rate:g},"
                f" weight decay {tuned.weight_decay:g}, loss {format_loss(tuned.fitness)} over {grid.seeds} seeds"
            )
        known = {
            scale: {name: asdict(Baseline(t.learning_rate, t.weight_decay, t.fitness)) for name, t in tuned.items()}
            for scale, tuned in self.baselines.items()
        }
        self.journal.fact("baselines", known)

    def evolve(self) -> None:
        """Warm start and regularized evolution."""
        start = self.start()
        trainer, seeds = self.trainer(self.config.scale), tuple(range(self.config.fitness.seeds))
        evaluation = evaluate(trainer, dsl.canonical(start), seeds)
        if evaluation.fitness is None:
            raise SearchError(
                f"the warm-start program {self.config.start} does not train on {self.config.task}"
                f" ({evaluation.kind}): give another `start`, or smaller learning rates under `tune`"
            )
        self.begun = True
        self.journal.record(Child(0, None, None, start, dsl.canonical_hash(start), evaluation, new=True))
        workers = WORKERS[self.config.workers](trainer, seeds)
        end = evolve(self.config, start, evaluation, workers, self.journal, self.show)
        self.journal.flush()
        self.console.line(
            f"evolved {end.generated} children, {end.trained} trained; best fitness {format_loss(end.best.fitness)},"
            f" the warm start's {format_loss(evaluation.fitness)}"
        )
        if end.exhausted:
            self.console.line("the search ended early: a program had no valid child; allow more kinds under `mutation`")

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
        return tuned.program if tuned else self.given

    def funnel(self) -> None:
        """Fresh seeds on the task of the search, then the larger tasks."""
        candidates = {child.id: child.program for child in Reader(self.directory).best(self.config.funnel.candidates)}
        stages: list[Stage] = []
        for scale in (self.config.scale, *self.config.funnel.scales):
            if scale not in self.baselines:
                self.tune(scale, self.config.funnel.tune)
            seeds = self.config.funnel.seeds if stages else self.config.funnel.fresh_seeds
            baselines = {name: tuned.program for name, tuned in self.baselines[scale].items()}
            progress = self.console.progress(f"funnel: {len(candidates)} programs on {self.config.task} x{scale}")
            stage = run_stage(self.trainer(scale), scale, seeds, baselines, candidates, progress)
            stages.append(stage)
            self.console.line(
                f"funnel: {len(stage.passed)} of {len(candidates)} programs beat AdamW on {self.config.task} x{scale}"
            )
            self.journal.fact("stages", [asdict(s) for s in stages])
            going_on = stage.passed if len(stages) > 1 else stage.ranked
            candidates = {id: candidates[id] for id in going_on[: self.config.funnel.survivors]}
            if not candidates:
                break
        self.journal.fact("winner", winner(stages))

    def write_winner(self) -> None:
        """The simplified winner as a program and in the formats of EXPORTS."""
        result = load(self.directory)
        assert result.winner is not None and result.simplified is not None
        (self.directory / "winner.txt").write_text(str(result.simplified), encoding="utf-8")
        for target in EXPORTS:
            code = dsl.export(result.simplified, target, provenance(result, result.winner))
            (self.directory / f"winner_{target}.py").write_text(code, encoding="utf-8")


def _versions() -> dict[str, str]:
    versions = {name: metadata.version(name) for name in ("jax", "jaxlib", "numpy")}
    return {"python": platform.python_version(), "platform": platform.platform(), **versions}
