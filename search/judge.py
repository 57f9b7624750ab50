"""Whether programs are as good as one that was given: paired comparisons on the same fresh seeds, task by task."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, mean, stdev
from typing import TypeVar

import dsl
from dsl.reductions import times
from search.config import SimplifyConfig
from search.errors import SearchError
from search.workers import Bench

T = TypeVar("T")

FIRST_COMPARING_SEED = 20_000  # the funnel, by which winners are chosen, has others
SCREENING_SEEDS = 8  # after these, a program that is surely worse is trained no more

Losses = Sequence[float] | None  # one for each seed; None if a training failed


@dataclass(frozen=True)
class Hearing:
    """A task that programs are compared on.

    Attributes:
        bench: of the task.
        seeds: fresh seeds to compare with, two or more.
        factor: of the updates there: a larger task wants another learning rate.
    """

    bench: Bench
    seeds: int
    factor: float = 1.0

    @property
    def name(self) -> str:
        """Of the task, with its scale."""
        return f"{self.bench.task.name} x{self.bench.scale}"

    def program(self, program: dsl.Program) -> dsl.Program:
        """What is trained for a program."""
        return program if self.factor == 1.0 else times(program, self.factor)


@dataclass(frozen=True)
class Change:
    """What a program loses against the one that was given, on one task.

    Attributes:
        task: its name and scale.
        mean: mean over the seeds of the difference of the losses, as a share of the given program's mean loss; above 0
            it is worse, and infinite if a training failed.
        error: its standard error.
        seeds: number of seeds.
    """

    task: str
    mean: float
    error: float
    seeds: int

    def bound(self, confidence: float) -> float:
        """Upper bound of the mean; for a confidence below 0.5, the lower one."""
        return self.mean + quantile(confidence, self.seeds - 1) * self.error

    def __str__(self) -> str:
        if math.isinf(self.mean):
            return f"{self.task}, where a training fails"
        return f"{self.task} {self.mean:+.1%} +- {self.error:.1%}"


class Judge:
    """Compares programs with one.

    Args:
        given: the program.
        hearings: on each task, the cheapest first.
        config: of the comparison.
        first_seed: seeds are first_seed, first_seed + 1, ...
        report: called after the trainings of a program on a task.

    Raises:
        SearchError: if the program does not train with every seed on every task.
    """

    def __init__(
        self,
        given: dsl.Program,
        hearings: Sequence[Hearing],
        config: SimplifyConfig,
        first_seed: int = FIRST_COMPARING_SEED,
        report: Callable[[], None] = lambda: None,
    ):
        self.hearings, self.config, self.first_seed = hearings, config, first_seed
        self._report = report
        self._given: list[Sequence[float]] = []
        for hearing in hearings:
            (losses,) = self._losses(hearing, [given], hearing.seeds)
            if losses is None:
                raise SearchError(
                    f"the program does not train on {hearing.name} with each of {hearing.seeds} seeds: give tasks that"
                    " it trains on, or none"
                )
            expect_positive(mean(losses), hearing)
            self._given.append(losses)

    def changes(self, number: int, programs: Sequence[dsl.Program], seeds: int) -> list[Change]:
        """What each of these loses on a task with so many seeds."""
        hearing, given = self.hearings[number], self._given[number][:seeds]
        loss, found = mean(self._given[number]), []
        for losses in self._losses(hearing, programs, seeds):
            if losses is None:
                found.append(Change(hearing.name, math.inf, 0.0, seeds))
            else:
                differences = [(b - a) / loss for a, b in zip(given, losses, strict=True)]
                found.append(Change(hearing.name, mean(differences), stdev(differences) / math.sqrt(seeds), seeds))
        return found

    def all_changes(self, program: dsl.Program) -> tuple[Change, ...]:
        """What a program loses on every task, with all seeds."""
        return tuple(self.changes(number, [program], hearing.seeds)[0] for number, hearing in enumerate(self.hearings))

    def first_to_pass(
        self, programs: Mapping[T, dsl.Program], refuse: Callable[[T, Change], None] = lambda name, change: None
    ) -> tuple[T, tuple[Change, ...]] | None:
        """The name of the first of these for which no loss beyond the margin is found, and what it loses.

        All are tried on the cheapest task, with few seeds, then one after the other with all seeds on every task.

        Args:
            programs: to be tried, by their names.
            refuse: called with the name of each that does not pass, and with what it loses where it does not.
        """
        confidence, margin = self.config.confidence, self.config.margin
        screening = self.changes(0, list(programs.values()), min(SCREENING_SEEDS, self.hearings[0].seeds))
        for (name, program), screened in zip(programs.items(), screening, strict=True):
            if screened.bound(1 - confidence) > margin:
                refuse(name, screened)
                continue
            found: list[Change] = []
            for task, hearing in enumerate(self.hearings):
                found += self.changes(task, [program], hearing.seeds)
                if found[-1].bound(confidence) > margin:
                    refuse(name, found[-1])
                    break
            else:
                return name, tuple(found)
        return None

    def _losses(self, hearing: Hearing, programs: Sequence[dsl.Program], seeds: int) -> list[Losses]:
        bench, found = hearing.bench, list[Losses]()
        for evaluation in bench.evaluate(map(hearing.program, programs), bench.trials(seeds, self.first_seed)):
            self._report()
            losses = [outcome.loss for outcome in evaluation.outcomes if outcome.loss is not None]
            found.append(None if evaluation.fitness is None else losses)
        return found


def expect_positive(loss: float, hearing: Hearing) -> float:
    """The loss, if others can be a share of it.

    Raises:
        SearchError: if it is not above 0, or infinite since no program trains.
    """
    if not 0 < loss < math.inf:
        raise SearchError(
            f"{hearing.name}: the mean loss is {loss:g}, of which others cannot be a share: give a"
            " task that the program trains on, with losses above 0"
        )
    return loss


def quantile(confidence: float, degrees: int) -> float:
    """That of Student's t distribution, by its expansion in 1 / degrees (Abramowitz and Stegun, 26.7.5).

    For 1 and 2 degrees it is exact. From 4 on it is right to 1 % for a confidence of 0.01 to 0.99, for 3 for one of
    0.02 to 0.98.

    >>> round(quantile(0.95, 10), 2), round(quantile(0.95, 100), 3), round(quantile(0.975, 2), 3)
    (1.81, 1.66, 4.303)
    """
    if degrees == 1:
        return math.tan(math.pi * (confidence - 0.5))
    if degrees == 2:
        return (2 * confidence - 1) / math.sqrt(2 * confidence * (1 - confidence))
    z = NormalDist().inv_cdf(confidence)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return sum(term / degrees**power for power, term in enumerate(terms))
