"""Random streams of a training: one seed, one independent stream for each purpose."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from proxy_tasks.errors import TaskError


class Purpose(IntEnum):
    """What a stream is for; the number is part of every result, so it never changes."""

    WEIGHTS = 0
    BATCHES = 1
    SPLIT = 2
    AUGMENTATION = 3
    LABELS = 4
    MASKS = 5
    NOISE = 6
    EVALUATION = 7


def stream(seed: int, purpose: Purpose) -> np.random.Generator:
    """The stream of `seed` for `purpose`; `seed` is 0 or more."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, purpose))))


def shuffled_batches(seed: int, examples: int, batch: int, steps: int) -> np.ndarray:
    """Indices of the examples of each step: epoch after epoch, each in a new order and without replacement.

    Args:
        seed: 0 or more.
        examples: size of the training split.
        batch: examples a step; a batch may straddle two epochs.
        steps: training steps.

    Returns:
        int32 [steps, batch].

    Raises:
        TaskError: if a batch is more than all examples.
    """
    if batch > examples:
        raise TaskError(f"batch = {batch} is more than the {examples} training examples: make it smaller")
    rng = stream(seed, Purpose.BATCHES)
    epochs = -(-steps * batch // examples)
    order = np.concatenate([rng.permutation(examples) for _ in range(epochs)])
    return order[: steps * batch].reshape(steps, batch).astype(np.int32)
