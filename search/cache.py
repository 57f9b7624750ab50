"""The evaluations that searches share: those of one run, and those of earlier runs (arXiv 2302.06675, section 2.1).

What is found here is what a training would have come to, bit for bit, so that a search finds the same with it and
without: it supplies curves, and never counts.
"""

from __future__ import annotations

from collections.abc import Iterable

import dsl
from search.evaluator import NO_OUTCOME, Evaluation, Limits, restricted
from search.workers import Bench, Pending


class Cache:
    """Has programs evaluated that nobody has had evaluated under limits as loose.

    Args:
        bench: what trains.
        seeds: number of seeds that a program near the best is trained with, counted from 0.
        known: (hash, evaluation) of what was trained before.
    """

    def __init__(self, bench: Bench, seeds: int, known: Iterable[tuple[str, Evaluation]] = ()):
        self._bench, self.trials = bench, bench.trials(seeds)
        self._known: dict[str, Evaluation] = {}
        self._asked: dict[str, tuple[Pending, Limits]] = {}  # hash -> the training that is under way
        for hash, evaluation in known:
            self._keep(hash, evaluation)

    def submit(self, hash: str, program: dsl.Program, limits: Limits) -> Shared:
        """Has a canonical program evaluated, if need be."""
        return Shared(self, hash, program, limits)

    def _find(self, hash: str, limits: Limits) -> Evaluation | None:
        """What a training under these limits would come to, if that is known."""
        known = self._known.get(hash)
        return known and restricted(known, limits, len(self.trials), self._bench.trainer.task.steps)

    def _ask(self, hash: str, program: dsl.Program, limits: Limits) -> tuple[Pending, Limits]:
        """The training of this program that is under way, or a new one, and its limits."""
        if hash not in self._asked:
            self._asked[hash] = self._bench.submit(program, self.trials, limits), limits
        return self._asked[hash]

    def _answer(self, hash: str, asked: Pending) -> Evaluation:
        """What was asked for."""
        evaluation = asked.result()
        if hash in self._asked and self._asked[hash][0] is asked:
            del self._asked[hash]
            self._keep(hash, evaluation)
        return evaluation

    def _keep(self, hash: str, evaluation: Evaluation) -> None:
        """Of two evaluations of a program, the one that went further; a worker that was lost, say, is none."""
        known = self._known.get(hash)
        if evaluation.kind in NO_OUTCOME:
            return
        if known is None or _steps(known) < _steps(evaluation):
            self._known[hash] = evaluation


class Shared:
    """An evaluation that was asked for, perhaps by several searches."""

    def __init__(self, cache: Cache, hash: str, program: dsl.Program, limits: Limits):
        self._cache, self._question = cache, (hash, program, limits)
        self._evaluation = cache._find(hash, limits)
        if self._evaluation is None:
            self._asked = cache._ask(*self._question)

    def under_way(self) -> bool:
        """Whether it is there, or work on it has begun."""
        return self._evaluation is not None or self._asked[0].under_way()

    def ready(self) -> bool:
        """Whether `result` answers without waiting for another process."""
        while self._evaluation is None and self._asked[0].ready():
            self._take()
        return self._evaluation is not None

    def result(self) -> Evaluation:
        """The evaluation, once it is there."""
        while self._evaluation is None:
            self._take()
        return self._evaluation

    def _take(self) -> None:
        """The answer; if another search asked for it, and under limits too tight for this one, it is asked for anew."""
        (hash, _, wanted), (asked, limits) = self._question, self._asked
        found = self._cache._answer(hash, asked)
        self._evaluation = found if limits == wanted else self._cache._find(hash, wanted)
        if self._evaluation is None:
            self._asked = self._cache._ask(*self._question)


def _steps(evaluation: Evaluation) -> int:
    return sum(outcome.steps for outcome in evaluation.outcomes)
