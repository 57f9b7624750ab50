"""Limits of a budget that the best program of a search reaches, or fails to."""

from __future__ import annotations


def reached_by_best(target: float, plateau: int, fitness: float, child: int, committed: int) -> str:
    """The limit that has ended a search: "target", "plateau", or "".

    Args:
        target: fitness of the best program at or below which a search ends; 0 is no limit.
        plateau: children without a better one after which it ends; 0 is no limit.
        fitness: of the best program.
        child: its number.
        committed: children of the search.

    >>> reached_by_best(target=0.1, plateau=50, fitness=0.2, child=30, committed=80)
    'plateau'
    """
    if target and fitness <= target:
        return "target"
    return "plateau" if 0 < plateau <= committed - child else ""
