"""One search of a run as its journal tells it; each reading takes in only what is new."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

from search.journal import Reader, Totals, front
from search.limits import reached_by_best


class Followed:
    """What is known of a search.

    Args:
        reader: of its journal.
        population: number of programs in it.

    Attributes:
        seconds: of the search until its last child, interruptions left out.
        improvements: (child, fitness) of each that was better than all before it.
        front: (live statements, fitness, child), each better than all that are as short; shortest first.
        statements: (all, live) of each of the last `population` that trained.
    """

    def __init__(self, reader: Reader, population: int):
        self._reader, self._population = reader, population
        self._begin()

    def _begin(self) -> None:
        self._last, self.seconds = -1, 0.0
        self._outcomes: Counter[str] = Counter()
        self.improvements: list[tuple[int, float]] = []
        self.front: list[tuple[int, float, int]] = []
        self.statements: deque[tuple[int, int]] = deque(maxlen=self._population)

    def read(self) -> None:
        """Takes in what is new."""
        news = self._reader.news(self._last, self._population)
        if news.last < self._last:  # a power failure has taken back what was seen
            self._begin()
            news = self._reader.news(-1, self._population)
        self._last, self.seconds = news.last, news.seconds
        self._outcomes.update(news.outcomes)
        self.statements.extend(news.statements)
        for id, _, fitness in news.trained:
            if not self.improvements or fitness < self.improvements[-1][1]:
                self.improvements.append((id, fitness))
        if news.trained:
            self.front = front([*self.front, *((length, fitness, id) for id, length, fitness in news.trained)])

    @property
    def totals(self) -> Totals:
        """Numbers of its children."""
        outcomes = dict(sorted(self._outcomes.items()))
        return Totals(max(self._last, 0), sum(outcomes.values()), outcomes)

    def has_ended(self, budget: Mapping[str, float]) -> bool:
        """Whether it has reached a limit that is not seen from afar: `target` or `plateau`."""
        if not self.improvements:
            return False
        child, fitness = self.improvements[-1]
        target, plateau = budget.get("target", 0), int(budget.get("plateau", 0))
        return bool(reached_by_best(target, plateau, fitness, child, self._last))
