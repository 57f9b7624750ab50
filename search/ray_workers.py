"""Where programs are trained: Ray actors, one a core, on this machine or on a cluster.

What they find is a function of program, task and limits; how many there are, how fast, and which of them die makes no
difference but to the time. A batch whose worker is lost is tried again one by one; a program that loses its worker
three times is a failure with a type.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from search.config import Config
from search.errors import SearchError
from search.evaluator import TIMED_OUT, WORKER_LOST, AnyTrainer, Evaluation
from search.interruption import Interrupted
from search.ray_cluster import cause, connected, duty_of, environment
from search.ray_worker import Loop, RayWorker
from search.workers import Job

STRIKES = 3  # a program that was with so many workers when they were lost is given up
PATIENCE = 10.0  # a worker is ended after so many times the CPU seconds that it may take: it sleeps, or waits for ever
HOPELESS = 10  # so many workers lost for each of the pool, and no answer in between, are no accident
START_S = 300.0  # a worker has to begin, which is to start Python, JAX and perhaps a compiler
POLL_S = 0.2  # a signal is heard after so long
BATCHES = 2  # each worker has at most so many batches, so that it need not wait for the driver


@dataclass(eq=False)
class _Asked:
    """An evaluation that was asked for."""

    pool: RayWorkers
    job: Job
    strikes: int = 0
    sent: bool = False
    evaluation: Evaluation | None = None

    def under_way(self) -> bool:
        """Whether a worker has it, or has had it."""
        return self.sent

    def ready(self) -> bool:
        """Whether it is there."""
        return self.evaluation is not None

    def result(self) -> Evaluation:
        """The evaluation, once it is there.

        Raises:
            Interrupted: if it will not be, since nothing more is begun.
        """
        while self.evaluation is None:
            if self.pool.interrupted() and not self.sent:
                raise Interrupted("interrupted before it was trained")
            self.pool.wait()
        return self.evaluation


@dataclass(eq=False)
class _Actor:
    """A worker.

    Attributes:
        handle: of the Ray actor.
        preparing: reference of its answer that it is prepared; None once it is. It may wait for room that never comes.
        node: that it runs on; "" until it is prepared.
        core: that it is pinned to, counted on its node.
        batches: reference of the answer -> the jobs, and when they began at the latest, in the order of sending.
    """

    handle: Any
    preparing: Any
    node: str = ""
    core: int = 0
    batches: dict[Any, tuple[list[_Asked], float]] = field(default_factory=dict)


class RayWorkers:
    """A pool of actors; `close` ends them.

    Args:
        config: of the run.

    Raises:
        SearchError: when Ray cannot be had, or what a task needs cannot be taken to its nodes.
    """

    def __init__(self, config: Config):
        self._config = config.ray
        self._directory = tempfile.TemporaryDirectory(prefix="optsearch-")
        try:
            self._duty = duty_of(config, Path(self._directory.name))
            self._ray, self._owned = connected(config.ray, self._directory.name)
        except SearchError:
            self._directory.cleanup()
            raise
        self._queue: deque[_Asked] = deque()
        self._lost_in_a_row = 0
        self._heard = time.monotonic()  # when a worker was last at work, or gave an answer
        self._loops: list[Loop] = []
        self.interrupted: Callable[[], bool] = lambda: False
        self._actors: list[_Actor] = []

    def prepare(self, scale: int, trainer: AnyTrainer) -> None:
        """Has the workers, which the first call starts, compile a loop before they are given jobs of its scale."""
        if not self._actors:
            cores = self._ray.cluster_resources().get("CPU", 1.0)
            most = max(1, int(cores / self._config.cpus if self._config.cpus else cores))
            self._actors = [_Actor(*self._start()) for _ in range(self._config.workers or most)]
        loop = Loop(scale, trainer.machine.name, trainer.machine.description, trainer.task.version, trainer.references)
        self._loops.append(loop)
        for actor in self._actors:  # calls of an actor are answered in order
            actor.preparing = actor.handle.prepare.remote([loop])

    def heed(self, interrupted: Callable[[], bool]) -> None:
        """Begins nothing more once this says so."""
        self.interrupted = interrupted

    def submit(self, job: Job) -> _Asked:
        """Has a program evaluated; what is no full batch is sent when there is nothing to do but wait."""
        asked = _Asked(self, job)
        self._queue.append(asked)
        if len(self._queue) >= self._config.batch:
            self._send()
        return asked

    def wait(self) -> None:
        """Until an answer has come, a worker is prepared, lost or has taken too long, or for a short while.

        Raises:
            SearchError: when a worker cannot do its duty, when workers are lost again and again, or when none is left
                and none begins.
        """
        self._send()
        preparing = [actor.preparing for actor in self._actors if actor.preparing]
        busy = [reference for actor in self._actors for reference in actor.batches]
        if self.interrupted() and not busy and not any(asked.sent for asked in self._queue):
            return
        done, _ = self._ray.wait([*busy, *preparing], timeout=POLL_S)
        if done or busy:
            self._heard = time.monotonic()
        if time.monotonic() - self._heard > START_S:
            raise SearchError(
                f"no worker has begun for {START_S:g} s: give fewer ray.workers or less to each, or see what has"
                " become of Ray"
            )
        for actor in self._actors:
            for reference in done:
                if reference == actor.preparing:
                    self._begin(actor)
                elif reference in actor.batches:
                    self._answer(actor, reference)
            if self._late_at(actor) <= time.monotonic():
                self._replace(actor, "it took too long")

    def alive(self) -> tuple[int, int]:
        """How many have begun and are not known to be lost, and how many there are to be."""
        return sum(bool(actor.node) for actor in self._actors), len(self._actors)

    def close(self) -> None:
        """Ends the workers, and Ray if it was started here."""
        for actor in self._actors:
            self._ray.kill(actor.handle)
        self._actors.clear()
        if self._owned:
            self._ray.shutdown()
        self._directory.cleanup()

    def _start(self) -> tuple[Any, Any]:
        """The handle of a new actor, and the reference of its answer that it is prepared."""
        resources = dict(text.split("=") for text in self._config.resources)
        handle = (
            self._ray.remote(RayWorker)
            .options(
                num_cpus=self._config.cpus,
                num_gpus=self._config.gpus,
                resources={name: float(amount) for name, amount in resources.items()},
                runtime_env={"env_vars": environment(self._config)},
            )
            .remote(self._duty)
        )
        return handle, handle.prepare.remote(self._loops)

    def _begin(self, actor: _Actor) -> None:
        try:
            node = self._ray.get(actor.preparing)
        except self._ray.exceptions.RayTaskError as error:  # so would another worker say
            raise SearchError(f"the workers cannot begin: {cause(error)}") from None
        except self._ray.exceptions.RayError as error:
            self._replace(actor, cause(error))
            return
        actor.preparing = None
        if self._config.cpus == 1 and actor.node != node:
            taken = {other.core for other in self._actors if other.node == node}
            actor.core = next(core for core in count() if core not in taken)
            actor.handle.pin.remote(actor.core)
        actor.node = node

    def _send(self) -> None:
        """Gives what waits to workers that have room, those that have nothing first, each a fair share."""
        for held in range(BATCHES):
            free = [actor for actor in self._actors if len(actor.batches) == held and not actor.preparing]
            for number, actor in enumerate(free):
                if self._queue and (self._queue[0].sent or not self.interrupted()):
                    self._send_to(actor, math.ceil(len(self._queue) / (len(free) - number)))

    def _send_to(self, actor: _Actor, share: int) -> None:
        """A batch; what has been with a worker that was lost travels alone."""
        batch = [self._queue.popleft()]
        most = min(self._config.batch, share)
        while len(batch) < most and not batch[0].strikes and not self._queue[0].strikes:
            batch.append(self._queue.popleft())
        for asked in batch:
            asked.sent = True
        reference = actor.handle.evaluate.remote([asked.job for asked in batch])
        actor.batches[reference] = batch, time.monotonic()

    def _answer(self, actor: _Actor, reference: Any) -> None:
        try:
            found = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            self._replace(actor, cause(error))
        else:
            self._take(actor, reference, found)

    def _take(self, actor: _Actor, reference: Any, found: list[Evaluation]) -> None:
        batch, _ = actor.batches.pop(reference)
        for asked, evaluation in zip(batch, found, strict=True):
            asked.evaluation = evaluation
        self._lost_in_a_row = 0
        actor.batches = {waiting: (rest, time.monotonic()) for waiting, (rest, _) in actor.batches.items()}

    def _take_what_is_there(self, actor: _Actor) -> None:
        """The answers that a lost worker had given before."""
        there, _ = self._ray.wait(list(actor.batches), num_returns=len(actor.batches), timeout=0)
        for reference in there:
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._take(actor, reference, self._ray.get(reference))

    def _replace(self, actor: _Actor, why: str) -> None:
        """A new worker for one that is lost or late; what it had is tried again, the batch it was at one by one."""
        self._lost_in_a_row += 1
        if self._lost_in_a_row > HOPELESS * len(self._actors):
            raise SearchError(f"workers are lost again and again, at last because: {why}")
        if actor.batches:
            self._take_what_is_there(actor)
        self._ray.kill(actor.handle)
        lost = list(actor.batches.values())
        actor.batches = {}
        actor.handle, actor.preparing = self._start()
        actor.node = ""
        for number, (batch, began) in reversed(list(enumerate(lost))):
            for asked in reversed(batch):
                asked.strikes += number == 0
                if asked.strikes < STRIKES:
                    self._queue.appendleft(asked)
                else:
                    late = time.monotonic() - began >= self._duty.seconds(asked.job)
                    asked.evaluation = Evaluation(TIMED_OUT if late else WORKER_LOST, None, (), error=why)

    def _late_at(self, actor: _Actor) -> float:
        """When a worker has taken so long for the batch that it is at that it must be asleep, or wait for ever."""
        if not actor.batches:
            return math.inf
        batch, began = next(iter(actor.batches.values()))
        return began + PATIENCE * sum(self._duty.seconds(asked.job) for asked in batch)
