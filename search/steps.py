"""The steps of a run: tune the baselines, evolve, select by the funnel, simplify, export (arXiv 2302.06675, section 2).

Each keeps what it found in the journal, so that a run that was interrupted goes on where it was.

Deviation: AdamW, the warm start, is tuned on the task first; else the first gains of a search are learning rate only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeAlias

import dsl
import proxy_tasks
from dsl.errors import MachineError
from proxy_tasks.environment import start_jax
from search.cache import Cache
from search.config import Config, TuneConfig
from search.configuration import to_dict
from search.console import Console
from search.errors import SearchError
from search.evaluator import Evaluation, expect_outcome
from search.funnel import Stage, run_stage, winner
from search.interruption import Interrupted, interruptible
from search.journal import Journal, Reader, exists
from search.live.now import Teller
from search.repeats import Repeats
from search.result import Baseline, Result, load, stages_of
from search.reuse import reusable
from search.searches import Place, begun, best, seconds
from search.summary import format_loss, provenance
from search.tuning import Tuned, tune_once
from search.workers import WORKERS, Bench

Tasks: TypeAlias = "Mapping[int, Sequence[proxy_tasks.Task]]"  # scale -> the task, or several
BASELINES = ("adamw", "lion")
EXPORTS = ("optax", "torch", "python")  # written beside the journal, as winner_TARGET.py


class Steps:
    """What the steps of a run share."""

    def __init__(
        self,
        config: Config,
        tasks: Tasks,
        given: dsl.Program,
        directory: Path,
        journal: Journal,
        console: Console,
        resumed: bool = False,
        changed: bool = False,
    ):
        self.config, self.tasks, self.given = config, tasks, given
        self.directory, self.journal, self.console = directory, journal, console
        self.resumed, self.changed = resumed, changed
        self.benches: dict[int, Bench] = {}
        known = load(directory)
        self.baselines, self.seconds, self.machines = dict(known.baselines), dict(known.seconds), dict(known.machines)
        self.references = {int(key): value for key, value in Reader(directory).fact("references", {}).items()}
        self.interrupted: Callable[[], bool] = lambda: False

    def all(self) -> Result:
        """Every step, in order; the journal is closed whatever happens, and goes if an error ends a run at once."""
        kept = True
        try:
            if self.config.workers != "inline":
                self.console.line("the workers begin")
            with (
                closing(WORKERS[self.config.workers](self.config)) as self.workers,  # before JAX has threads
                interruptible(self.console.line) as asked_to_stop,  # Ray has handlers of its own
                self.console.watching(self.directory),
            ):
                self.now = Teller(self.journal, self.workers.alive)
                self.interrupted = self.telling(asked_to_stop)
                self.workers.heed(self.interrupted)
                start_jax()
                self.bench(self.config.scale)
                self.console.line(f"the run is written to {self.directory}", "begun", directory=str(self.directory))
                self.step("tune", lambda: self.tune(self.config.scale, self.config.tune))
                self.step("evolve", self.evolve)
                self.step("funnel", self.funnel)
        except Exception:
            kept = self.resumed or bool(self.begun())
            raise
        finally:
            if kept:
                self.journal.close()
            else:  # so that the same command can be given again
                self.journal.discard()
        return write_winner(self.directory)

    def begun(self) -> dict[Place, Reader]:
        """The searches that have begun."""
        return begun(to_dict(self.config), self.directory)

    def step(self, name: str, work: Callable[[], None]) -> None:
        """Does a step and records how long it took, interruptions left out."""
        started = time.monotonic()
        evolved = seconds(to_dict(self.config), self.directory) if name == "evolve" else 0.0
        before = max(self.seconds.get(name, 0.0), evolved)
        self.now.step(name, before)
        try:
            work()
        finally:
            self.seconds[name] = round(before + time.monotonic() - started, 3)
            self.journal.facts(seconds=self.seconds)

    def telling(self, interrupted: Callable[[], bool]) -> Callable[[], bool]:
        """`interrupted`, which whoever works or waits asks again and again: then the run says where it is, too."""

        def told() -> bool:
            self.now.tell()
            return interrupted()

        return told

    def go_on(self) -> None:
        """Between two trainings.

        Raises:
            Interrupted: if the run was asked to stop.
        """
        if self.interrupted():
            raise Interrupted(f"go on with: optsearch resume {self.directory}")

    def progress(self, what: str) -> Callable[[int, int], None]:
        """A function that tells of work done, of work to do, and is where a run may stop."""
        self.now.doing(what, 0, 0)

        def report(done: int, of: int) -> None:
            self.now.doing(what, done, of)
            self.go_on()

        return report

    def bench(self, scale: int) -> Bench:
        """The task of a scale, made when it is first asked for, and the workers prepared for it."""
        if scale not in self.benches:
            try:
                trainer = proxy_tasks.trainer_of(self.tasks[scale], self.config.machine)
            except MachineError as error:
                raise SearchError(f"machine: native cannot be had: {error}") from None
            trainer.check_start()
            if trainer.machine.note and not self.benches:
                self.console.line(trainer.machine.note)
            self.same_machine(scale, trainer.machine.description)
            self.journal.facts(machines=self.machines)
            if scale in self.references:
                assert isinstance(trainer, proxy_tasks.Combination)
                trainer = trainer.relative_to(self.references[scale])
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
        if len(self.tasks[scale]) > 1 and scale not in self.references:
            self.compare(scale, grid)
        tuned = {}
        for name in BASELINES:
            progress = self.progress(f"tuning {name} on {self.config.task} x{scale}")
            best = tune_once(name, self.bench(scale), grid, progress)
            tuned[name] = Baseline(best.learning_rate, best.weight_decay, best.fitness)
            self.console.line(
                f"{name} tuned on {self.config.task} x{scale}: learning rate {best.learning_rate:g},"
                f" weight decay {best.weight_decay:g}, loss {format_loss(best.fitness)} over {grid.seeds} seeds"
                f"{_at_an_end(best, grid)}",
                "tuned",
                scale=scale,
                optimizer=name,
                **asdict(tuned[name]),
            )
        self.baselines[scale] = tuned
        known = {
            scale: {name: asdict(baseline) for name, baseline in tuned.items()}
            for scale, tuned in self.baselines.items()
        }
        self.journal.facts(baselines=known)

    def compare(self, scale: int, grid: TuneConfig) -> None:
        """Makes the losses of several tasks comparable: each in units of what AdamW comes to that is tuned on it."""
        bench, found = self.bench(scale), []
        assert isinstance(bench.trainer, proxy_tasks.Combination)
        for number, task in enumerate(bench.trainer.tasks):
            progress = self.progress(f"tuning adamw on {task.name} x{scale}")
            best = tune_once("adamw", replace(bench, member=number), grid, progress)
            found.append(best.fitness)
            self.console.line(f"adamw on {task.name} x{scale}: loss {format_loss(best.fitness)}, from here on 1")
        self.references[scale] = found
        self.journal.facts(references=self.references)
        trainer = bench.trainer.relative_to(found)
        self.workers.prepare(scale, trainer)
        self.benches[scale] = Bench(scale, trainer, self.workers)

    def evolve(self) -> None:
        """Warm start and regularized evolution, from where the journals end."""
        bench, seeds = self.bench(self.config.scale), self.config.fitness.seeds
        start, evaluation = self.warm_start(bench, seeds)
        cache = Cache(bench, seeds, self.known())
        wait = self.workers.wait
        searches = Repeats(self.config, self.directory, self.journal, cache, wait, self.console, self.interrupted)
        searches.run(start, evaluation)
        self.go_on()

    def known(self) -> Iterator[tuple[str, Evaluation]]:
        """What other searches have trained: those of this run, if it has several, and those of the runs of `reuse`."""
        if self.config.repeats + self.config.restarts > 1:
            for reader in self.begun().values():
                yield from reader.evaluations()
        for reused in map(Path, self.config.reuse):
            if exists(reused):
                yield from reusable(reused, self.config.scale, self.machines, self.references)
            else:
                self.console.line(f"{reused} is no longer there: what it knew is trained again")

    def warm_start(self, bench: Bench, seeds: int) -> tuple[dsl.Program, Evaluation]:
        """The warm-start program and its evaluation with all seeds."""
        if reader := next(iter(self.begun().values()), None):
            first = reader.child(0)
            return first.program, first.evaluation
        start = self.start()
        (evaluation,) = bench.evaluate([start], bench.trials(seeds))
        expect_outcome(evaluation, "the warm-start program")
        if evaluation.fitness is None:
            raise SearchError(
                f"the warm-start program {self.config.start} does not train on {self.config.task}"
                f" ({evaluation.kind}): give another `start`, or smaller learning rates under `tune`"
            )
        return start, evaluation

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
        progress = self.progress(f"{len(candidates)} programs on {self.config.task} x{scale}")
        stage = run_stage(self.bench(scale), seeds, baselines, candidates, progress)
        failed = len(candidates) - len(stage.ranked)
        self.console.line(
            f"funnel: {len(stage.passed)} of {len(candidates)} programs have a lower mean loss than AdamW on"
            f" {self.config.task} x{scale}{f', {failed} failed' if failed else ''}",
            "stage",
            scale=scale,
            entered=len(candidates),
            failed=failed,
            passed=stage.passed,
        )
        return stage


def _at_an_end(tuned: Tuned, grid: TuneConfig) -> str:
    """What to say of a baseline that might be better beyond the grid."""
    places = {"learning rate": (tuned.learning_rate, grid.learning_rates)}
    places["weight decay"] = tuned.weight_decay, grid.weight_decays
    ends = [
        f"the {'largest' if value == max(tried) else 'smallest'} {name}"
        for name, (value, tried) in places.items()
        if len(tried) > 1 and value in (min(tried), max(tried))
    ]
    return f"; that is {' and '.join(ends)} tried" if ends else ""


def write_winner(directory: Path) -> Result:
    """Writes the simplified winner of a run that ended, as a program and in the formats of EXPORTS; gives the run.

    What is the same is not written again, so that a run may lie where nothing can be written.
    """
    result = load(directory)
    simplified = result.simplified
    assert result.winner_key is not None and simplified is not None
    origin = provenance(result, result.winner_key)
    texts = {"winner.txt": str(simplified)}
    texts |= {f"winner_{target}.py": dsl.export(simplified, target, origin) for target in EXPORTS}
    for name, text in texts.items():
        file = directory / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
    return result
