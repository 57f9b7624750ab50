"""The searches of a run as arrays over their children, for the charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Track:
    """One search; each array has a value for each child, the first program included, in their order.

    Attributes:
        name: of the search; "" if it is the only one.
        begins: number of children that the run had made, search by search, before it could begin: 0 but for restarts.
        fitness: validation loss; NaN without.
        trained: whether the child was trained itself.
        statements: of the program.
        live: of those that reach the weights.
    """

    name: str
    begins: int
    fitness: np.ndarray
    trained: np.ndarray
    statements: np.ndarray
    live: np.ndarray

    @property
    def children(self) -> int:
        """Number of them; the first program is none."""
        return len(self.fitness) - 1

    def improvements(self) -> np.ndarray:
        """The numbers of the children that were better than all before."""
        best = np.fmin.accumulate(self.fitness)
        before = np.concatenate([[np.nan], best[:-1]])
        return np.flatnonzero(np.isfinite(best) & ~(best >= before))


def tracks(columns: Mapping[str, np.ndarray]) -> list[Track]:
    """The searches of a run.

    Args:
        columns: of its children (`Result.columns`).
    """
    found: list[Track] = []
    for name in dict.fromkeys(columns["search"].tolist()):
        of = columns["search"] == name
        begins = _begins(name, found)
        values = (columns[column][of] for column in ("fitness", "trained", "statements", "live"))
        found.append(Track(name, begins, *values))
    return found


def _begins(name: str, before: Sequence[Track]) -> int:
    """Repeats begin together, a restart after all that were before."""
    if not name.startswith("restart"):
        return 0
    return max((track.begins + track.children for track in before), default=0)
