"""What a step of the built-in models costs, beside the same models written by hand in plain JAX.

    python scripts/bench_tasks.py [NAME...] [--scales N...] [--json FILE]

For each task: the loop of its gradients with a trivial update, and the same loop around a model as one writes it in
plain JAX (scripts/plain_models.py), with the same weights and examples; loss and gradient are compared first. Both have
their turn in each of seven rounds on one pinned core, in blocks of at least half a second; figures are medians. The
bar for the ratio is 1.15, and for compiling what all candidates of a task share, at scale 1, 10 s.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from proxy_tasks.environment import pinned, single_threaded, start_jax

single_threaded()
pinned(0)
start_jax()

import jax  # noqa: E402
import numpy as np  # noqa: E402
from jax import lax  # noqa: E402
from jax.flatten_util import ravel_pytree  # noqa: E402
from plain_models import PLAIN  # noqa: E402

import proxy_tasks  # noqa: E402

ROUNDS = 7
BLOCK_S = 0.5


def measure(name: str, scale: int) -> dict[str, Any]:
    """The row of a task."""
    task = proxy_tasks.get(name, scale)
    weights, loss = next(PLAIN[kind] for kind in type(task).__mro__ if kind in PLAIN)
    data = jax.device_put(task.data())
    steps = max(2, 100 // scale)  # of a loop
    batches = jax.device_put(jax.tree.map(lambda b: b[:steps], task.batches(0)))
    model = task.init(0)
    ours = GradientLoop(task.loss, model, data, batches)
    plain = GradientLoop(lambda w, data, batch: loss(task, w, data, batch), weights(model), data, batches)
    np.testing.assert_allclose(ours.first(), plain.first(), rtol=2e-4, err_msg=f"{name}: loss and gradient norm")
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(ROUNDS):
        seconds["ours"].append(ours.seconds_a_step())
        seconds["plain"].append(plain.seconds_a_step())
    ratio = median(a / b for a, b in zip(seconds["ours"], seconds["plain"], strict=True))
    step, by_hand = (median(found) for found in seconds.values())
    return {
        "task": name,
        "scale": scale,
        "weights": task.size,
        "step_us": 1e6 * step,
        "plain_us": 1e6 * by_hand,
        "ratio": ratio,
        "training_s": task.steps * step,
        "compile_s": compile_seconds(task),
    }


class GradientLoop:
    """A compiled loop of gradients with a trivial update."""

    def __init__(self, loss: Callable, weights: Any, data: Any, batches: Any):
        flat, unflatten = ravel_pytree(weights)
        gradient = jax.value_and_grad(lambda w, data, batch: loss(unflatten(w), data, batch))
        self.steps = len(jax.tree.leaves(batches)[0])

        @jax.jit
        def loop(w, data, batches):
            def step(i, w):
                return w - 1e-4 * gradient(w, data, jax.tree.map(lambda b: b[i], batches))[1]

            return lax.fori_loop(0, self.steps, step, w)

        self._once = jax.jit(gradient)
        self._loop, self._arguments = loop, (flat, data, batches)
        self.runs = 1
        self.seconds_a_step()
        self.runs = max(1, round(BLOCK_S / (self.steps * self.seconds_a_step())))

    def first(self) -> tuple[float, float]:
        """Loss of the first step, and the norm of its gradient."""
        flat, data, batches = self._arguments
        loss, gradient = self._once(flat, data, jax.tree.map(lambda b: b[0], batches))
        return float(loss), float(np.linalg.norm(gradient))

    def seconds_a_step(self) -> float:
        """Over a block of runs."""
        started = time.perf_counter()
        for _ in range(self.runs):
            jax.block_until_ready(self._loop(*self._arguments))
        return (time.perf_counter() - started) / (self.runs * self.steps)


def compile_seconds(task: proxy_tasks.Task) -> float:
    """To make what trains all candidates of the task."""
    jax.clear_caches()
    started = time.perf_counter()
    proxy_tasks.Trainer(task).prepare()
    return time.perf_counter() - started


def main() -> None:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(proxy_tasks.TASKS))
    parser.add_argument("--scales", type=int, nargs="+", default=[1])
    parser.add_argument("--json", type=Path, help="takes the rows")
    arguments = parser.parse_args()
    print(f"{'task':<22} {'weights':>8} {'step':>9} {'by hand':>9} {'ratio':>6} {'training':>9} {'compile':>8}")
    rows = []
    for name, scale in product(arguments.names, arguments.scales):
        rows.append(row := measure(name, scale))
        print(
            f"{f'{name} x{scale}':<22} {row['weights']:>8} {row['step_us']:>6.0f} us {row['plain_us']:>6.0f} us"
            f" {row['ratio']:>6.2f} {row['training_s']:>7.3f} s {row['compile_s']:>6.1f} s",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
