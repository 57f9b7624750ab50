"""What each built-in task tells apart: the best AdamW and the best Lion of a grid. Writes the table of docs/tasks.md.

    python scripts/reproduce_tasks.py [NAME...] [--scales 1 10] [--out FILE] [--workers N] [--docs]

Each optimizer is tuned over 5 learning rates x 3 weight decays with 3 seeds, and over more where the best lies at an
end of these; the best point is then trained with seeds that tuning has not seen, and judged by these. Every row goes
into FILE as soon as it is there, and what FILE has of the same version is not measured again. --docs writes the table
of FILE into docs/tasks.md and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, ThreadPoolExecutor, wait
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

RATES = (0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
DECAYS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
FIRST_RATES = range(2, 7)  # places in RATES
FIRST_DECAYS = {"adamw": range(4, 7), "lion": range(5, 8)}  # places in DECAYS
TUNING_SEEDS = 3
FRESH_SEEDS = {1: 16, 10: 6}
FIRST_FRESH_SEED = 1000
DOCS = ROOT / "docs" / "tasks.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"

Row = dict[str, Any]


def measure(name: str, scale: int, core: int) -> Row:
    """The row of a task: what it costs, what chance comes to, and what the best of each optimizer do."""
    from proxy_tasks.environment import pinned, single_threaded, start_jax

    single_threaded()
    pinned(core)
    start_jax()
    import proxy_tasks

    task = proxy_tasks.get(name, scale)
    trainer = proxy_tasks.Trainer(task)
    trainer.prepare()
    row = {"task": name, "scale": scale, "weights": task.size, "steps": task.steps, "chance": task.chance}
    row["version"] = task.version
    return row | {optimizer: best(trainer, optimizer, FRESH_SEEDS[scale]) for optimizer in FIRST_DECAYS}


def in_a_process(core: int, jobs: Iterator[tuple[str, int]]) -> tuple[int, Row] | None:
    """The core, and the row of the next job, from a process of its own; None if there is no more."""
    job = next(jobs, None)
    if job is None:
        return None
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return core, pool.submit(measure, *job, core).result()


def best(trainer: Any, optimizer: str, fresh: int) -> Row:
    """The best point of a grid by its mean over the tuning seeds, and its losses with fresh seeds."""
    import dsl
    from proxy_tasks import NEVER

    def program(rate: int, decay: int) -> dsl.Program:
        return dsl.canonical(dsl.known(optimizer, learning_rate=RATES[rate], weight_decay=DECAYS[decay]))

    rates, decays = FIRST_RATES, FIRST_DECAYS[optimizer]
    means: dict[tuple[int, int], float] = {}
    while new := [point for point in product(rates, decays) if point not in means]:
        programs, never = [program(*point) for point in new], [NEVER] * len(new)
        outcomes = [trainer.train_many(programs, seed, never) for seed in range(TUNING_SEEDS)]
        means |= {point: statistics.mean(map(loss_of, found)) for point, *found in zip(new, *outcomes, strict=True)}
        rate, decay = chosen = min(means, key=means.__getitem__)
        rates, decays = grown(rates, rate, len(RATES)), grown(decays, decay, len(DECAYS))
    started = time.monotonic()
    found = [trainer.train(program(*chosen), FIRST_FRESH_SEED + number) for number in range(fresh)]
    return {
        "learning_rate": RATES[rate],
        "weight_decay": DECAYS[decay],
        "points": len(means),
        "losses": [loss_of(outcome) for outcome in found],
        "seconds": (time.monotonic() - started) / fresh,
    }


def loss_of(outcome: Any) -> float:
    """Infinite, if the training failed."""
    return math.inf if outcome.loss is None else outcome.loss


def grown(places: range, best: int, end: int) -> range:
    """Places with one more where the best is the first or the last of them; all lie below `end`."""
    return range(max(0, min(places.start, best - 1)), min(end, max(places.stop, best + 2)))


def table(rows: Sequence[Row]) -> list[str]:
    """Rows as a table in Markdown."""
    lines = [
        "| task | weights, steps | a training | chance | AdamW | of chance | at | Lion | at | Lion's gain |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | --- | ---: |",
    ]
    for row in rows:
        adamw, lion = row["adamw"], row["lion"]
        losses, baseline = np.array(lion["losses"]), np.array(adamw["losses"])
        cells = [
            f"{row['task']} x{row['scale']}",
            f"{row['weights']:,}, {row['steps']:,}",
            f"{adamw['seconds']:.2g} s",
            f"{row['chance']:.3f}",
            "{:.4f} +- {:.4f}".format(*mean_and_error(adamw["losses"])),
            f"{np.mean(baseline) / row['chance']:.0%}" if row["chance"] > 0 else "-",
            place(adamw),
            "{:.4f} +- {:.4f}".format(*mean_and_error(lion["losses"])),
            place(lion),
            shares(baseline - losses, baseline),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def place(found: Row) -> str:
    """Learning rate and weight decay, with a star for what lies at an end of all that could be tried."""
    values = found["learning_rate"], found["weight_decay"]
    ends = [(grid[0], grid[-1]) for grid in (RATES, DECAYS)]
    return ", ".join(f"{value:g}{'*' if value in end else ''}" for value, end in zip(values, ends, strict=True))


def mean_and_error(numbers: Any) -> tuple[float, float]:
    """Mean, and its standard error; not numbers, or infinite, where a training failed."""
    return float(np.mean(numbers)), float(np.std(numbers, ddof=1) / math.sqrt(len(numbers)))


def shares(numbers: np.ndarray, losses: np.ndarray) -> str:
    """Mean and standard error of numbers as shares of losses; a dash where one of these is not above 0 and finite."""
    if not ((losses > 0) & np.isfinite(losses)).all():
        return "-"
    return "{:+.1%} +- {:.1%}".format(*mean_and_error(numbers / losses))


def write_docs(lines: Sequence[str]) -> None:
    """Puts the table between its marks."""
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCS.write_text(before + BEGIN + "\n".join(lines) + "\n" + END + after, encoding="utf-8")


def main() -> None:
    """Measures what is missing, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="tasks, with settings if you like (default: all)")
    parser.add_argument("--scales", type=int, nargs="+", default=list(FRESH_SEEDS), choices=FRESH_SEEDS)
    parser.add_argument("--out", type=Path, default=ROOT / "tasks.json", metavar="FILE", help="rows as JSON")
    parser.add_argument("--workers", type=int, default=2, help="processes, each on a core of its own")
    parser.add_argument("--docs", action="store_true", help="write the table of FILE into docs/tasks.md")
    arguments = parser.parse_args()
    from proxy_tasks import TASKS, get

    rows: list[Row] = json.loads(arguments.out.read_text()) if arguments.out.exists() else []
    names = arguments.names or list(TASKS)
    if not arguments.docs:
        have = {(row["task"], row["scale"], row["version"]) for row in rows}
        jobs = iter([job for job in product(names, arguments.scales) if (*job, get(*job).version) not in have])
        with ThreadPoolExecutor(arguments.workers) as pool:
            working = {pool.submit(in_a_process, core, jobs) for core in range(arguments.workers)}
            while working:
                done, working = wait(working, return_when=FIRST_COMPLETED)
                for core, row in filter(None, (future.result() for future in done)):
                    working.add(pool.submit(in_a_process, core, jobs))
                    rows = [other for other in rows if (other["task"], other["scale"]) != (row["task"], row["scale"])]
                    rows.append(row)
                    arguments.out.write_text(json.dumps(rows, indent=1))
                    print(table(rows[-1:])[-1], flush=True)
    known = list(TASKS)
    rows.sort(key=lambda row: (known.index(row["task"]) if row["task"] in known else len(known), row["scale"]))
    lines = table(rows)
    print("\n".join(lines))
    if arguments.docs:
        write_docs(lines)


if __name__ == "__main__":
    main()
