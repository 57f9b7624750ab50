"""What a Ray actor of a search does: train batches of programs on one task, in a process of its own.

The driver's half is `search/ray_workers.py`. This module imports JAX only once the environment is set.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from search.errors import SearchError

ROOMS = ("dsl", "proxy_tasks", "search")


@dataclass(frozen=True)
class Duty:
    """What a worker is for.

    Attributes:
        task: as `proxy_tasks.get` takes it.
        scale: of the task.
        machine: what executes programs, resolved: "native", "jax" or "jit".
        description: of that machine; every worker must come to the same.
        seeds: that a program near the best is trained with.
        sources: `sources_digest()` of the driver.
        directory: to work in; "" stays where Ray put it.
        deadline_s: CPU seconds a program may take; the process is ended then.
    """

    task: str
    scale: int
    machine: str
    description: str
    seeds: tuple[int, ...]
    sources: str
    directory: str
    deadline_s: float


class RayWorker:
    """Holds the compiled training loop of a task.

    Args:
        duty: what it is for.

    Raises:
        SearchError: where programs would be trained otherwise than by the driver.
    """

    def __init__(self, duty: Duty):
        if sources_digest() != duty.sources:
            raise SearchError(
                f"the worker runs another optsearch ({Path(__file__).parent}): install the driver's version on its node"
            )
        if duty.directory:
            os.chdir(duty.directory)
        from proxy_tasks.environment import single_threaded, start_jax

        single_threaded()
        start_jax()
        import proxy_tasks

        self.duty = duty
        self.trainer = proxy_tasks.Trainer(proxy_tasks.get(duty.task, scale=duty.scale), machine=duty.machine)
        if self.trainer.machine.description != duty.description:
            raise SearchError(
                f"a worker would train by {self.trainer.machine.description}, the driver by {duty.description}:"
                " give workers of one kind of machine, or machine: jax"
            )
        self.trainer.prepare()

    def node(self) -> str:
        """The node it runs on; it is ready once it answers."""
        import ray

        return ray.get_runtime_context().get_node_id()

    def pin(self, core: int) -> None:
        """Keeps the process on one core."""
        from proxy_tasks.environment import pinned

        pinned(core)

    def process(self) -> int:
        """Its process id."""
        return os.getpid()

    def evaluate(self, batch: Sequence[tuple[Any, Any]]) -> list[Any]:
        """The evaluation of each (canonical program, limits)."""
        return [self._evaluate(program, limits) for program, limits in batch]

    def _evaluate(self, program: Any, limits: Any) -> Any:
        from search.evaluator import evaluate

        allow_cpu_seconds(self.duty.deadline_s)
        found = evaluate(self.trainer, program, self.duty.seeds, limits)
        return replace(found, worker=f"{os.uname().nodename}:{os.getpid()}")


def allow_cpu_seconds(seconds: float) -> None:
    """Has the kernel end the process, whatever code it is in, once it has taken so much more processor time."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    limit = int(time.process_time() + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))


def sources_digest() -> str:
    """Over the source files of the packages that are imported here."""
    root, digest = Path(__file__).resolve().parents[1], hashlib.sha256()
    for room in ROOMS:
        for file in sorted((root / room).rglob("*")):
            if file.suffix in (".py", ".cc", ".h"):
                digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
