"""Simplification that tasks judge: statements and digits that make no difference to them (arXiv 2302.06675, 2.3).

Deviation: the paper drops statements by hand, or goes on evolving with insertion disabled. Here every program with one
statement less is tried, and the shortest goes on that a paired test finds no worse, on the cheapest task and then on
the others. It is compared with the program that was given, always, so that many small losses do not add up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from statistics import mean
from textwrap import indent
from typing import TypeAlias

import dsl
import proxy_tasks
from dsl.length import size
from dsl.reductions import constants, reductions, rounded, times
from proxy_tasks.environment import start_jax
from search.config import Config, SimplifyConfig
from search.console import Console
from search.interruption import Interrupted, interruptible
from search.judge import SCREENING_SEEDS, Change, Hearing, Judge, expect_positive
from search.workers import WORKERS, Bench, Workers

MOST_DIGITS = 6
FIRST_JUDGING_SEED = 100_000  # of the seeds that judge the end, by which nothing was chosen

Candidate: TypeAlias = "tuple[str, dsl.Program]"  # what was done to a program, and what came of it


@dataclass(frozen=True)
class Step:
    """A shorter program that is as good.

    Attributes:
        why: what was done.
        before: the program that it was done to.
        after: what came of it.
        changes: what it loses on each task, against the program that was given.
    """

    why: str
    before: dsl.Program
    after: dsl.Program
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Simplified:
    """What tasks have left of a program.

    Attributes:
        given: the program, with the factor that suits the tasks at the scale of the search.
        factors: scale -> factor of the update that suits the tasks there, in units of the program that was asked about.
        steps: each with a shorter program.
        changes: what the last one loses on each task with seeds that nothing was chosen by; none without a step.
    """

    given: dsl.Program
    factors: dict[int, float]
    steps: tuple[Step, ...]
    changes: tuple[Change, ...]

    @property
    def program(self) -> dsl.Program:
        """The shortest."""
        return self.steps[-1].after if self.steps else self.given


def simplify_on_tasks(config: Config, program: dsl.Program, console: Console | None = None) -> Simplified:
    """Simplifies a program as far as its quality on tasks allows: what `optsearch simplify --tasks` does.

    Args:
        config: has the tasks, the workers and, under `simplify`, what may be lost.
        program: one that trains; what needs no task is simplified first.
        console: shows progress; silent if None.

    Raises:
        SearchError: if the program does not train on the tasks.
        TaskError: if there is no such task, or it fails.
        Interrupted: after Ctrl-C.
    """
    console = console or Console(quiet=True)
    scales = (config.scale, *(scale for scale in config.simplify.scales if scale > config.scale))
    tasks = {scale: proxy_tasks.get_all(config.task, scale) for scale in scales}
    with (
        closing(WORKERS[config.workers](config)) as workers,  # before JAX has threads
        interruptible(console.line) as interrupted,
    ):
        workers.heed(interrupted)
        start_jax()
        hearings = _hearings(config, tasks, workers)
        done, told = count(1), set[str]()

        def report() -> None:
            compared = next(done)
            console.update(lambda: f"simplifying: {compared} times a program was trained on a task")
            if interrupted():
                raise Interrupted("the last program above is as good as the one given; begin again to go further")

        def refuse(candidate: Candidate, change: Change) -> None:
            why, _ = candidate
            if why not in told:
                told.add(why)
                console.line(f"stays, {config.simplify.margin:.0%} cannot be ruled out: {why} ({change})")

        def tell(step: Step) -> None:
            console.line(f"{len(step.before)} -> {len(step.after)} statements: {step.why}")
            console.line(f"    {', '.join(map(str, step.changes))}")
            console.line(indent(str(step.after), "    ").rstrip())

        program, tried = dsl.simplify(program), config.simplify.factors
        factors = {scale: _factor(program, scale, hearings, config.simplify, report) for scale in scales}
        for scale, factor in factors.items():
            at_an_end = len(tried) > 1 and factor in (min(tried), max(tried))
            end = "; that is an end of simplify.factors: give more" if at_an_end else ""
            if factor != 1.0 or end:
                console.line(f"at scale {scale} the update is multiplied by {factor:g}, which suits its tasks{end}")
        first = factors[config.scale]
        given = dsl.simplify(times(program, first)) if first != 1.0 else program
        hearings = [replace(one, factor=factors[one.bench.scale] / first) for one in hearings]
        judge = Judge(given, hearings, config.simplify, report=report)
        steps = _steps(judge, given, tell, refuse)
        if not steps:
            return Simplified(given, factors, (), ())
        last = Judge(given, hearings, config.simplify, FIRST_JUDGING_SEED, report)
        return Simplified(given, factors, steps, last.all_changes(steps[-1].after))


def _hearings(config: Config, tasks: Mapping[int, Sequence[proxy_tasks.Task]], workers: Workers) -> list[Hearing]:
    """Each task alone, at the scale of the search and then at larger ones."""
    hearings = []
    for scale, several in tasks.items():
        trainer = proxy_tasks.trainer_of(several, config.machine)
        trainer.check_start()
        workers.prepare(scale, trainer)
        seeds = config.simplify.seeds if scale == config.scale else config.simplify.larger_seeds
        for member in range(len(several)):
            hearings.append(Hearing(Bench(scale, trainer, workers, member if len(several) > 1 else None), seeds))
    return hearings


def _factor(
    program: dsl.Program,
    scale: int,
    hearings: Sequence[Hearing],
    config: SimplifyConfig,
    report: Callable[[], None],
) -> float:
    """The factor of the update that suits the tasks of a scale best, by the mean of what they lose to their best."""
    if len(config.factors) == 1:
        return config.factors[0]
    shares: dict[float, list[float]] = {factor: [] for factor in config.factors}
    programs = [times(program, factor) for factor in config.factors]
    for hearing in hearings:
        bench = hearing.bench
        if bench.scale == scale:
            losses = []
            for found in bench.evaluate(programs, bench.trials(min(hearing.seeds, SCREENING_SEEDS))):
                losses.append(math.inf if found.fitness is None else found.fitness)
                report()
            best = expect_positive(min(losses), hearing)
            for factor, loss in zip(config.factors, losses, strict=True):
                shares[factor].append(loss / best)
    return min(shares, key=lambda factor: mean(shares[factor]))


def _steps(
    judge: Judge,
    program: dsl.Program,
    tell: Callable[[Step], None],
    refuse: Callable[[Candidate, Change], None],
) -> tuple[Step, ...]:
    """Takes statements out as long as one can be spared, and then digits."""
    steps: list[Step] = []
    for work in (partial(_statements, refuse), _digits):
        for step in work(judge, steps[-1].after if steps else program):
            steps.append(step)
            tell(step)
    return tuple(steps)


def _statements(refuse: Callable[[Candidate, Change], None], judge: Judge, program: dsl.Program) -> Iterator[Step]:
    while found := _passing(judge, program, refuse):
        (why, after), changes = found
        yield Step(why, program, after, changes)
        program = after


def _passing(
    judge: Judge, program: dsl.Program, refuse: Callable[[Candidate, Change], None]
) -> tuple[Candidate, tuple[Change, ...]] | None:
    """A program with one statement less, or if none will do, with two: one may be there to protect the other."""
    single = judge.first_to_pass(_candidates(program), refuse)
    return single or judge.first_to_pass(_candidates(program, pairs=True))


def _candidates(program: dsl.Program, pairs: bool = False) -> dict[Candidate, dsl.Program]:
    """Shorter programs, with what was done to each, the shortest first; of those that compute the same, one."""
    distinct: dict[str, Candidate] = {}
    for why, one in reductions(program, pairs):
        hash = dsl.canonical_hash(one)
        if hash not in distinct:
            distinct[hash] = why, dsl.simplify(one)
    shorter = [candidate for candidate in distinct.values() if size(candidate[1]) < size(program)]
    return {candidate: candidate[1] for candidate in sorted(shorter, key=lambda candidate: size(candidate[1]))}


def _digits(judge: Judge, program: dsl.Program) -> Iterator[Step]:
    """Rounds all constants to the fewest digits that will do, and then each further where that does, too."""
    after = program
    changes: tuple[Change, ...] = ()
    for chosen in (None, *range(len(constants(program)))):
        places = constants(after)
        if chosen is not None and chosen >= len(places):  # a constant went with the digits of another
            break
        places = places if chosen is None else [places[chosen]]
        tried = [dsl.simplify(rounded(after, dict.fromkeys(places, count))) for count in range(1, MOST_DIGITS + 1)]
        if found := judge.first_to_pass({one: one for one in tried if size(one) < size(after)}):
            after, changes = found
    if after != program:
        yield Step("constants have the digits that matter", program, after, changes)
