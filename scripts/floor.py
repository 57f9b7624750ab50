"""The floor that benchmarks measure against: the bare gradient loop of one training, without an optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy_tasks import Trainer


def bare_loop(trainer: Trainer) -> Callable[[], object]:
    """A function that takes the gradients of a whole training, compiled, with a trivial update; to be called often."""
    import jax
    from jax import lax

    weights, batches = trainer._seed(0)
    gradient = trainer._gradient()

    @jax.jit
    def loop(weights, batches, data, schedule):
        def step(i, carry):
            w, total = carry
            loss, g = gradient(w, data, jax.tree.map(lambda b: b[i], batches))
            return w - 0.01 * schedule[i] * g, total + loss

        return lax.fori_loop(0, trainer.task.steps, step, (weights, 0.0))

    return lambda: jax.block_until_ready(loop(weights, batches, trainer._data, trainer._schedule))
