"""Where programs are trained: the door behind which a search does not look."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import dsl
import proxy_tasks
from search.config import Config
from search.errors import SearchError
from search.evaluator import AnyTrainer, Evaluation, Limits, evaluate, merged

ANY = Limits()
REACH_S = 10.0  # a cluster has to be reached


@dataclass(frozen=True)
class Job:
    """A program to be evaluated.

    Attributes:
        program: in canonical form.
        scale: of the task.
        seeds: to be trained with, in this order; of several tasks, trials.
        limits: that the trainings have to keep.
    """

    program: dsl.Program
    scale: int
    seeds: tuple[int, ...]
    limits: Limits = Limits()


class Pending(Protocol):
    """An evaluation that was asked for."""

    def under_way(self) -> bool:
        """Whether work on it has begun, so that a search that stops waits for it."""

    def ready(self) -> bool:
        """Whether `result` answers without waiting for another process."""

    def result(self) -> Evaluation:
        """The evaluation, once it is there."""


class Workers(Protocol):
    """What a search asks of its workers. An evaluation is a function of the job, whoever computes it when."""

    def prepare(self, scale: int, trainer: AnyTrainer) -> None:
        """Has them ready for jobs of a scale, which they train as this trainer would."""

    def heed(self, interrupted: Callable[[], bool]) -> None:
        """Begins nothing more once this says so; what is under way is finished."""

    def submit(self, job: Job) -> Pending:
        """Has a program evaluated."""

    def wait(self) -> None:
        """Until an answer has come, or may have."""

    def alive(self) -> tuple[int, int]:
        """How many are there and have begun, and how many there are to be."""

    def close(self) -> None:
        """Ends them; what they were asked for and have not answered is lost."""


class InlineWorkers:
    """The process itself, which trains when a result is asked for."""

    def __init__(self) -> None:
        self._trainers: dict[int, AnyTrainer] = {}

    def prepare(self, scale: int, trainer: AnyTrainer) -> None:
        """Remembers what trains."""
        self._trainers[scale] = trainer

    def heed(self, interrupted: Callable[[], bool]) -> None:
        """Nothing is ever under way."""

    def submit(self, job: Job) -> Pending:
        """Remembers what to train."""
        trainer = self._trainers[job.scale]
        return _Later(lambda: evaluate(trainer, job.program, job.seeds, job.limits))

    def wait(self) -> None:
        """Everything is ready."""

    def alive(self) -> tuple[int, int]:
        """One, as long as anybody can ask."""
        return 1, 1

    def close(self) -> None:
        """There is nothing to end."""


class _Later:
    """Work that is done once, when its result is asked for."""

    def __init__(self, work: Callable[[], Evaluation]):
        self._work = work

    @cached_property
    def _evaluation(self) -> Evaluation:
        return self._work()

    def result(self) -> Evaluation:
        """Does the work."""
        return self._evaluation

    def ready(self) -> bool:
        """Always."""
        return True

    def under_way(self) -> bool:
        """Never: it is done at once."""
        return False


@dataclass(frozen=True)
class Bench:
    """A task of one scale, and the workers that train on it.

    Attributes:
        scale: of the task.
        trainer: says what the task is and what executes the programs; whoever trains does so as it would.
        workers: prepared for this scale.
        member: of several tasks, the number of the one that is meant alone; None for all.
    """

    scale: int
    trainer: AnyTrainer
    workers: Workers
    member: int | None = None

    @classmethod
    def inline(cls, trainer: AnyTrainer, scale: int = 1) -> Bench:
        """Trains in this process."""
        workers = InlineWorkers()
        workers.prepare(scale, trainer)
        return cls(scale, trainer, workers)

    @property
    def task(self) -> proxy_tasks.Task | proxy_tasks.Joined:
        """What programs are trained on."""
        return self.trainer.task if self.member is None else self.trainer.tasks[self.member]

    def trials(self, seeds: int, first: int = 0) -> tuple[int, ...]:
        """What the trainer calls the seeds from `first` on: of several tasks, each seed on each (`Combination`)."""
        tasks = len(self.trainer.tasks)
        found = range(first * tasks, (first + seeds) * tasks)
        return tuple(found if self.member is None else found[self.member :: tasks])

    def submit(self, program: dsl.Program, trials: Iterable[int], limits: Limits = ANY) -> Pending:
        """Has a canonical program evaluated."""
        return self.workers.submit(Job(program, self.scale, tuple(trials), limits))

    def evaluate(self, programs: Iterable[dsl.Program], trials: Iterable[int]) -> Iterator[Evaluation]:
        """The evaluation of each program, in order; all trainings are under way at once, each by itself.

        Args:
            programs: as they are written; what is trained is their canonical form.
            trials: for each.
        """
        trials = tuple(trials)
        asked = [[self.submit(dsl.canonical(program), (trial,)) for trial in trials] for program in programs]
        for trainings in asked:
            yield merged(training.result() for training in trainings)


def inline(config: Config) -> Workers:
    """The process itself."""
    return InlineWorkers()


def ray(config: Config) -> Workers:
    """Ray actors."""
    from search.ray_workers import RayWorkers

    return RayWorkers(config)


WORKERS: dict[str, Callable[[Config], Workers]] = {"inline": inline, "ray": ray}


def check_reachable(config: Config) -> None:
    """Looks for the cluster before anything is done that it will be needed for; Ray itself would try for minutes.

    Raises:
        SearchError: if nothing answers at the address.
    """
    host, colon, port = config.ray.address.rpartition(":")
    if config.workers == "ray" and colon:
        try:
            socket.create_connection((host, int(port)), timeout=REACH_S).close()
        except (OSError, ValueError) as error:
            raise SearchError(f"there is no cluster at ray.address {config.ray.address} ({error})") from None
