"""Looks at a run, read from its directory alone, whoever writes there."""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from search.errors import SearchError
from search.journal import Reader, Totals, exists, front
from search.live.following import Followed
from search.live.lazy_formulas import LazyFormulas
from search.live.now import Now
from search.live.remaining import Done, remaining
from search.live.view import Member, Rates, View, Work
from search.searches import Place, places
from search.state import ENDED, RUNNING, state
from search.summary import format_seconds

WINDOW_S = 20.0  # over which children and trainings a second are counted
SHARE = 0.008  # of a core, for simplifying the programs of the front


class Watcher:
    """Looks at a run again and again; a look takes milliseconds, however many children there are.

    Args:
        directory: of the run.
        share: of a core that may be spent on simplifying the programs of the front.
        clock: Unix time.

    Raises:
        SearchError: when there is no run, or the directory is that of one of the searches of a run.
    """

    def __init__(self, directory: Path, share: float = SHARE, clock: Callable[[], float] = time.time):
        self._directory, self._clock = directory, clock
        self._reader = Reader(directory)
        if self._reader.fact("part"):
            raise SearchError(f"{directory} is one search of the run {directory.parent}: watch that")
        self._searches: dict[Place, tuple[Reader, Followed]] = {}
        self._formulas = LazyFormulas(share)
        self._marks: deque[tuple[float, Totals]] = deque()

    def look(self) -> View:
        """The run as it is now.

        Raises:
            SearchError: when it is no longer there.
        """
        try:
            return self._look()
        except (FileNotFoundError, sqlite3.OperationalError):
            Reader(self._directory)  # which says so if the journal is gone
            raise

    def _look(self) -> View:
        present = state(self._directory)  # before the facts: a run that ends in between has left its winner there
        facts, moment = self._reader.facts(), self._clock()
        config, now, winner = facts.get("config", {}), Now(**facts.get("now", {})), facts.get("winner")
        of_repeats, of_restarts = places(config, self._directory)
        repeats, restarts = ([self._followed(place, config) for place in some] for some in (of_repeats, of_restarts))
        begun = [search for search in (*repeats, *restarts) if search]
        totals = sum((search.totals for search in begun), Totals(0, 0, {}))

        known = facts.get("seconds", {})
        evolved = max((search.seconds for search in repeats if search), default=0.0)
        evolved = max(known.get("evolve", 0.0), evolved + sum(search.seconds for search in restarts if search))
        seconds = evolved if now.step == "evolve" else known.get(now.step, 0.0)
        if present == RUNNING:
            seconds = moment - now.began if now.began else 0.0
            evolved = seconds if now.step == "evolve" else evolved
        in_all = Rates(totals.generated / evolved, totals.trained / evolved) if evolved else Rates()
        rates = self._rates(moment, totals, in_all) if (present, now.step) == (RUNNING, "evolve") else Rates()

        if present == ENDED:
            now, seconds, work = Now("end", doing=format_seconds(known)), 0.0, Work()
        elif now.step == "evolve":
            budget = config.get("budget", {})
            work = remaining(budget, _done(repeats, budget), _done(restarts, budget), rates)
        else:
            left = (now.of - now.done) * (moment - now.since) / now.done if now.done else None
            work = Work(now.done, now.of, left_s=left if present == RUNNING else None)
        statements, live = (sum(row[column] for search in begun for row in search.statements) for column in (0, 1))
        adamw = facts.get("baselines", {}).get(str(config.get("scale", 1)), {}).get("adamw", {})
        history, length = _history(repeats, restarts)
        return View(
            time=moment,
            directory=self._directory,
            task=config.get("task", ""),
            scale=config.get("scale", 1),
            state=present,
            winner=winner,
            step=now.step,
            doing=now.doing,
            work=work,
            step_seconds=seconds,
            seconds_in_all=seconds + sum(spent for step, spent in known.items() if step != now.step),
            workers=now.workers if present == RUNNING else 0,
            workers_in_all=now.workers_in_all,
            searches=len(begun),
            searches_in_all=len(repeats) + len(restarts),
            totals=totals,
            redundancy=1 - live / statements if statements else 0.0,
            rates=rates,
            rates_in_all=in_all,
            adamw=adamw.get("fitness"),
            history=history,
            length=length,
            front=tuple(self._front()),
        )

    def _followed(self, place: Place, config: dict) -> Followed | None:
        """A search, with what is new; None if it has not begun."""
        if place not in self._searches:
            if not exists(place.directory):
                return None
            reader = Reader(place.directory)
            self._searches[place] = reader, Followed(reader, config.get("population", 1000))
        _, search = self._searches[place]
        search.read()
        return search if search.improvements else None

    def _rates(self, moment: float, totals: Totals, in_all: Rates) -> Rates:
        """Of the last seconds; those of all while nothing was seen before."""
        self._marks.append((moment, totals))
        while len(self._marks) > 2 and moment - self._marks[1][0] >= WINDOW_S:
            self._marks.popleft()
        before, then = self._marks[0]
        if moment - before < WINDOW_S / 4:
            return in_all
        counts = totals.generated - then.generated, totals.trained - then.trained
        return Rates(*(count / (moment - before) for count in counts))

    def _front(self) -> Iterator[Member]:
        """The Pareto front over all searches, with the formulas that can be had now, those of the best first."""
        rows = [
            (length, fitness, (place, id))
            for place, (_, search) in self._searches.items()
            for length, fitness, id in search.front
        ]
        found = front(rows)
        for _, _, (place, id) in found:
            if not self._formulas.known(key := place.key(id)):
                self._formulas.give(key, self._searches[place][0].child(id).program)
        self._formulas.simplify([place.key(id) for _, _, (place, id) in reversed(found)])
        for length, fitness, (place, id) in found:
            yield Member(key := place.key(id), length, fitness, *self._formulas.of(key))


def _done(searches: Sequence[Followed | None], budget: Mapping[str, float]) -> list[Done]:
    """How far each is."""
    return [
        Done(search.totals.generated, search.totals.trained, search.seconds, search.has_ended(budget))
        if search
        else Done()
        for search in searches
    ]


def _history(
    repeats: Sequence[Followed | None], restarts: Sequence[Followed | None]
) -> tuple[tuple[tuple[int, float], ...], int]:
    """`View.history` and `View.length`."""
    improvements = sorted(improvement for search in repeats if search for improvement in search.improvements)
    length = max((search.totals.generated for search in repeats if search), default=0)
    for search in restarts:
        if search:
            improvements += [(length + child, fitness) for child, fitness in search.improvements]
            length += search.totals.generated
    history: list[tuple[int, float]] = []
    for child, fitness in improvements:
        if not history or fitness < history[-1][1]:
            history.append((child, fitness))
    return tuple(history), length
