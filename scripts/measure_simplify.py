"""What the stages of simplification that need no task do to programs of real searches.

    python scripts/measure_simplify.py DIR... [--programs N] [--json FILE]

Takes N distinct programs (by hash) that trained from the journals of these runs, the same number of each: half of its
best quarter, half of the rest. For each stage it prints how many programs it has changed and how far it has led their
weights apart in float64, in units of their way (`dsl/agreement.py`), then what has become of their lengths.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import dsl
from dsl.agreement import difference
from dsl.simplify import stages
from search import load


def programs(directories: list[Path], count: int) -> list[dsl.Program]:
    """Distinct programs that trained, the same number of each run."""
    rng = np.random.default_rng(0)
    found: dict[str, dsl.Program] = {}
    for number, directory in enumerate(directories):
        ranked = list(load(directory).best(1_000_000).values())
        quarter, wanted = len(ranked) // 4, (count - len(found)) // (len(directories) - number)
        for part in (ranked[:quarter], ranked[quarter:]):
            chosen = rng.permutation(len(part))[: wanted // 2]
            found |= {dsl.canonical_hash(part[i].program): part[i].program for i in chosen}
    return list(found.values())


def measure(given: list[dsl.Program]) -> dict[str, Any]:
    """The figures."""
    moved: dict[str, list[float]] = defaultdict(list)
    seconds, lengths, again, longer, apart = [], [], 0, 0, []
    for program in given:
        started = time.perf_counter()
        found = stages(program)
        seconds.append(time.perf_counter() - started)
        for stage in found:
            if stage.after != stage.before:
                moved[stage.why].append(stage.difference)
        after = found[-1].after
        apart.append(difference(program, after))
        lengths.append((len(program), len(found[0].after), len(after)))
        longer += len(after) > len(found[0].after) or len(after.states) > len(found[0].after.states)
        again += dsl.simplify(after) != after
    shortened = [pruned - after for _, pruned, after in lengths]
    return {
        "programs": len(given),
        "stages": {why: {"changed": len(d), "median": median(d), "largest": max(d)} for why, d in moved.items()},
        "apart_largest": float(np.nanmax(apart)),
        "never_finite": int(np.isnan(apart).sum()),
        "statements": dict(
            zip(("as found", "pruned", "simplified"), map(median, zip(*lengths, strict=True)), strict=True)
        ),
        "shortened_after_pruning": {"median": median(shortened), "largest": max(shortened)},
        "shorter_after_pruning": sum(s > 0 for s in shortened),
        "longer": longer,
        "changed_when_simplified_again": again,
        "seconds": {"median": median(seconds), "largest": max(seconds)},
    }


def main() -> None:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directories", nargs="+", metavar="DIR", type=Path, help="of runs")
    parser.add_argument("--programs", type=int, default=1000, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="takes the figures")
    arguments = parser.parse_args()
    found = measure(programs(arguments.directories, arguments.programs))
    print(f"{'stage':<72} {'changed':>7} {'median':>8} {'largest':>8}")
    for why, row in found["stages"].items():
        print(f"{why:<72} {row['changed']:>7} {row['median']:>8.1g} {row['largest']:>8.1g}")
    print()
    for name, value in found.items():
        if name != "stages":
            print(f"{name:<32} {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
