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
import pickle
import secrets
import shutil
import site
import tempfile
import time
import warnings
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import proxy_tasks
from search.config import Config, RayConfig
from search.errors import SearchError
from search.evaluator import TIMED_OUT, WORKER_LOST, Evaluation
from search.origin import task_file
from search.ray_worker import Duty, Loop, RayWorker, sources_digest
from search.workers import Job

LOCAL, LOOPBACK = "local", "127.0.0.1"
STRIKES = 3  # a program that was with so many workers when they were lost is given up
PATIENCE = 10.0  # a worker is ended after so many times the CPU seconds that it may take: it sleeps, or waits for ever
HOPELESS = 10  # so many workers lost for each of the pool, and no answer in between, are no accident
START_S = 300.0  # a worker has to begin, which is to start Python, JAX and perhaps a compiler
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
        """The evaluation, once it is there."""
        while self.evaluation is None:
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
            self._duty = _duty(config, Path(self._directory.name))
            self._ray, self._owned = _connected(config.ray, self._directory.name)
        except SearchError:
            self._directory.cleanup()
            raise
        self._queue: deque[_Asked] = deque()
        self._lost_in_a_row = 0
        self._loops: list[Loop] = []
        cores = self._ray.cluster_resources().get("CPU", 1.0)
        most = max(1, int(cores / config.ray.cpus if config.ray.cpus else cores))
        self._actors = [_Actor(*self._start()) for _ in range(config.ray.workers or most)]

    def prepare(self, scale: int, trainer: proxy_tasks.Trainer) -> None:
        """Has the workers compile a training loop before they are given jobs of its scale."""
        loop = Loop(scale, trainer.machine.name, trainer.machine.description)
        self._loops.append(loop)
        for actor in self._actors:  # calls of an actor are answered in order
            actor.preparing = actor.handle.prepare.remote([loop])

    def submit(self, job: Job) -> _Asked:
        """Has a program evaluated; what is no full batch is sent when there is nothing to do but wait."""
        asked = _Asked(self, job)
        self._queue.append(asked)
        if len(self._queue) >= self._config.batch:
            self._send()
        return asked

    def wait(self) -> None:
        """Until an answer has come, a worker is prepared or lost, or one has taken too long.

        Raises:
            SearchError: when a worker cannot do its duty, when workers are lost again and again, or when none is left
                and none begins.
        """
        self._send()
        preparing = [actor.preparing for actor in self._actors if actor.preparing]
        busy = [reference for actor in self._actors for reference in actor.batches]
        done, _ = self._ray.wait([*busy, *preparing], timeout=self._until_late() if busy else START_S)
        if not done and not busy:
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
            if any(self._late_at(batch, began) <= time.monotonic() for batch, began in actor.batches.values()):
                self._replace(actor, "it took too long")

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
                runtime_env={"env_vars": _environment(self._config)},
            )
            .remote(self._duty)
        )
        return handle, handle.prepare.remote(self._loops)

    def _begin(self, actor: _Actor) -> None:
        try:
            node = self._ray.get(actor.preparing)
        except self._ray.exceptions.RayTaskError as error:  # so would another worker say
            raise SearchError(f"the workers cannot begin: {_cause(error)}") from None
        except self._ray.exceptions.RayError as error:
            self._replace(actor, _cause(error))
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
                if self._queue:
                    self._send_to(actor, math.ceil(len(self._queue) / (len(free) - number)))

    def _send_to(self, actor: _Actor, share: int) -> None:
        """A batch; what has been with a worker that was lost travels alone."""
        batch = [self._queue.popleft()]
        most = min(self._config.batch, share)
        while len(batch) < most and not batch[0].strikes and not self._queue[0].strikes:
            batch.append(self._queue.popleft())
        for asked in batch:
            asked.sent = True
        reference = actor.handle.evaluate.remote(pickle.dumps([asked.job for asked in batch]))
        actor.batches[reference] = batch, time.monotonic()

    def _answer(self, actor: _Actor, reference: Any) -> None:
        try:
            found = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            self._replace(actor, _cause(error))
        else:
            self._take(actor, reference, found)

    def _take(self, actor: _Actor, reference: Any, found: bytes) -> None:
        batch, _ = actor.batches.pop(reference)
        for asked, evaluation in zip(batch, pickle.loads(found), strict=True):
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

    def _late_at(self, batch: Sequence[_Asked], began: float) -> float:
        """When a batch has taken so long that its worker must be asleep, or wait for ever."""
        return began + PATIENCE * sum(self._duty.seconds(asked.job) for asked in batch)

    def _until_late(self) -> float:
        """Seconds."""
        late = [self._late_at(*batch) for actor in self._actors for batch in actor.batches.values()]
        return max(0.0, min(late) - time.monotonic())


def _duty(config: Config, directory: Path) -> Duty:
    """What the workers are for; what they need on other machines than this is copied into the directory.

    Raises:
        SearchError: for a file that is not below the working directory, and so has no name there.
    """
    task, here = config.task, Path.cwd()
    if config.ray.address != LOCAL:
        file, (_, _, name) = task_file(config.task), config.task.rpartition(":")
        for given in filter(None, (file, *map(Path, config.ray.files))):
            path = given.resolve()
            if not path.is_relative_to(here):
                raise SearchError(f"{given} is not below the working directory {here}: start from one above it")
            target = directory / path.relative_to(here)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copytree(path, target, dirs_exist_ok=True) if path.is_dir() else shutil.copy2(path, target)
            except OSError as error:
                raise SearchError(f"{given} cannot be taken to the workers: {error.strerror}") from None
        task = f"{file.relative_to(here)}:{name}" if file else config.task
    where = str(here) if config.ray.address == LOCAL else ""
    return Duty(task, config.scale, sources_digest(), where, config.ray.deadline_s)


def keep_to_this_machine() -> None:
    """A Ray that is begun here listens on the loopback address alone, and to whoever has a token that nobody is told.

    Has to be called before Ray is imported. Whoever can speak to Ray can run programs.
    """
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # else it takes the address of the machine
    if "RAY_AUTH_MODE" not in os.environ:
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def _connected(config: RayConfig, directory: str) -> tuple[Any, bool]:
    """Ray, and whether it was started here; its workers begin in a copy of the directory."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if config.address == LOCAL:
        keep_to_this_machine()
    import ray

    if ray.is_initialized():
        return ray, False
    # Not in the present directory, for a dsl.py of the user's in it is not what a worker has to import.
    where: dict[str, Any] = {"runtime_env": {"working_dir": directory}}
    if config.address == LOCAL:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        where |= {"num_cpus": max(cores, math.ceil(config.workers * config.cpus)), "_node_ip_address": LOOPBACK}
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
