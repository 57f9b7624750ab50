"""Regularized evolution, as one sentence: select, mutate until valid, hash, cached?, train, record.

arXiv 2302.06675, section 2.2; E. Real et al., arXiv 2003.03384. A search is a function of its configuration and seed:
child i is proposed from the state after commit c, the smallest c such that the children between c and i number at most
`window.children` and hold at most `window.new` that have to be trained.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import dsl
import proxy_tasks
from search.config import Config
from search.evaluator import Evaluation, Limits, evaluate
from search.journal import Child, Journal
from search.population import Individual, Population


@dataclass(frozen=True)
class Progress:
    """Where a search stands: totals, and the best so far."""

    generated: int
    trained: int
    best: Individual
    seconds: float


@dataclass(frozen=True)
class _Proposal:
    """A child that waits for its commit."""

    child: int
    parent: Individual
    program: dsl.Program
    mutation: dsl.Mutation
    hash: str
    limits: Limits | None  # None: a program of this hash was proposed before


def evolve(
    config: Config,
    start: dsl.Program,
    evaluation: Evaluation,
    trainer: proxy_tasks.Trainer,
    journal: Journal,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Searches until a limit of the budget is reached.

    Args:
        config: the run.
        start: the warm-start program.
        evaluation: of `start`, with all seeds.
        trainer: of the task of the search.
        journal: takes every child in the order of proposal.
        report: called after every commit.
    """
    search = _Search(config, start, evaluation, trainer, journal)
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

    def __init__(
        self, config: Config, start: dsl.Program, evaluation: Evaluation, trainer: proxy_tasks.Trainer, journal: Journal
    ):
        assert evaluation.fitness is not None
        self.config, self.trainer, self.journal = config, trainer, journal
        first = Individual(0, start, evaluation.fitness)
        self.population = Population(first, evaluation, config.population)
        self.evaluations = {dsl.canonical_hash(start): evaluation}
        self.known = set(self.evaluations)
        self.pending: deque[_Proposal] = deque()
        self.generated = self.trained = self.new_pending = 0
        self.started = time.monotonic()

    def spent(self) -> bool:
        """Whether a limit of the budget is reached, counting what is under way."""
        budget = self.config.budget
        trained = self.trained + self.new_pending
        return (
            (0 < budget.generated <= self.generated)
            or (0 < budget.trained <= trained)
            or (0 < budget.seconds <= time.monotonic() - self.started)
        )

    def full(self) -> bool:
        """Whether the next child has to wait for a commit."""
        window = self.config.window
        return len(self.pending) > window.children or self.new_pending > window.new

    def propose(self) -> None:
        """Select, mutate until valid, hash."""
        self.generated += 1
        rng = np.random.Generator(np.random.Philox(key=np.array([self.config.seed, self.generated], np.uint64)))
        parent = self.population.select(rng, self.config.tournament)
        program, mutation = dsl.propose(parent.program, rng, self.config.mutation)
        hash = dsl.canonical_hash(program)
        limits = None if hash in self.known else self.population.limits(self.config.fitness)
        self.known.add(hash)
        self.new_pending += limits is not None
        self.pending.append(_Proposal(self.generated, parent, program, mutation, hash, limits))

    def commit(self) -> None:
        """Cached? Train. Record."""
        proposal = self.pending.popleft()
        if proposal.limits is not None:
            seeds = tuple(range(self.config.fitness.seeds))
            evaluation = evaluate(self.trainer, dsl.canonical(proposal.program), seeds, proposal.limits)
            self.evaluations[proposal.hash] = evaluation
            self.new_pending -= 1
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
                new=proposal.limits is not None,
            )
        )
        if evaluation.fitness is not None:
            individual = Individual(proposal.child, proposal.program, evaluation.fitness)
            self.population.add(individual, evaluation)

    def progress(self) -> Progress:
        """Totals of what is committed."""
        committed = self.generated - len(self.pending)
        return Progress(committed, self.trained, self.population.best, time.monotonic() - self.started)
