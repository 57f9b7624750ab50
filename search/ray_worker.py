"""What a Ray actor of a search does: train batches of programs on a task, in a process of its own.

The driver's half is `search/ray_workers.py`. This module imports JAX only once the environment is set.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.errors import SearchError

if TYPE_CHECKING:
    from search.evaluator import Evaluation
    from search.workers import Job

ROOMS = ("dsl", "proxy_tasks", "search")
QUEUE_S = 0.5  # what is short goes in queues of about this length: the deadline of one program is for all of a queue


@dataclass(frozen=True)
class Duty:
    """What a worker is for.

    Attributes:
        task: as `proxy_tasks.get_all` takes it.
        scale: of the search.
        sources: `sources_digest()` of the driver.
        directory: to work in; "" stays where Ray put it.
        deadline_s: CPU seconds that a program may take at the scale of the search.
    """

    task: str
    scale: int
    sources: str
    directory: str
    deadline_s: float

    def seconds(self, job: Job) -> float:
        """CPU seconds that a job may take; the process is ended then. A scale is a cost."""
        return self.deadline_s * max(1.0, job.scale / self.scale)


@dataclass(frozen=True)
class Loop:
    """How programs are trained at one scale of the task.

    Attributes:
        scale: of the task.
        machine: what executes programs, resolved: "native", "jax" or "jit".
        description: of that machine; every worker must come to the same.
        version: of the task; likewise.
        references: of several tasks, the losses that theirs are in units of; none yet, while AdamW is tuned on each.
    """

    scale: int
    machine: str
    description: str
    version: str
    references: tuple[float, ...] = ()


class RayWorker:
    """Holds the compiled training loops of a task.

    Args:
        duty: what it is for.
    """

    def __init__(self, duty: Duty):
        self.duty = duty
        self.trainers: dict[int, Any] = {}
        self.longest: dict[int, float] = {}  # scale -> seconds that an evaluation may be expected to take

    def prepare(self, loops: Sequence[Loop]) -> str:
        """Compiles training loops.

        Returns:
            The node it runs on.

        Raises:
            SearchError: where programs would be trained otherwise than by the driver.
        """
        import ray

        if sources_digest() != self.duty.sources:
            raise SearchError(
                f"the worker runs another optsearch ({Path(__file__).parent}): install the driver's version on its node"
            )
        if self.duty.directory:
            os.chdir(self.duty.directory)
        from proxy_tasks.environment import single_threaded, start_jax

        single_threaded()
        start_jax()
        for loop in loops:
            self._compile(loop)
        return ray.get_runtime_context().get_node_id()

    def _compile(self, loop: Loop) -> None:
        import proxy_tasks

        allow_cpu_seconds(math.inf)
        if loop.references and loop.scale in self.trainers:
            self.trainers[loop.scale] = self.trainers[loop.scale].relative_to(loop.references)
            return
        trainer: Any = proxy_tasks.trainer_of(proxy_tasks.get_all(self.duty.task, loop.scale), loop.machine)
        if trainer.machine.description != loop.description:
            raise SearchError(
                f"a worker would train by {trainer.machine.description}, the driver by {loop.description}:"
                " give workers of one kind of machine, or machine: jax"
            )
        if trainer.task.version != loop.version:
            raise SearchError(
                f"a worker has {trainer.task.name} x{loop.scale} in version {trainer.task.version}, the driver in"
                f" {loop.version}: let all have the same code and data"
            )
        trainer.prepare()
        self.trainers[loop.scale] = trainer.relative_to(loop.references) if loop.references else trainer

    def pin(self, core: int) -> None:
        """Keeps the process on one core."""
        from proxy_tasks.environment import pinned

        pinned(core)

    def process(self) -> int:
        """Its process id."""
        return os.getpid()

    def evaluate(self, jobs: Sequence[Job]) -> list[Evaluation]:
        """The evaluation of each job."""
        found: list[Evaluation] = []
        while len(found) < len(jobs):
            found += self._evaluate(self._queue(jobs[len(found) :]))
        return found

    def _queue(self, jobs: Sequence[Job]) -> list[Job]:
        """The first jobs that are alike, as many as are done in about QUEUE_S."""
        first = jobs[0]
        most = max(1, int(QUEUE_S / self.longest.get(first.scale, QUEUE_S)))
        alike = takewhile(lambda job: (job.scale, job.seeds) == (first.scale, first.seeds), jobs)
        return list(islice(alike, most))

    def _evaluate(self, jobs: Sequence[Job]) -> list[Evaluation]:
        from search.evaluator import evaluate_many

        scale, seeds = jobs[0].scale, jobs[0].seeds
        allow_cpu_seconds(self.duty.seconds(jobs[0]) + len(jobs) * self.longest.get(scale, 0.0))
        programs, limits = [job.program for job in jobs], [job.limits for job in jobs]
        done = evaluate_many(self.trainers[scale], programs, seeds, limits)
        # The first of a larger program is compiled for seconds: it is not for ever that such are expected.
        self.longest[scale] = max([1e-4, self.longest.get(scale, 0.0) / 2, *(found.seconds for found in done)])
        return [replace(evaluation, worker=f"{os.uname().nodename}:{os.getpid()}") for evaluation in done]


def allow_cpu_seconds(seconds: float) -> None:
    """Has the kernel end the process, whatever code it is in, once it has taken so much more processor time."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    limit = resource.RLIM_INFINITY if seconds == math.inf else int(time.process_time() + seconds) + 1
    allowed = [given for given in (limit, most) if given != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_CPU, (min(allowed, default=resource.RLIM_INFINITY), most))


def sources_digest() -> str:
    """Over the source files of the packages that are imported here."""
    root, digest = Path(__file__).resolve().parents[1], hashlib.sha256()
    for room in ROOMS:
        for file in sorted((root / room).rglob("*")):
            if file.suffix in (".py", ".cc", ".h"):
                digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
