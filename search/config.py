"""The configuration of a run: every key, its meaning, its default and its allowed range."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dsl import MutationSettings
from proxy_tasks import CHECKPOINTS


def _key(
    default: Any,
    meaning: str,
    low: float | None = None,
    high: float | None = None,
    empty: bool = False,
    length: int | None = None,
    remedy: str = "",
) -> Any:
    """A field with its meaning and, for a number (or each number of a list), the allowed range, ends included.

    Args:
        default: its value where a configuration has none.
        meaning: for people.
        low: the smallest allowed value.
        high: the largest allowed value.
        empty: whether a list may be.
        length: of a list with a value for each of so many things.
        remedy: what to write instead of a value of another kind.
    """
    metadata = {"meaning": meaning, "low": low, "high": high, "empty": empty, "length": length, "remedy": remedy}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class TuneConfig:
    """The grid over which a known optimizer is tuned on a task before anything is compared with it."""

    learning_rates: tuple[float, ...] = _key(
        (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1), "peak learning rates that are tried", 1e-9, 1e3
    )
    weight_decays: tuple[float, ...] = _key((0.01, 0.1, 1.0), "decoupled weight decays that are tried", 0.0, 1e3)
    seeds: int = _key(3, "seeds the finalists are trained with", 1, 1000)
    finalists: int = _key(4, "points of the grid that are trained with all seeds; the others get one", 1, 10_000)


@dataclass(frozen=True)
class FitnessConfig:
    """How a candidate is scored on the task of the search."""

    seeds: int = _key(3, "seeds a program near the best is trained with; its fitness is their mean", 1, 1000)
    race_margin: float = _key(
        0.1,
        "a program gets its other seeds if its loss with the first, of several tasks their mean, is at most this share"
        " above the best program's",
        0.0,
        100.0,
    )
    stop_margins: tuple[float, ...] = _key(
        (0.3, 0.5, 0.5),
        "a training is stopped at 10, 25 and 50 % if its loss is more than this share above the best program's",
        0.0,
        100.0,
        length=len(CHECKPOINTS),
    )


@dataclass(frozen=True)
class WindowConfig:
    """How far proposals run ahead of results: what makes a search the same with any number of workers."""

    children: int = _key(1024, "children proposed and not yet committed, at most", 1, 1_000_000)
    new: int = _key(128, "of these, children with a hash that no child had before, at most", 1, 1_000_000)


@dataclass(frozen=True)
class RayConfig:
    """Where the workers of `workers: ray` run, and what each needs."""

    address: str = _key("local", "local: this machine alone; auto, or host:port, joins a cluster that is running")
    workers: int = _key(0, "workers; 0 is as many as the cluster has cores for", 0, 100_000)
    cpus: float = _key(1.0, "cores a worker takes", 0.0, 10_000.0)
    gpus: float = _key(0.0, "GPUs a worker takes", 0.0, 1000.0)
    resources: tuple[str, ...] = _key((), "what else a worker takes, each as name=amount", empty=True)
    files: tuple[str, ...] = _key(
        (), "files and directories that the task reads or imports, to be taken to a cluster with its own", empty=True
    )
    batch: int = _key(32, "candidates that travel to a worker together, at most", 1, 100_000)
    deadline_s: float = _key(
        600.0,
        "CPU seconds a candidate may take; its worker is ended then, and at the third time it has failed;"
        " ten times as many on a task ten times as large",
        1.0,
        1e9,
    )


@dataclass(frozen=True)
class BudgetConfig:
    """When evolution stops: at the first limit reached. Limits are totals of the evolution; 0 is no limit."""

    generated: int = _key(20_000, "children; 0 is no limit", 0)
    trained: int = _key(0, "children that are really trained; 0 is no limit", 0)
    seconds: float = _key(
        0.0,
        "wall-clock time, after which what is proposed is still trained; what is found then depends on the machine;"
        " 0 is no limit",
        0.0,
    )
    target: float = _key(0.0, "fitness of the best program, a loss: the search ends at or below; 0 is no limit")
    plateau: int = _key(0, "children without a better one; 0 is no limit", 0)


@dataclass(frozen=True)
class FunnelConfig:
    """Selection of winners on tasks and seeds that the search has not seen."""

    candidates: int = _key(16, "distinct programs that enter, the best by fitness", 1, 10_000)
    fresh_seeds: int = _key(8, "seeds the search has not seen, on the task of the search", 1, 1000)
    survivors: int = _key(
        8, "programs that go on to each larger task, the best by their loss on fresh seeds", 1, 10_000
    )
    scales: tuple[int, ...] = _key((10,), "scales of the task they go on to, in this order", 1, empty=True)
    seeds: int = _key(3, "seeds on each of these larger tasks", 1, 1000)
    tune: TuneConfig = field(
        default_factory=TuneConfig, metadata={"meaning": "grid for AdamW and Lion on the larger tasks"}
    )


@dataclass(frozen=True)
class SimplifyConfig:
    """What `optsearch simplify --tasks` may take away from a program."""

    margin: float = _key(
        0.02,
        "share of the loss that a simpler program may be worse by, as its upper bound, than the given one",
        0.0,
        1.0,
    )
    confidence: float = _key(0.95, "of that bound", 0.5, 0.99)
    seeds: int = _key(48, "fresh seeds it is compared with on the task of the search", 6, 50_000)
    scales: tuple[int, ...] = _key(
        (10,), "scales of the task that have to confirm it, in this order: those above the search's", 1, empty=True
    )
    larger_seeds: int = _key(16, "fresh seeds on each of these", 6, 50_000)
    factors: tuple[float, ...] = _key(
        (1.0,),
        "of the update: at each scale the one that suits its tasks is taken, for a program that was found on others",
        1e-9,
        1e9,
    )


@dataclass(frozen=True)
class Config:
    """A run, as `optsearch run` reads it from YAML."""

    task: str = _key(
        "digits_vit",
        "one that `optsearch tasks` lists, package.module:Class, or path/to/file.py:Class; settings may follow and hold"
        " at every scale (digits_vit,batch=64), and several are joined by ' + ': the fitness is then their mean loss in"
        " units of tuned AdamW's",
    )
    scale: int = _key(1, "scale of the task that programs are searched on", 1)
    seed: int = _key(0, "of the search; repeats and restarts have those that follow", 0, 2**63 - 1)
    repeats: int = _key(1, "independent searches at once, over the same workers, each with the whole budget", 1, 10_000)
    restarts: int = _key(0, "searches after these, each from the best program so far", 0, 10_000)
    reuse: tuple[str, ...] = _key((), "directories of runs whose trainings need not be done again", empty=True)
    machine: str = _key(
        "auto", "what executes programs: native (C++), jax, jit (compiles each), or auto, the fastest there is"
    )
    workers: str = _key(
        "ray",
        "where programs are trained: ray, by a process for each core, or inline, in the search's own process",
        remedy="ray or inline; how many workers Ray has is ray.workers",
    )
    ray: RayConfig = field(default_factory=RayConfig, metadata={"meaning": "the workers of `workers: ray`"})
    start: str = _key("adamw", "program that the population starts as: a known optimizer, or a file")
    population: int = _key(1000, "programs in the population", 2, 10_000_000)
    tournament: int = _key(2, "programs drawn for one tournament", 1)
    mutation: MutationSettings = field(default_factory=MutationSettings, metadata={"meaning": "how children are drawn"})
    fitness: FitnessConfig = field(default_factory=FitnessConfig, metadata={"meaning": "how children are scored"})
    window: WindowConfig = field(default_factory=WindowConfig, metadata={"meaning": "how far proposals run ahead"})
    budget: BudgetConfig = field(default_factory=BudgetConfig, metadata={"meaning": "when evolution stops"})
    tune: TuneConfig = field(default_factory=TuneConfig, metadata={"meaning": "grid for AdamW and Lion on the task"})
    funnel: FunnelConfig = field(default_factory=FunnelConfig, metadata={"meaning": "how winners are selected"})
    simplify: SimplifyConfig = field(
        default_factory=SimplifyConfig, metadata={"meaning": "how far tasks let a program be simplified"}
    )
