"""How far an evolution is, and how long it will take, by the limit of its budget that ends it first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from search.following import Followed
from search.view import Rates, Work


def remaining(
    budget: Mapping[str, float], repeats: Sequence[Followed | None], restarts: Sequence[Followed | None], rates: Rates
) -> Work:
    """The work of the searches of a run.

    Args:
        budget: limits of each search; `target` and `plateau` do not say when they will be reached.
        repeats: the searches at once; None for one that has not begun.
        restarts: those that come one after the other when these have ended.
        rates: children and trainings of all a second.
    """
    searches = [*repeats, *restarts]
    generated = sum(search.totals.generated for search in searches if search)
    found = []

    def share(search: Followed | None, done: float, limit: float) -> float:
        return 0.0 if search is None else 1.0 if search.has_ended(budget) else min(1.0, done / limit)

    for name, unit, rate in (("generated", "children", rates.generated), ("trained", "trainings", rates.trained)):
        if limit := budget.get(name, 0):
            counts = [getattr(search.totals, name) if search else 0 for search in searches]
            to_do = sum(1 - share(*pair, limit) for pair in zip(searches, counts, strict=True)) * limit
            found.append(Work(sum(counts), limit * len(searches), unit, to_do / rate if rate else math.inf))
    if limit := budget.get("seconds", 0):
        spent = [search.seconds if search else 0.0 for search in searches]
        shares = [share(search, seconds, limit) for search, seconds in zip(searches, spent, strict=True)]
        done = min(shares[: len(repeats)]) + sum(shares[len(repeats) :])
        of = 1 + len(restarts)
        found.append(Work(round(done * limit), of * limit, "seconds", (of - done) * limit))
    if not found:
        return Work(generated, unit="children")
    first = min(found, key=lambda work: work.left_s)
    return first if first.left_s != math.inf else Work(first.done, first.of, first.unit)
