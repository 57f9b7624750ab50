"""What a candidate costs, in units of the bare gradient loop, on a tiny and on a small task.

    python scripts/bench_evaluator.py [--candidates N]

The floor is the same number of steps of the gradient with a trivial update, jitted, timed in blocks of 100 runs. All
is measured in one process on one pinned core; each figure is the median of four rounds in which everything has its
turn, so that a busy machine slows all alike. Prints a table, then the same as JSON. Takes about twenty minutes.

tiny: a perceptron on digits, 2,410 weights, batches of 64; small: a vision transformer on digits, 39,600 weights,
batches of 32; both 200 steps. Candidates are mutants of tuned AdamW in canonical form; encoding and the score on the
validation data count.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from proxy_tasks.environment import pinned, single_threaded, start_jax

single_threaded()
pinned(0)
start_jax()

import jax  # noqa: E402
import numpy as np  # noqa: E402
from floor import bare_loop  # noqa: E402

import dsl  # noqa: E402
import proxy_tasks  # noqa: E402
from dsl.vm.native.build import library  # noqa: E402
from proxy_tasks import NEVER, TRAINED, Outcome, Trainer  # noqa: E402
from search.config import FitnessConfig  # noqa: E402
from search.evaluator import score  # noqa: E402
from search.population import Individual, Population  # noqa: E402
from search.streams import Streams  # noqa: E402

BLOCK = 100  # runs of the floor
ROUNDS = 4
TASKS = {
    "tiny": "digits,batch=64",
    "small": "digits_vit,width=40,layers=2,heads=4,patch=2,steps=200,batch=32",
}
streams = Streams(0)


def adamw() -> dsl.Program:
    """The warm start."""
    return dsl.known("adamw", learning_rate=0.01, weight_decay=0.1)


def mutants(count: int, most: int) -> list[dsl.Program]:
    """Canonical programs of different hashes, 1 to `most` mutations away from AdamW."""
    found: dict[str, dsl.Program] = {}
    number = 0
    while len(found) < count:
        program, rng = adamw(), streams(number)
        for _ in range(1 + number % most):
            program = dsl.mutate(program, rng)
        found.setdefault(dsl.canonical_hash(program), dsl.canonical(program))
        number += 1
    return list(found.values())


def seconds(work: Callable[[], object]) -> float:
    """Of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def trained(trainer: Trainer, programs: list[dsl.Program], thresholds: tuple[float, ...] = NEVER) -> list[Outcome]:
    """As a worker trains what is short: by queues."""
    return trainer.train_many(programs, 0, [thresholds] * len(programs))


def full_steps(trainers: dict[str, Trainer], bare: Callable, programs: list[dsl.Program]) -> dict[str, float]:
    """Native and jax over the floor: programs that reach the last step, in rounds beside a block of the floor."""
    programs = [p for p in programs if trainers["native"].train(p).steps == trainers["native"].task.steps]
    for trainer in trainers.values():
        trainer.train(programs[0])
    ratios: dict[str, list[float]] = {name: [] for name in trainers}
    floors: list[float] = []
    for part in np.array_split(np.arange(len(programs)), ROUNDS):
        floors.append(seconds(lambda: [bare() for _ in range(BLOCK)]) / BLOCK)
        for name, trainer in trainers.items():
            taken = seconds(lambda part=part, trainer=trainer: trained(trainer, [programs[i] for i in part]))
            ratios[name].append(taken / len(part) / floors[-1])
    return {"floor_ms": median(floors) * 1e3, "programs": len(programs), **{n: median(r) for n, r in ratios.items()}}


def compiled(trainer: Trainer, programs: list[dsl.Program], floor_s: float) -> float:
    """The jit machine over the floor: each program is compiled for itself."""
    return median([seconds(lambda program=program: trainer.train(program)) for program in programs]) / floor_s


def stopped_early(trainer: Trainer, programs: list[dsl.Program], bare: Callable) -> dict[str, float]:
    """Mutants with the thresholds of their parent: what they cost, and what is kept of those that beat it."""
    start = dsl.canonical(adamw())
    evaluation = score((trainer.train(start),))
    assert evaluation.fitness is not None
    thresholds = Population(Individual(0, start, evaluation.fitness), evaluation, 2).limits(FitnessConfig()).thresholds
    full = trained(trainer, programs)
    ratios = []
    kept = better = 0
    for part in np.array_split(np.arange(len(programs)), ROUNDS):
        floor_s = seconds(lambda: [bare() for _ in range(BLOCK)]) / BLOCK
        stopped = []
        taken = seconds(
            lambda part=part, stopped=stopped: stopped.extend(trained(trainer, [programs[i] for i in part], thresholds))
        )
        ratios.append(taken / len(part) / floor_s)
        for i, outcome in zip(part, stopped, strict=True):
            assert outcome.kind != TRAINED or outcome == full[i]  # a survivor has the bits of the full training
            if full[i].loss is not None and full[i].loss < evaluation.fitness:
                better += 1
                kept += outcome == full[i]
    return {"early stopping": median(ratios), "better than the parent": better, "of these kept": kept / max(better, 1)}


def memory(trainer: Trainer, count: int) -> dict[str, float]:
    """What thousands of programs leave in the process, after the first of each size of machine."""
    programs = mutants(count + 200, 6)
    for program in programs[:200]:
        trainer.train(program, 0, (0.0, 0.0, 0.0))
    loops, before = _compiled_loops(trainer), _resident_mib()
    for program in programs[200:]:
        trainer.train(program, 0, (0.0, 0.0, 0.0))  # stopped at the first checkpoint
    return {"programs": count, "compiled": _compiled_loops(trainer) - loops, "MiB more": _resident_mib() - before}


def _compiled_loops(trainer: Trainer) -> int:
    return sum(loop._cache_size() for _, loop in trainer._loops.values())


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    """Measures, and prints the table and the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--candidates", type=int, default=320, help="of each row (default: %(default)s)")
    parser.add_argument("--compiled", type=int, default=8, help="candidates of the jit machine (default: %(default)s)")
    parser.add_argument("--memory", type=int, default=5000, help="programs of the last row (default: %(default)s)")
    arguments = parser.parse_args()
    rows: dict[str, dict[str, float]] = {}
    for label, name in TASKS.items():
        task = proxy_tasks.get(name)
        trainers = {machine: Trainer(task, machine=machine) for machine in ("native", "jax")}
        bare = bare_loop(trainers["native"])
        found = full_steps(trainers, bare, mutants(arguments.candidates, 6))
        jit = compiled(Trainer(task, machine="jit"), mutants(arguments.compiled, 6), found["floor_ms"] / 1e3)
        rows[f"{label}, {task.size} weights"] = {
            **found,
            "jit": jit,
            "jit over native": jit / found["native"],
            **stopped_early(trainers["native"], mutants(arguments.candidates, 1), bare),
        }
        if label == "tiny":
            rows["memory"] = memory(trainers["native"], arguments.memory)
    print(f"native: {library().instruction_set}, {library().compiler}; jax {jax.__version__}")
    for label, row in rows.items():
        print(f"{label}:")
        for what, figure in row.items():
            print(f"    {what:<24} {figure:10.3f}")
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
