"""Regularized evolution, as one sentence: select, mutate until valid, hash, cached?, train, record.

arXiv 2302.06675, section 2.2; E. Real et al., arXiv 2003.03384. A search is a function of its configuration and seed:
child i is proposed from the state after commit c, the smallest c such that the children between c and i number at most
`window.children` and hold at most `window.new` hashes that no child had before. A child of a hash that was met is
trained only where the earlier training was stopped, or lost the race, under limits that were tighter.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import dsl
from search.config import Config
from search.evaluator import Evaluation, Limits, answers
from search.journal import Child, Journal
from search.population import Individual, Population
from search.streams import Streams
from search.workers import Workers


@dataclass(frozen=True)
class Progress:
    """Where a search stands: totals, the best so far, and whether it has run out of valid children."""

    generated: int
    trained: int
    best: Individual
    seconds: float
    exhausted: bool


@dataclass(frozen=True)
class _Proposal:
    """A child that waits for its commit."""

    child: int
    parent: Individual
    program: dsl.Program
    mutation: dsl.Mutation
    hash: str
    limits: Limits
    result: Callable[[], Evaluation] | None  # None: a program of this hash was proposed before


def evolve(
    config: Config,
    start: dsl.Program,
    evaluation: Evaluation,
    workers: Workers,
    journal: Journal,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Searches until a limit of the budget is reached, or no valid child is left.

    Args:
        config: the run.
        start: the warm-start program.
        evaluation: of `start`, with all seeds.
        workers: train on the task of the search.
        journal: takes every child in the order of proposal.
        report: called after every commit.
    """
    search = _Search(config, start, evaluation, workers, journal)
    while not search.spent():
        search.propose()
        while search.full():
            search.commit()
            report(search.progress())
    while search.pending:
        search.commit()
        report(search.progress())
    return search.progress()


class _Search:
    """The state of a search: what is committed, and the proposals under way."""

    def __init__(self, config: Config, start: dsl.Program, evaluation: Evaluation, workers: Workers, journal: Journal):
        assert evaluation.fitness is not None
        self.config, self.workers, self.journal = config, workers, journal
        first = Individual(0, start, evaluation.fitness)
        self.population = Population(first, evaluation, config.population)
        self.evaluations = {dsl.canonical_hash(start): evaluation}
        self.known = set(self.evaluations)
        self.pending: deque[_Proposal] = deque()
        self.generated = self.trained = self.new_pending = 0
        self.exhausted = False
        self.streams = Streams(config.seed)
        self.started = time.monotonic()

    def spent(self) -> bool:
        """Whether a limit of the budget is reached, counting what is under way, or there is no child to propose."""
        budget = self.config.budget
        return (
            self.exhausted
            or (0 < budget.generated <= self.generated)
            or self.out_of_trainings()
            or (0 < budget.seconds <= time.monotonic() - self.started)
        )

    def out_of_trainings(self) -> bool:
        """Whether the trainings of the budget are spent, counting those under way."""
        return 0 < self.config.budget.trained <= self.trained + self.new_pending

    def full(self) -> bool:
        """Whether the next child has to wait for a commit."""
        window = self.config.window
        return len(self.pending) > window.children or self.new_pending > window.new

    def propose(self) -> None:
        """Select, mutate until valid, hash; cached? if not, train."""
        number = self.generated + 1
        rng = self.streams(number)
        parent = self.population.select(rng, self.config.tournament)
        try:
            program, mutation = dsl.propose(parent.program, rng, self.config.mutation)
        except dsl.ProgramError:  # deletions alone, say, end with a program that none can be taken from
            self.exhausted = True
            return
        hash = dsl.canonical_hash(program)
        limits, result = self.population.limits(self.config.fitness), None
        if hash not in self.known:
            result = self.workers.submit(dsl.canonical(program), limits)
            self.known.add(hash)
            self.new_pending += 1
        self.generated = number
        self.pending.append(_Proposal(number, parent, program, mutation, hash, limits, result))

    def commit(self) -> None:
        """Record."""
        proposal = self.pending.popleft()
        result, known = proposal.result, self.evaluations.get(proposal.hash)
        if result is not None:
            self.new_pending -= 1
        elif known and not self.out_of_trainings() and not answers(known, proposal.limits, self.config.fitness.seeds):
            result = self.workers.submit(dsl.canonical(proposal.program), proposal.limits)
        if result is not None:
            self.evaluations[proposal.hash] = result()
            self.trained += 1
        evaluation = self.evaluations[proposal.hash]
        self.journal.record(
            Child(
                proposal.child,
                proposal.parent.id,
                proposal.mutation.kind,
                proposal.program,
                proposal.hash,
                evaluation,
                new=result is not None,
            )
        )
        if evaluation.fitness is not None:
            individual = Individual(proposal.child, proposal.program, evaluation.fitness)
            self.population.add(individual, evaluation)

    def progress(self) -> Progress:
        """Totals of what is committed."""
        committed = self.generated - len(self.pending)
        seconds = time.monotonic() - self.started
        return Progress(committed, self.trained, self.population.best, seconds, self.exhausted)
