"""The evolution of a run: repeats at once, then restarts one after the other, each from the best program so far.

arXiv 2302.06675, section 2.2: repeats from the initial program for diversity; restarts from the best lift it further.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import dsl
from search.cache import Cache
from search.config import Config
from search.configuration import to_dict
from search.console import Console
from search.evaluator import Evaluation
from search.evolution import NO_VALID_CHILD, evolve
from search.journal import Child, Journal, Reader
from search.searches import Place, begun, best, places
from search.summary import format_loss
from search.together import together

# Those of the run that the journal of each of several searches has, too.
SHARED_FACTS = ("start", "origin", "mixed", "baselines", "machines")


class Repeats:
    """The searches of a run; what their journals hold is gone on with.

    Args:
        config: of the run.
        directory: of the run.
        journal: of the run, which is that of its search, too, if it has only one.
        cache: has programs trained on the task of the search.
        wait: until an answer of the workers may have come.
        console: tells what was found.
        interrupted: whether to stop.
    """

    def __init__(
        self,
        config: Config,
        directory: Path,
        journal: Journal,
        cache: Cache,
        wait: Callable[[], None],
        console: Console,
        interrupted: Callable[[], bool],
    ):
        self._config, self._directory, self._journal, self._cache = config, directory, journal, cache
        self._wait, self._console, self._interrupted = wait, console, interrupted

    def run(self, start: dsl.Program, evaluation: Evaluation) -> None:
        """Searches until every search has ended, or is interrupted.

        Args:
            start: the warm-start program.
            evaluation: of it, with all seeds.
        """
        repeats, restarts = places(to_dict(self._config), self._directory)
        self._search(repeats, start, evaluation)
        for number, restart in enumerate(restarts):
            if self._interrupted():
                break
            readers = begun(to_dict(self._config), self._directory)
            key = None
            if restart in readers:
                found = readers[restart].child(0)
            else:
                ((key, found),) = best({place: readers[place] for place in (*repeats, *restarts[:number])}, 1).items()
                self._console.line(f"{restart.name} begins from child {key}", "restart", search=restart.name, child=key)
            self._search([restart], found.program, found.evaluation, key)

    def _search(
        self, places: Sequence[Place], start: dsl.Program, evaluation: Evaluation, key: str | None = None
    ) -> None:
        """Searches at once, from the same program, which is the child of a key, each with its own seed and journal."""
        with ExitStack() as stack:
            searches = []
            for place in places:
                config = replace(self._config, seed=place.seed, repeats=1, restarts=0)
                journal = self._journal
                if place.name:
                    journal = stack.enter_context(closing(self._journal_of(place, config)))
                reader = Reader(place.directory)
                if not reader.has_child(0):
                    if key:
                        journal.facts(**{"from": key})
                    journal.record(Child(0, None, None, start, dsl.canonical_hash(start), evaluation, new=True))
                    journal.flush()
                past, stop = reader.past(), self._interrupted
                search = evolve(config, start, evaluation, self._cache, journal, past=past, interrupted=stop)
                searches.append(search)
            ends = together(searches, self._wait)
        self._journal.flush()
        for place, end in zip(places, ends, strict=True):
            self._console.line(
                f"{f'{place.name}: ' if place.name else ''}evolved {end.generated} children, {end.trained} trained;"
                f" best fitness {format_loss(end.best.fitness)}, the first program's"
                f" {format_loss(evaluation.fitness or 0.0)}",
                "evolved",
                search=place.name,
                generated=end.generated,
                trained=end.trained,
                best=end.best.fitness,
                first=evaluation.fitness,
                reached=end.reached,
            )
            if end.reached == NO_VALID_CHILD:
                self._console.line(
                    "the search ended early: a program had no valid child; allow more kinds under `mutation`"
                )

    def _journal_of(self, place: Place, config: Config) -> Journal:
        """The journal of one of several searches, with the facts that a run of it alone would have."""
        place.directory.mkdir(exist_ok=True)
        journal, run = Journal(place.directory), Reader(self._directory)
        facts = {name: run.fact(name) for name in SHARED_FACTS}
        journal.facts(part=True, config=to_dict(config), **facts)
        return journal
