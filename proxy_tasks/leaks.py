"""Whether the splits of a task share examples: what can be told from arrays alone.

Which arrays hold examples is nowhere declared, so it is taken from what the contract says. The splits are the entries
of the data, such as "train" and "evaluation"; those that `test_data` leaves as they are belong to training, the others
are what it scores on. In a split an example is a row of all its longest arrays together; a training split that is one
list of whole numbers is a text, of which stretches are looked for. Where these repeat within a split by themselves, as
labels do, that two of them are equal says nothing, and then that is the answer.
"""

from __future__ import annotations

import hashlib
from typing import Any

import jax
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from proxy_tasks.leaves import digest
from proxy_tasks.randomness import Purpose, stream

STRETCH, SHORTEST = 64, 32  # tokens of a text that are looked for, at most and at least
DISTINCT = 0.9  # share of a split's rows or stretches that has to differ from the others for equal ones to say anything
QUOTED = 0.05  # share of the stretches or rows of a text that may be in another: texts quote, and have headings


def entries(data: Any) -> dict[str, Any]:
    """The entries of the outermost container, by name; of a single array, itself."""
    found = jax.tree.leaves_with_path(data, is_leaf=lambda node: node is not data)
    return {jax.tree_util.keystr(path): entry for path, entry in found}


def divided(data: Any, test_data: Any) -> tuple[list[str], list[str]]:
    """The names of the entries that are the same in both, and of those of `data` that are not."""
    tests = entries(test_data)
    same = {name: name in tests and digest(entry) == digest(tests[name]) for name, entry in entries(data).items()}
    return [name for name in same if same[name]], [name for name in same if not same[name]]


def common(split: Any, other: Any) -> int | None:
    """How many examples of one split, or stretches of its text, are in another.

    Args:
        split: in which they are looked for.
        other: whose examples are counted.

    Returns:
        None where that cannot be told.
    """
    ours, theirs = _longest(split), _longest(other)
    kinds, other_kinds = ([(leaf.dtype, leaf.shape[1:]) for leaf in leaves] for leaves in (ours, theirs))
    is_text = len(ours) == len(theirs) == 1 and ours[0].dtype.kind in "iu" and theirs[0].dtype.kind in "iu"
    if is_text and ours[0].ndim == 1 and theirs[0].ndim <= 2:
        width = min(STRETCH, theirs[0].shape[-1], len(ours[0]))
        if width < SHORTEST:
            return None
        known, counted = _stretches(ours[0], theirs[0], width)
        apart = known[::width]
    elif ours and kinds == other_kinds and sum(leaf.size for leaf in ours) > len(ours[0]):
        known, counted = _examples(ours), _examples(theirs)
        apart = known
    else:
        return None
    distinct = len(np.unique(apart))
    if distinct < DISTINCT * len(apart):
        return None
    found = int(np.isin(counted, known).sum())
    by_chance = QUOTED * len(counted) if is_text else len(apart) - distinct  # rows of a table may be alike
    return found if found > by_chance else 0


def _longest(split: Any) -> list[np.ndarray]:
    """The arrays of a split that have the longest leading axis: a row of each for every example."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(split) if np.ndim(leaf)]
    most = max(map(len, leaves), default=0)
    return [leaf for leaf in leaves if len(leaf) == most > 0]


def _examples(leaves: list[np.ndarray]) -> np.ndarray:
    """A hash of each example, uint64 [examples]."""
    examples = (b"".join(row.tobytes() for row in rows) for rows in zip(*leaves, strict=True))
    hashes = [hashlib.blake2b(example, digest_size=8).digest() for example in examples]
    return np.frombuffer(b"".join(hashes), np.uint64)


def _stretches(text: np.ndarray, other: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A hash of each stretch of a text, from every place on, and of those of another, which is cut or a row each."""
    factors = stream(0, Purpose.SPLIT).integers(1, 2**63, width, dtype=np.uint64)
    tokens, count = text.astype(np.uint64), len(text) - width + 1
    hashes = np.zeros(count, np.uint64)
    for place, factor in enumerate(factors):
        hashes += tokens[place : place + count] * factor
    cut = other[:, :width] if other.ndim == 2 else sliding_window_view(other, width)[::width]
    return hashes, cut.astype(np.uint64) @ factors
