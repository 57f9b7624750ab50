"""The arrays of a pytree, by name."""

from __future__ import annotations

import hashlib
from typing import Any

import jax
import numpy as np


def named(tree: Any) -> dict[str, np.ndarray]:
    """The arrays of a pytree by where they are in it.

    >>> list(named({"w": np.zeros(2), "layers": [np.ones(1)]}))
    ["['layers'][0]", "['w']"]
    """
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in jax.tree.leaves_with_path(tree)}


def not_finite(tree: Any) -> list[str]:
    """The names of the arrays that hold a NaN or an infinity."""
    return [name for name, array in named(tree).items() if array.dtype.kind == "f" and not np.isfinite(array).all()]


def digest(tree: Any) -> str:
    """SHA-256 of the names, dtypes, shapes and bits of the arrays."""
    found = hashlib.sha256()
    for name, array in named(tree).items():
        found.update(f"{name} {array.dtype} {array.shape} ".encode())
        found.update(array.tobytes())
    return found.hexdigest()
