"""Moving and mirroring images, anew in each step: what is drawn is data, made once on the host."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from proxy_tasks.randomness import Purpose, stream


def draw_augmentation(seed: int, shape: tuple[int, ...], shift: int, flip: bool) -> dict[str, np.ndarray]:
    """What is done to each example of each step.

    Args:
        seed: of the training.
        shape: (steps, batch).
        shift: pixels by which an image is moved at most.
        flip: whether half of them are mirrored.

    Returns:
        {"shift": int32 [steps, batch, 2] from 0 to 2 shift, "flip": bool [steps, batch]}, each only where asked for.
    """
    rng = stream(seed, Purpose.AUGMENTATION)
    drawn: dict[str, np.ndarray] = {}
    if shift:
        drawn["shift"] = rng.integers(2 * shift + 1, size=(*shape, 2), dtype=np.int32)
    if flip:
        drawn["flip"] = rng.random(shape) < 0.5
    return drawn


def augmented(images: jax.Array, drawn: dict[str, Any], shift: int) -> jax.Array:
    """Images [examples, height, width, channels], moved (with 0 from outside) and mirrored as was drawn for a step."""
    if "flip" in drawn:
        images = jnp.where(drawn["flip"][:, None, None, None], images[:, :, ::-1], images)
    if "shift" in drawn:
        padded = jnp.pad(images, ((0, 0), (shift, shift), (shift, shift), (0, 0)))
        size = images.shape[1:]
        images = jax.vmap(lambda image, by: lax.dynamic_slice(image, (by[0], by[1], 0), size))(padded, drawn["shift"])
    return images
