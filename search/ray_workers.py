"""Where programs are trained: Ray actors, one a core, on this machine or on a cluster.

What they find is a function of program, task and limits; how many there are, how fast, and which of them die makes no
difference but to the time. A batch whose worker is lost is tried again one by one; a program that loses its worker
three times is a failure with a type.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import site
import tempfile
import time
import warnings
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dsl
from search.config import RayConfig
from search.errors import SearchError
from search.evaluator import TIMED_OUT, WORKER_LOST, Evaluation, Limits
from search.ray_worker import Duty, RayWorker

LOCAL = "local"
STRIKES = 3  # a program that was with so many workers when they were lost is given up
PATIENCE = 10.0  # a worker is ended after so many times the CPU seconds that it may take: it sleeps, or waits for ever
HOPELESS = 10  # so many workers lost for each of the pool, and no answer in between, are no accident
START_S = 300.0  # a worker has to begin, which is to start Python, JAX and perhaps a compiler
BATCHES = 2  # each worker has at most so many batches, so that it need not wait for the driver


@dataclass(eq=False)
class _Asked:
    """An evaluation that was asked for."""

    pool: RayWorkers
    program: dsl.Program
    limits: Limits
    strikes: int = 0
    sent: bool = False
    evaluation: Evaluation | None = None

    def under_way(self) -> bool:
        """Whether a worker has it, or has had it."""
        return self.sent

    def result(self) -> Evaluation:
        """The evaluation, once it is there."""
        while self.evaluation is None:
            self.pool.wait()
        return self.evaluation


@dataclass(eq=False)
class _Actor:
    """A worker.

    Attributes:
        handle: of the Ray actor.
        core: that it is pinned to, counted on its node.
        beginning: reference of its first answer; None once it is there. It may wait for room that is never made.
        batches: reference of the answer -> the programs, and when they began at the latest, in the order of sending.
    """

    handle: Any
    beginning: Any
    core: int = 0
    batches: dict[Any, tuple[list[_Asked], float]] = field(default_factory=dict)


class RayWorkers:
    """A pool of actors; `close` ends them.

    Args:
        duty: what each is for.
        config: where they run, how many, and what each needs.

    Raises:
        SearchError: when Ray cannot be had, or a worker cannot do its duty.
    """

    def __init__(self, duty: Duty, config: RayConfig):
        self._duty, self._config = duty, config
        self._empty = tempfile.TemporaryDirectory(prefix="optsearch-")
        try:
            self._ray, self._owned = _connected(config, self._empty.name)
        except SearchError:
            self._empty.cleanup()
            raise
        self._queue: deque[_Asked] = deque()
        self._lost_in_a_row = 0
        cores = self._ray.cluster_resources().get("CPU", 1.0)
        count = config.workers or max(1, int(cores / config.cpus if config.cpus else cores))
        self._actors = [_Actor(*self._start()) for _ in range(count)]
        try:
            self._distribute()
        except SearchError:
            self.close()
            raise

    def submit(self, program: dsl.Program, limits: Limits) -> _Asked:
        """Has a canonical program evaluated."""
        asked = _Asked(self, program, limits)
        self._queue.append(asked)
        self._send()
        return asked

    def wait(self) -> None:
        """Until an answer has come, a worker has begun or is lost, or one has taken too long.

        Raises:
            SearchError: when workers are lost again and again, or none is left and none begins.
        """
        beginning = [actor.beginning for actor in self._actors if actor.beginning]
        busy = [reference for actor in self._actors for reference in actor.batches]
        done, _ = self._ray.wait([*busy, *beginning], timeout=self._until_late() if busy else START_S)
        if not done and not busy:
            raise SearchError(f"no worker is left, and none has begun for {START_S:g} s: see what has become of Ray")
        for actor in self._actors:
            for reference in done:
                if reference == actor.beginning:
                    self._begin(actor)
                elif reference in actor.batches:
                    self._answer(actor, reference)
            if any(self._late_at(batch, began) <= time.monotonic() for batch, began in actor.batches.values()):
                self._replace(actor, "it took too long")
        self._send()

    def close(self) -> None:
        """Ends the workers, and Ray if it was started here."""
        for actor in self._actors:
            self._ray.kill(actor.handle)
        self._actors.clear()
        if self._owned:
            self._ray.shutdown()
        self._empty.cleanup()

    def _start(self) -> tuple[Any, Any]:
        """The handle of a new actor, and the reference of its first answer."""
        resources = dict(text.split("=") for text in self._config.resources)
        handle = (
            self._ray.remote(RayWorker)
            .options(
                num_cpus=self._config.cpus,
                num_gpus=self._config.gpus,
                resources={name: float(amount) for name, amount in resources.items()},
                runtime_env={"env_vars": _environment(self._config)},
            )
            .remote(self._duty)
        )
        return handle, handle.node.remote()

    def _distribute(self) -> None:
        """Waits until all have begun, and gives each a core of its node."""
        answers = [actor.beginning for actor in self._actors]
        done, waiting = self._ray.wait(answers, num_returns=len(answers), timeout=START_S)
        if waiting:
            raise SearchError(
                f"{len(done)} of {len(answers)} workers began within {START_S:g} s:"
                " give fewer ray.workers, or less to each"
            )
        try:
            nodes = self._ray.get(answers)
        except self._ray.exceptions.RayError as error:
            raise SearchError(f"the workers cannot begin: {_cause(error)}") from None
        for number, (actor, node) in enumerate(zip(self._actors, nodes, strict=True)):
            actor.core = nodes[:number].count(node)
            self._begin(actor)

    def _begin(self, actor: _Actor) -> None:
        try:
            self._ray.get(actor.beginning)
        except self._ray.exceptions.RayError as error:
            self._replace(actor, _cause(error))
            return
        actor.beginning = None
        if self._config.cpus == 1:
            actor.handle.pin.remote(actor.core)

    def _send(self) -> None:
        """Gives what waits to workers that have room, those that have nothing first."""
        for held in range(BATCHES):
            for actor in self._actors:
                if self._queue and len(actor.batches) == held and not actor.beginning:
                    self._send_to(actor)

    def _send_to(self, actor: _Actor) -> None:
        """A fair share of what waits; what has been with a worker that was lost travels alone."""
        most = min(self._config.batch, math.ceil(len(self._queue) / len(self._actors)))
        batch = [self._queue.popleft()]
        while len(batch) < most and not batch[0].strikes and not self._queue[0].strikes:
            batch.append(self._queue.popleft())
        for asked in batch:
            asked.sent = True
        reference = actor.handle.evaluate.remote([(asked.program, asked.limits) for asked in batch])
        actor.batches[reference] = batch, time.monotonic()

    def _answer(self, actor: _Actor, reference: Any) -> None:
        try:
            found = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            self._replace(actor, _cause(error))
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
        actor.handle, actor.beginning = self._start()
        for number, (batch, began) in reversed(list(enumerate(lost))):
            for asked in reversed(batch):
                asked.strikes += number == 0
                if asked.strikes < STRIKES:
                    self._queue.appendleft(asked)
                else:
                    late = time.monotonic() - began >= self._duty.deadline_s
                    asked.evaluation = Evaluation(TIMED_OUT if late else WORKER_LOST, None, (), error=why)

    def _late_at(self, batch: Sequence[_Asked], began: float) -> float:
        """When a batch has taken so long that its worker must be asleep, or wait for ever."""
        return began + PATIENCE * self._duty.deadline_s * len(batch)

    def _until_late(self) -> float:
        """Seconds."""
        late = [self._late_at(*batch) for actor in self._actors for batch in actor.batches.values()]
        return max(0.0, min(late) - time.monotonic())


def _connected(config: RayConfig, empty: str) -> tuple[Any, bool]:
    """Ray, and whether it was started here; its workers begin in an empty directory."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if config.address == LOCAL:
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # it is bound to this machine
    import ray

    if ray.is_initialized():
        return ray, False
    # In an empty directory, for a dsl.py of the user's in the present one is not what a worker has to import.
    where: dict[str, Any] = {"runtime_env": {"working_dir": empty}}
    if config.address == LOCAL:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        where |= {"num_cpus": max(cores, math.ceil(config.workers * config.cpus)), "_node_ip_address": "127.0.0.1"}
    else:
        where |= {"address": config.address}
    try:
        with warnings.catch_warnings():  # JAX warns of processes that are begun beside it; Ray's do not use it
            warnings.simplefilter("ignore", RuntimeWarning)
            ray.init(
                include_dashboard=False if config.address == LOCAL else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
                **where,
            )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise SearchError(f"there is no cluster at ray.address {config.address} ({_cause(error)})") from None
    return ray, True


def _environment(config: RayConfig) -> dict[str, str]:
    """Of a worker, before it imports anything."""
    root = str(Path(__file__).resolve().parents[1])
    installed = root in site.getsitepackages()  # a worker finds it there, too
    kept = {name: os.environ[name] for name in ("XDG_CACHE_HOME", "CXX", "JAX_PLATFORMS") if name in os.environ}
    path = os.pathsep.join(filter(None, ["" if installed else root, os.environ.get("PYTHONPATH")]))
    return {"NPROC": "1", **kept, **({} if config.gpus else {"JAX_PLATFORMS": "cpu"}), "PYTHONPATH": path}


def _cause(error: Exception) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
