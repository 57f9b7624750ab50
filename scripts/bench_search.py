"""What a search costs, end to end, on two cores: the driver, Ray's workers, the journal.

    python scripts/bench_search.py [--children N] [--long N]

The task is the tiny one of bench_evaluator.py: a perceptron on digits, 2,410 weights, batches of 64, 200 steps. The
floor is the bare gradient loop of one training, in blocks of 100 runs, in one pinned process with nothing beside it;
its blocks are timed before, between and after the searches. Searches are warm-started from tuned AdamW.

full steps: one seed, nothing is stopped early. In whole trainings a program that becomes non-finite counts with
the steps it took. early stopping: one seed, every trained program counts. long: the default configuration, three raced
seeds, everything on; `at 90 % hits` is the median of the windows of 2,000 children in which 88 to 92 % of the children
were cache hits. driver: workers that answer at once, with losses drawn from the text of a program.

Prints a table, then the same as JSON. Takes about ten minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from proxy_tasks.environment import pinned, single_threaded, start_jax

single_threaded()

import dsl  # noqa: E402
from proxy_tasks import NON_FINITE, STOPPED_EARLY, TRAINED, Outcome, Trainer, get  # noqa: E402
from search.cache import Cache  # noqa: E402
from search.config import BudgetConfig, Config, FitnessConfig, RayConfig  # noqa: E402
from search.evaluator import Evaluation, score  # noqa: E402
from search.evolution import Progress, evolve  # noqa: E402
from search.journal import FILE_NAME, Child, Journal, Reader  # noqa: E402
from search.together import together  # noqa: E402
from search.workers import Bench, ray  # noqa: E402

CORES = 2
BLOCK, BLOCKS = 100, 6  # runs of the floor
WINDOW = 2_000  # children
START = dsl.known("adamw", learning_rate=0.01, weight_decay=0.1)
ONE_SEED = FitnessConfig(seeds=1)
FULL = FitnessConfig(seeds=1, stop_margins=(math.inf,) * 3)


TASK = "digits,batch=64"
CONFIG = Config(task=TASK, ray=RayConfig(workers=CORES))


def floor_ms() -> list[float]:
    """Milliseconds of the bare gradient loop of one training, a figure for each block, in a process of its own."""
    command = [sys.executable, __file__, "--floor"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def time_floor() -> None:
    """What `floor_ms` asks a process for."""
    pinned(0)
    start_jax()
    from floor import bare_loop

    loop = bare_loop(Trainer(get(CONFIG.task)))
    times = []
    for _ in range(1 + BLOCKS):
        started = time.perf_counter()
        for _ in range(BLOCK):
            loop()
        times.append((time.perf_counter() - started) / BLOCK * 1e3)
    print(json.dumps(times[1:]))


@dataclass(frozen=True)
class Answer:
    """An evaluation that is there."""

    evaluation: Evaluation

    def under_way(self) -> bool:
        """It is there."""
        return True

    ready = under_way

    def result(self) -> Evaluation:
        """It."""
        return self.evaluation


class Instant:
    """Workers that answer at once; about as many programs as on the real task fail, and are stopped early."""

    def submit(self, job: Any) -> Answer:
        """A function of the program's text and the limits."""
        drawn = hashlib.sha256(str(job.program).encode()).digest()
        if drawn[0] < 40:
            return Answer(score((Outcome(NON_FINITE, None, (), 3),)))
        curve = tuple(2.0 - 0.4 * part + (drawn[1] - 40) / 100 for part in range(4))
        for part, threshold in enumerate(job.limits.thresholds):
            if curve[part] > threshold:
                return Answer(score((Outcome(STOPPED_EARLY, None, curve[: part + 1], (20, 50, 100)[part]),)))
        loss = 1 + (drawn[2] * 256 + drawn[3]) / 65536
        return Answer(score((Outcome(TRAINED, loss, curve, 200),) * (1 if loss > job.limits.race else len(job.seeds))))

    def prepare(self, scale: int, trainer: Trainer) -> None:
        """Nothing is trained."""

    def heed(self, interrupted: Any) -> None:
        """Nothing is under way."""

    def wait(self) -> None:
        """Everything is there."""

    def close(self) -> None:
        """There is nothing to end."""


def searched(config: Config, workers: Any) -> dict[str, float]:
    """A search, without what comes before and after; the workers are ended with it."""
    start_jax()
    trainer = Trainer(get(CONFIG.task))
    workers.prepare(1, trainer)
    bench = Bench(1, trainer, workers)
    list(bench.evaluate([START], range(1000, 1000 + 40 * CORES)))  # until all workers have begun
    (first,) = bench.evaluate([START], range(config.fitness.seeds))
    windows = [(time.perf_counter(), 0)]

    def report(progress: Progress) -> None:
        if progress.generated % WINDOW == 0:
            windows.append((time.perf_counter(), progress.trained))

    with tempfile.TemporaryDirectory() as directory:
        journal = Journal(Path(directory))
        journal.record(Child(0, None, None, START, dsl.canonical_hash(START), first, new=True))
        cache = Cache(bench, config.fitness.seeds)
        windows[0] = (time.perf_counter(), 0)
        cpu = time.process_time()
        try:
            (end,) = together([evolve(config, START, first, cache, journal, report)], workers.wait)
            journal.flush()
            seconds, cpu = time.perf_counter() - windows[0][0], time.process_time() - cpu
        finally:
            workers.close()
        reader = Reader(Path(directory))
        steps = sum(outcome.steps for _, found in reader.evaluations() for outcome in found.outcomes)
        journal.close()
        shown = median(seconds_of_show(directory) for _ in range(3))
        size = (Path(directory) / FILE_NAME).stat().st_size
    return {
        "children": end.generated,
        "trained": end.trained,
        "cache hits": 1 - end.trained / end.generated,
        "seconds": seconds,
        "children a second": end.generated / seconds,
        "trained a second": end.trained / seconds,
        "whole trainings a second": steps / trainer.task.steps / seconds,
        "at 90 % hits, children a second": median([*_rates(windows)] or [math.nan]),
        "driver, cores": cpu / seconds,
        "driver, MiB at most": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "journal, MB": size / 1e6,
        "optsearch show, s": shown,
    }


def seconds_of_show(directory: str) -> float:
    """Of the command, from its start to its end."""
    started = time.perf_counter()
    code = f"from search.cli import main; main(['show', {directory!r}])"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=Path(__file__).parents[1])
    return time.perf_counter() - started


def _rates(windows: list[tuple[float, int]]) -> Iterator[float]:
    for (began, before), (ended, after) in zip(windows, windows[1:], strict=False):
        if 0.88 <= 1 - (after - before) / WINDOW <= 0.92:
            yield WINDOW / (ended - began)


def main() -> None:
    """Measures, and prints the table and the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--children", type=int, default=12_000, help="of the short searches (default: %(default)s)")
    parser.add_argument("--long", type=int, default=300_000, help="children of the long one (default: %(default)s)")
    parser.add_argument("--floor", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.floor:
        return time_floor()
    short, long = BudgetConfig(generated=arguments.children), BudgetConfig(generated=arguments.long)
    configs = {
        "full steps": replace(CONFIG, fitness=FULL, budget=short),
        "early stopping": replace(CONFIG, fitness=ONE_SEED, budget=short),
        "long": replace(CONFIG, budget=long),
    }
    floors, rows = floor_ms(), {}
    for name, config in configs.items():
        rows[name] = searched(config, ray(config))
        floors += floor_ms()
    rows["driver"] = searched(replace(CONFIG, budget=BudgetConfig(generated=30_000)), Instant())
    twice = CORES * 1e3 / median(floors)
    for row in rows.values():
        row["trained over twice the floor"] = row["trained a second"] / twice
        row["whole trainings over twice the floor"] = row["whole trainings a second"] / twice
    print(
        f"floor {median(floors):.3f} ms ({min(floors):.3f} to {max(floors):.3f}), twice its rate {twice:.0f} a second"
    )
    print(f"{'':<38}" + "".join(f"{name:>16}" for name in rows))
    for figure in rows["long"]:
        print(f"{figure:<38}" + "".join(f"{row[figure]:>16.3f}" for row in rows.values()))
    print(json.dumps({"floor ms": floors, **rows}, indent=2))


if __name__ == "__main__":
    main()
