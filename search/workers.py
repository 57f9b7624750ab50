"""Where programs are trained: the door behind which a search does not look."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

import dsl
import proxy_tasks
from search.config import Config
from search.errors import SearchError
from search.evaluator import Evaluation, Limits, evaluate

REACH_S = 10.0  # a cluster has to be reached


class Pending(Protocol):
    """An evaluation that was asked for."""

    def under_way(self) -> bool:
        """Whether work on it has begun, so that a search that stops waits for it."""

    def result(self) -> Evaluation:
        """The evaluation, once it is there."""


class Workers(Protocol):
    """What a search asks of its workers. The evaluation is a function of the arguments, whoever computes it when."""

    def submit(self, program: dsl.Program, limits: Limits) -> Pending:
        """Has a canonical program evaluated."""

    def close(self) -> None:
        """Ends them; what they were asked for and have not answered is lost."""


class InlineWorkers:
    """The process itself, which trains when a result is asked for.

    Args:
        trainer: of the task of the search.
        seeds: that a program near the best is trained with.
    """

    def __init__(self, trainer: proxy_tasks.Trainer, seeds: Sequence[int]):
        self._trainer, self._seeds = trainer, tuple(seeds)

    def submit(self, program: dsl.Program, limits: Limits) -> Pending:
        """Remembers what to train."""
        return _Later(lambda: evaluate(self._trainer, program, self._seeds, limits))

    def close(self) -> None:
        """There is nothing to end."""


class _Later:
    """Work that begins when its result is asked for."""

    def __init__(self, result: Callable[[], Evaluation]):
        self.result = result

    def under_way(self) -> bool:
        """Never: it is done at once."""
        return False


def inline(config: Config, trainer: proxy_tasks.Trainer) -> Workers:
    """The process itself."""
    return InlineWorkers(trainer, range(config.fitness.seeds))


def ray(config: Config, trainer: proxy_tasks.Trainer) -> Workers:
    """Ray actors that train as this process would."""
    from search.ray_worker import Duty, sources_digest
    from search.ray_workers import LOCAL, RayWorkers

    duty = Duty(
        config.task,
        config.scale,
        trainer.machine.name,
        trainer.machine.description,
        tuple(range(config.fitness.seeds)),
        sources_digest(),
        os.getcwd() if config.ray.address == LOCAL else "",
        config.ray.deadline_s,
    )
    return RayWorkers(duty, config.ray)


WORKERS: dict[str, Callable[[Config, proxy_tasks.Trainer], Workers]] = {"inline": inline, "ray": ray}


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
