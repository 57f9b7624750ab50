"""Whether the splits of a task share examples: what can be told from arrays alone.

Which arrays hold examples is nowhere declared, so it is taken from what the contract says. The splits are the entries
of the data, such as "train" and "evaluation"; those that `test_data` leaves as they are belong to training, the others
are what it scores on. In a split an example is a row of all its longest arrays together; a training split that is one
list of whole numbers is a text, of which stretches are looked for. Where these repeat within a split by themselves, as
labels do, that two of them are equal says nothing, and then that is the answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from proxy_tasks.leaves import digest
from proxy_tasks.randomness import Purpose, stream

STRETCH, SHORTEST = 64, 32  # tokens of a text that are looked for, at most and at least
DISTINCT = 0.9  # share of a split's rows or stretches that has to differ from the others for equal ones to say anything
QUOTED = 0.05  # share of the stretches of a text that may be in another: texts quote, and have headings


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
    if not ours or not theirs:
        return None
    if len(ours) == len(theirs) == 1 and ours[0].ndim == 1 and ours[0].dtype == theirs[0].dtype:
        return _quotations(ours[0], theirs[0]) if ours[0].dtype.kind in "iu" and theirs[0].ndim < 3 else None
    alike = [(leaf.dtype, leaf.shape[1:]) for leaf in ours] == [(leaf.dtype, leaf.shape[1:]) for leaf in theirs]
    if alike and sum(leaf.size for leaf in ours) > len(ours[0]):
        known = set(_examples(ours))
        repeated = len(ours[0]) - len(known)
        told = len(known) >= DISTINCT * len(ours[0])
        found = sum(example in known for example in _examples(theirs))
        if found <= repeated:  # as few as the rows of a table that are alike by chance
            found = 0
        cut = all(leaf.ndim == 2 and leaf.dtype.kind in "iu" for leaf in ours)  # perhaps a text, in rows
        return (_beyond_quotations(found, len(theirs[0])) if cut else found) if told else None
    return None


def _quotations(text: np.ndarray, other: np.ndarray) -> int | None:
    """How many stretches of a text, or of the rows of one that is cut, are in another text; 0 if they are few."""
    width = min(STRETCH, other.shape[-1], len(text))
    if width < SHORTEST:
        return None
    # A hash of the stretch from each place on; that of a row is the same sum.
    factors = stream(0, Purpose.SPLIT).integers(1, 2**63, width, dtype=np.uint64)
    tokens, count = text.astype(np.uint64), len(text) - width + 1
    every = np.zeros(count, np.uint64)
    for place, factor in enumerate(factors):
        every += tokens[place : place + count] * factor
    cut = other[:, :width] if other.ndim == 2 else sliding_window_view(other, width)[::width]
    stretches = cut.astype(np.uint64) @ factors
    found = int(np.isin(stretches, every).sum())
    told = len(np.unique(every[::width])) >= DISTINCT * len(every[::width])
    return _beyond_quotations(found, len(stretches)) if told else None


def _beyond_quotations(found: int, of: int) -> int:
    """What was found, or 0 where it is as little as texts quote."""
    return found if found > QUOTED * of else 0


def _longest(split: Any) -> list[np.ndarray]:
    """The arrays of a split that have the longest leading axis: a row of each for every example."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(split) if np.ndim(leaf)]
    most = max(map(len, leaves), default=0)
    return [leaf for leaf in leaves if len(leaf) == most > 0]


def _examples(leaves: list[np.ndarray]) -> Iterator[bytes]:
    """A digest of each example."""
    for rows in zip(*leaves, strict=True):
        yield hashlib.blake2b(b"".join(row.tobytes() for row in rows), digest_size=16).digest()
