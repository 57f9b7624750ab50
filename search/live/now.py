"""Where a run is at this moment: one fact of its journal, for whoever watches it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from search.journal import Journal

SECONDS_BETWEEN = 1.0


@dataclass(frozen=True)
class Now:
    """Where a run is. Times are seconds of the Unix clock.

    Attributes:
        step: that the run is at; "" before the first.
        began: when it would have begun, had it never been interrupted.
        doing: what is done in this step, such as "tuning lion on digits x1"; "" if the children say it all.
        since: when that began.
        done: trainings or programs of it that are done.
        of: that there are; 0 if that is not known.
        workers: that are there and have begun.
        workers_in_all: that there are to be.
    """

    step: str = ""
    began: float = 0.0
    doing: str = ""
    since: float = 0.0
    done: int = 0
    of: int = 0
    workers: int = 0
    workers_in_all: int = 0


class Teller:
    """Writes it down, at most once a second.

    Args:
        journal: of the run.
        alive: workers that are there, and in all.
    """

    def __init__(self, journal: Journal, alive: Callable[[], tuple[int, int]]):
        self._journal, self._alive = journal, alive
        self._now = Now(began=time.time())
        self._told = 0.0

    def step(self, name: str, before: float) -> None:
        """A step begins, on which so many seconds were spent before the run was interrupted."""
        self._now = Now(name, time.time() - before)
        self._told = 0.0
        self.tell()

    def doing(self, what: str, done: int, of: int) -> None:
        """Work of this step, and how much of it is done."""
        since = self._now.since if what == self._now.doing else time.time()
        self._now = replace(self._now, doing=what, since=since, done=done, of=of)
        self.tell()

    def tell(self) -> None:
        """Called as often as there is time; does something once a second."""
        told = time.monotonic()
        if told - self._told >= SECONDS_BETWEEN:
            self._told = told
            workers, in_all = self._alive()
            self._journal.facts(now=asdict(replace(self._now, workers=workers, workers_in_all=in_all)))
