"""Measures what every built-in task tells apart: the best AdamW and the best Lion of a grid, on each task.

    python scripts/reproduce_tasks.py [TASK...] [--scales 1 10] [--json FILE] [--docs]

Each is tuned over 6 learning rates x 3 weight decays with 3 seeds, and the best point of each is then trained with
fresh seeds, by which it is judged. --docs writes the table into docs/tasks.md. One process a core; a task that
is in FILE already is not measured again, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

LEARNING_RATES = {
    "adamw": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3),
    "lion": (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03),
}
WEIGHT_DECAYS = (0.01, 0.1, 1.0)
TUNING_SEEDS = 3
FRESH_SEEDS = {1: 8, 10: 4}
FIRST_FRESH_SEED = 1000


def measure(name: str, scale: int, core: int) -> dict[str, Any]:
    """A task's row: cost, chance, and what the best of each optimizer come to on fresh seeds."""
    from proxy_tasks.environment import pinned, single_threaded

    single_threaded()
    pinned(core)
    import proxy_tasks

    task = proxy_tasks.get(name, scale)
    started = time.monotonic()
    trainer = proxy_tasks.Trainer(task)
    trainer.prepare()
    compiled = time.monotonic() - started
    row: dict[str, Any] = {"name": name, "scale": scale, "weights": task.size, "steps": task.steps}
    row |= {"compile_s": compiled, "chance": task.chance, "version": task.version}
    for optimizer in LEARNING_RATES:
        row[optimizer] = best(trainer, optimizer, FRESH_SEEDS[scale])
    row["seconds"] = row["adamw"].pop("seconds")
    row["lion"].pop("seconds")
    return row


def best(trainer: Any, optimizer: str, fresh: int) -> dict[str, Any]:
    """The best point of a grid by its mean over the tuning seeds, and its losses on fresh seeds."""
    import dsl
    from proxy_tasks import NEVER

    points = [(lr, decay) for lr in LEARNING_RATES[optimizer] for decay in WEIGHT_DECAYS]
    programs = [dsl.canonical(dsl.known(optimizer, learning_rate=lr, weight_decay=decay)) for lr, decay in points]
    started = time.monotonic()
    losses: list[list[float]] = [[] for _ in points]
    for seed in range(TUNING_SEEDS):
        outcomes = trainer.train_many(programs, seed, [NEVER] * len(programs))
        for found, outcome in zip(losses, outcomes, strict=True):
            found.append(math.inf if outcome.loss is None else outcome.loss)
    seconds = (time.monotonic() - started) / (TUNING_SEEDS * len(programs))
    means = [statistics.mean(found) for found in losses]
    chosen = means.index(min(means))
    rates = LEARNING_RATES[optimizer]
    again = [trainer.train(programs[chosen], FIRST_FRESH_SEED + number) for number in range(fresh)]
    return {
        "learning_rate": points[chosen][0],
        "weight_decay": points[chosen][1],
        "edge": points[chosen][0] in (rates[0], rates[-1]),
        "tuning": means[chosen],
        "losses": [math.inf if outcome.loss is None else outcome.loss for outcome in again],
        "grid": dict(zip(map(str, points), means, strict=True)),
        "seconds": seconds,
    }


def mean_and_error(losses: Sequence[float]) -> tuple[float, float]:
    """Of several losses: mean, and standard error of it."""
    return statistics.mean(losses), statistics.stdev(losses) / math.sqrt(len(losses))


def main() -> None:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*")
    parser.add_argument("--scales", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    from proxy_tasks.registry import TASKS

    rows = []
    with ProcessPoolExecutor(arguments.workers, get_context("spawn")) as pool:
        jobs = [(name, scale) for scale in arguments.scales for name in arguments.tasks or TASKS]
        futures = [pool.submit(measure, *job, n % arguments.workers) for n, job in enumerate(jobs)]
        for future in as_completed(futures):
            row = future.result()
            rows.append(row)
            a, l = (mean_and_error(row[o]["losses"]) for o in ("adamw", "lion"))
            diff = [x - y for x, y in zip(row["adamw"]["losses"], row["lion"]["losses"])]
            d = mean_and_error(diff)
            print(
                f"{row['name']:40s} x{row['scale']:<3d} {row['weights']:7d}w {row['seconds']:7.3f}s compile {row['compile_s']:.1f} chance {row['chance']:.3f} "
                f"adamw {a[0]:.4f}+-{a[1]:.4f} ({row['adamw']['learning_rate']:g},{row['adamw']['weight_decay']:g}{'!' if row['adamw']['edge'] else ''}) "
                f"lion {l[0]:.4f}+-{l[1]:.4f} ({row['lion']['learning_rate']:g},{row['lion']['weight_decay']:g}{'!' if row['lion']['edge'] else ''}) diff {d[0]:.4f}+-{d[1]:.4f} = {100 * d[0] / a[0]:.1f}% z {d[0] / d[1]:.1f}",
                flush=True,
            )
            if arguments.json:
                arguments.json.write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
