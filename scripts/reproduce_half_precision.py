"""What it costs to keep the states of AdamW and Lion in bfloat16, half the memory: the exported optimizers on a task.

    python scripts/reproduce_half_precision.py [NAME] [--seeds N] [--json FILE]

Each is exported to optax by `dsl.export`, with the learning rate and weight decay that docs/tasks.md gives for it, and
trained with states in float32 and in bfloat16 on the same seeds. Prints the loss of each, and what bfloat16 loses.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from proxy_tasks.environment import pinned, single_threaded, start_jax

single_threaded()
pinned(0)
start_jax()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402
from jax import lax  # noqa: E402
from reproduce_tasks import mean_and_error, shares  # noqa: E402

import dsl  # noqa: E402
import proxy_tasks  # noqa: E402

POINTS = {"adamw": (0.003, 0.1), "lion": (0.01, 1.0)}  # learning rate, weight decay: the best on vision_vit x1
FIRST_SEED = 1000


def exported(name: str, state_dtype: Any) -> Any:
    """The optimizer of the exported text, with the task's schedule as a function of the step."""
    rate, decay = POINTS[name]
    module: dict[str, Any] = {"__name__": name}
    exec(dsl.export(dsl.known(name, learning_rate=rate, weight_decay=decay), "optax"), module)  # what a user imports

    def make(schedule: jax.Array) -> optax.GradientTransformation:
        return module["found_optimizer"](lambda count: rate * schedule[count], state_dtype=state_dtype)

    return make


def losses(task: proxy_tasks.Task, make: Any, seeds: int) -> np.ndarray:
    """The validation losses after a training with each seed."""
    data, schedule = jax.device_put(task.data()), jnp.asarray(task.schedule())
    optimizer = make(schedule)

    @jax.jit
    def train(weights: Any, batches: Any) -> jax.Array:
        def step(i: Any, carry: Any) -> Any:
            weights, state = carry
            gradient = jax.grad(task.loss)(weights, data, jax.tree.map(lambda b: b[i], batches))
            updates, state = optimizer.update(gradient, state, weights)
            return optax.apply_updates(weights, updates), state

        weights, _ = lax.fori_loop(0, task.steps, step, (weights, optimizer.init(weights)))
        return task.evaluate(weights, data)

    return np.array([train(task.init(s), task.batches(s)) for s in range(FIRST_SEED, FIRST_SEED + seeds)])


def main() -> None:
    """Trains, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", metavar="NAME", default="vision_vit")
    parser.add_argument("--seeds", type=int, default=32)
    parser.add_argument("--json", type=Path, metavar="FILE", help="takes the losses")
    arguments = parser.parse_args()
    task, rows = proxy_tasks.get(arguments.name), {}
    print(f"{task.name}, {arguments.seeds} seeds      float32           bfloat16     bfloat16 loses")
    for name in POINTS:
        whole, half = (losses(task, exported(name, dtype), arguments.seeds) for dtype in (None, jnp.bfloat16))
        rows[name] = {"float32": whole.tolist(), "bfloat16": half.tolist()}
        shown = "   ".join("{:.4f} +- {:.4f}".format(*mean_and_error(found)) for found in (whole, half))
        print(f"{name:<12} {shown}   {shares(half - whole, whole)}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
