"""The random streams of a search: one for each child, whatever becomes of the others."""

from __future__ import annotations

import numpy as np


class Streams:
    """Philox keyed by (seed, number of the child).

    Args:
        seed: of the search, from 0 to 2^64 - 1.

    >>> streams = Streams(seed=3)
    >>> first = streams(7).random()
    >>> first == np.random.Generator(np.random.Philox(key=np.array([3, 7], np.uint64))).random()
    True
    """

    def __init__(self, seed: int):
        self._bits = np.random.Philox(key=np.array([seed, 0], np.uint64))
        self._generator = np.random.Generator(self._bits)
        self._fresh = self._bits.state  # a copy

    def __call__(self, number: int) -> np.random.Generator:
        """The stream of a child from its beginning on; it is good until the next one is asked for."""
        self._fresh["state"]["key"][1] = number
        self._bits.state = self._fresh  # a tenth of what a new generator takes
        return self._generator
