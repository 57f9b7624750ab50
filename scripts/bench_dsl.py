"""What a child costs before it is trained: its random stream, mutation, check, liveness and hash, in one process.

    python scripts/bench_dsl.py [--children N]

Medians in microseconds over the children of one parent, from an empty memory on; the last row is a population that
drifts, as that of a search does, so that parents change all the time. `total` is stream + mutate + hash, as a search
calls them: mutate checks what it proposes, and hash looks for what is live. What these two take is shown behind, called
once more. `mean` is the mean of the totals, and shows the children that hold something never met before. Prints a
table, then the same as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import deque
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import dsl
from dsl import mutation, normal
from dsl.checker import is_valid
from search.streams import Streams

SETTINGS = dsl.MutationSettings()
streams = Streams(0)


def forty_statements() -> dsl.Program:
    """A descendant of AdamW with 40 statements, about 13 of them live."""
    program, rng = dsl.optimizers["adamw"], streams(0)
    while len(program) < 40 or not 12 <= len(dsl.live(program)) <= 14:
        child = dsl.mutate(program, rng, dsl.MutationSettings(insert=3.0, max_statements=40))
        if 10 <= len(dsl.live(child)) <= 14:
            program = child
    return program


class Family:
    """The children of one parent."""

    def __init__(self, parent: dsl.Program):
        self.parent = parent

    def next(self, number: int) -> dsl.Program:
        """The parent of the next child."""
        return self.parent

    def add(self, child: dsl.Program) -> None:
        """A child was born."""


class Population(Family):
    """Two hundred programs; each child takes the place of the oldest, whatever it is worth."""

    def __init__(self, start: dsl.Program):
        self.programs = deque([start] * 200, maxlen=200)

    def next(self, number: int) -> dsl.Program:
        """A random one."""
        return self.programs[number * 7919 % 200]

    def add(self, child: dsl.Program) -> None:
        """The oldest goes."""
        self.programs.append(child)


def measure(family: Family, children: int) -> dict[str, float]:
    """Medians in microseconds, the mean of the sum, and the mean number of proposals."""
    normal.forget()
    clock = time.perf_counter
    times = np.empty((children, 5))
    drawn = 0
    for number in range(children):
        parent = family.next(number)
        moments = [clock()]
        rng = streams(number)
        moments.append(clock())
        child = dsl.mutate(parent, rng, SETTINGS)
        moments.append(clock())
        dsl.canonical_hash(child)
        moments.append(clock())
        dsl.check(child)
        moments.append(clock())
        dsl.live(child)
        moments.append(clock())
        times[number] = np.diff(moments) * 1e6
        drawn += proposals(parent, streams(number))
        family.add(child)
    total = times[:, :3].sum(1)
    row = dict(zip(("stream", "mutate", "hash", "check", "live"), np.median(times, axis=0), strict=True))
    row = {"total": np.median(total), "mean": total.mean(), **row, "proposals": drawn / children}
    return {name: round(float(value), 2) for name, value in row.items()}


def proposals(parent: dsl.Program, rng: np.random.Generator) -> int:
    """How many are drawn until one is valid."""
    drawn = 1
    while (found := mutation.draw(parent, rng, SETTINGS)) is None or not is_valid(found[0]):
        drawn += 1
    return drawn


def main() -> None:
    """Measures, and prints the table and the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--children", type=int, default=2000, help="of each row (default: %(default)s)")
    children = parser.parse_args().children
    forty = forty_statements()
    families = {
        f"AdamW ({len(dsl.optimizers['adamw'])} statements)": Family(dsl.optimizers["adamw"]),
        f"{len(forty)} statements, {len(dsl.live(forty))} live": Family(forty),
        "population of 200 that drifts": Population(dsl.optimizers["adamw"]),
    }
    rows = {name: measure(family, children) for name, family in families.items()}
    columns = list(next(iter(rows.values())))
    print(f"{'medians, us':<32}" + "".join(f"{column:>10}" for column in columns))
    for name, row in rows.items():
        print(f"{name:<32}" + "".join(f"{row[column]:>10.2f}" for column in columns))
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
