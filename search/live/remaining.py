"""How far an evolution is, and how long it will take, by the limit of its budget that ends it first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.live.view import Rates, Work


@dataclass(frozen=True)
class Done:
    """How far one search is.

    Attributes:
        generated: children.
        trained: those that were really trained.
        seconds: of it, interruptions left out.
        ended: whether it has reached a limit that does not say how far it is off: `target` or `plateau`.
    """

    generated: int = 0
    trained: int = 0
    seconds: float = 0.0
    ended: bool = False


def remaining(budget: Mapping[str, float], repeats: Sequence[Done], restarts: Sequence[Done], rates: Rates) -> Work:
    """The work of the searches of a run.

    Args:
        budget: limits of each search; `target` and `plateau` do not say when they will be reached.
        repeats: the searches at once.
        restarts: those that come one after the other when these have ended.
        rates: children and trainings of all a second.
    """
    searches = [*repeats, *restarts]
    found: list[tuple[float, Work]] = []  # seconds left

    def share(search: Done, done: float, limit: float) -> float:
        return 1.0 if search.ended else min(1.0, done / limit)

    for name, unit, rate in (("generated", "children", rates.generated), ("trained", "trainings", rates.trained)):
        if limit := budget.get(name, 0):
            counts = [getattr(search, name) for search in searches]
            to_do = sum(1 - share(*pair, limit) for pair in zip(searches, counts, strict=True)) * limit
            left = to_do / rate if rate else 0.0  # while nothing is known of the pace, seconds are not put first
            found.append((left, Work(sum(counts), limit * len(searches), unit, left if rate else None)))
    if limit := budget.get("seconds", 0):
        shares = [share(search, search.seconds, limit) for search in searches]
        done, of = min(shares[: len(repeats)]) + sum(shares[len(repeats) :]), 1 + len(restarts)
        left = (of - done) * limit
        found.append((left, Work(round(done * limit), of * limit, "seconds", left)))
    generated = sum(search.generated for search in searches)
    return min(found, key=lambda pair: pair[0], default=(0.0, Work(generated, unit="children")))[1]
