"""Regularized evolution, as one sentence: select, mutate until valid, hash, cached?, train, record.

arXiv 2302.06675, section 2.2; E. Real et al., arXiv 2003.03384. A search is a function of its configuration and seed:
child i is proposed from the state after commit c, the smallest c such that the children between c and i number at most
`window.children` and hold at most `window.new` hashes that no child had before. A child of a hash that was met is
trained only where the earlier training was stopped, or lost the race, under limits that were tighter. A limit of the
budget that is reached ends a search with that commit, so that what it found is the beginning of a longer one.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

import dsl
from proxy_tasks import several
from search.cache import Cache
from search.config import Config
from search.evaluator import Evaluation, Limits, answers
from search.journal import Child, Journal, Recorded
from search.limits import reached_by_best
from search.population import Individual, Population
from search.streams import Streams
from search.workers import Pending

NO_VALID_CHILD = "no valid child"


@dataclass(frozen=True)
class Progress:
    """Where a search stands.

    Attributes:
        generated: children committed.
        trained: those that were really trained.
        best: the best program so far.
        seconds: wall-clock time of the search, interruptions left out.
        reached: the limit of the budget that ended it, NO_VALID_CHILD, or "" while it may go on.
    """

    generated: int
    trained: int
    best: Individual
    seconds: float
    reached: str


@dataclass(frozen=True)
class _Proposal:
    """A child that waits for its commit.

    Attributes:
        child: number.
        parent: number of the parent.
        mutation: kind of the mutation.
        program: it, or its text where the journal has it.
        hash: of the program.
        first: whether no child had this hash before.
        limits: that a training has to keep.
        asked: the evaluation that was asked for; None: a program of this hash was proposed before.
        recorded: the child, where the journal has it; `limits` and `asked` are None then.
    """

    child: int
    parent: int
    mutation: str
    program: dsl.Program | str
    hash: str
    first: bool
    limits: Limits | None = None
    asked: Pending | None = None
    recorded: Recorded | None = None

    def is_under_way(self) -> bool:
        """Whether its evaluation is there or being worked on."""
        return self.asked is None or self.asked.under_way()


def evolve(
    config: Config,
    start: dsl.Program,
    evaluation: Evaluation,
    cache: Cache,
    journal: Journal,
    report: Callable[[Progress], None] = lambda progress: None,
    past: Iterable[Recorded] = (),
    interrupted: Callable[[], bool] = lambda: False,
) -> Generator[bool, None, Progress]:
    """Searches until a limit of the budget is reached, or no valid child is left.

    Args:
        config: of the search.
        start: the warm-start program.
        evaluation: of `start`, with all seeds.
        cache: has programs trained on the task of the search.
        journal: takes every child in the order of proposal.
        report: called after every commit.
        past: the children that the journal already has, in order; the search goes on as if it had never stopped.
        interrupted: whether to stop: what is under way is finished and committed.

    Yields:
        Whether it waits for an evaluation; False after a commit.
    """
    search = _Search(config, start, evaluation, cache, journal, past)
    while not search.reached():
        if search.may_propose() and not search.full() and not interrupted():
            search.propose()
        elif search.pending and (search.pending[0].is_under_way() or not interrupted()):
            if not (yield from search.commit(interrupted)):
                break
            report(search.progress())
            yield False
        else:
            break
    return search.progress()


class _Search:
    """The state of a search: what is committed, and the proposals under way."""

    def __init__(
        self,
        config: Config,
        start: dsl.Program,
        evaluation: Evaluation,
        cache: Cache,
        journal: Journal,
        past: Iterable[Recorded],
    ):
        assert evaluation.fitness is not None
        self.config, self.cache, self.journal, self.past = config, cache, journal, iter(past)
        first, tasks = Individual(0, start, evaluation.fitness), len(several(config.task))
        self.population = Population(first, evaluation, config.population, tasks)
        self.evaluations = {dsl.canonical_hash(start): evaluation}
        self.known = set(self.evaluations)
        self.pending: deque[_Proposal] = deque()
        self.generated = self.trained = self.new_pending = 0
        self.exhausted = False
        self.streams = Streams(config.seed)
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Wall-clock time of the search, interruptions left out."""
        return time.monotonic() - self.started

    @property
    def committed(self) -> int:
        """Number of children committed."""
        return self.generated - len(self.pending)

    def reached(self) -> str:
        """What has ended the search, or ""; a function of what is committed."""
        budget, best = self.config.budget, self.population.best
        if 0 < budget.generated <= self.committed:
            return "generated"
        if 0 < budget.trained <= self.trained:
            return "trained"
        if limit := reached_by_best(budget.target, budget.plateau, best.fitness, best.id, self.committed):
            return limit
        if self.exhausted and not self.pending:
            return NO_VALID_CHILD
        return ""

    def may_propose(self) -> bool:
        """Whether a further child could be within the budget, counting what is under way."""
        budget = self.config.budget
        return not (
            self.exhausted
            or 0 < budget.generated <= self.generated
            or 0 < budget.trained <= self.trained + self.new_pending
            or 0 < budget.seconds <= self.seconds
        )

    def full(self) -> bool:
        """Whether the next child has to wait for a commit."""
        window = self.config.window
        return len(self.pending) > window.children or self.new_pending > window.new

    def propose(self) -> None:
        """The next child, of the journal if that has it."""
        recorded = next(self.past, None)
        proposal = self.again(recorded) if recorded else self.new(self.generated + 1)
        if proposal is None:
            self.exhausted = True
            return
        if proposal.first:
            self.known.add(proposal.hash)
            self.new_pending += 1
        self.generated = proposal.child
        self.pending.append(proposal)

    def new(self, number: int) -> _Proposal | None:
        """Select, mutate until valid, hash; cached? if not, train."""
        rng = self.streams(number)
        parent = self.population.select(rng, self.config.tournament)
        try:
            program, mutation = dsl.propose(parent.program, rng, self.config.mutation)
        except dsl.ProgramError:  # deletions alone, say, end with a program that none can be taken from
            return None
        hash = dsl.canonical_hash(program)
        limits, first = self.population.limits(self.config.fitness), hash not in self.known
        asked = self.ask(hash, program, limits) if first or self.is_open(hash, limits) else None
        return _Proposal(number, parent.id, mutation.kind, program, hash, first, limits, asked)

    def again(self, recorded: Recorded) -> _Proposal:
        """A child that was committed before the search was interrupted."""
        self.started = time.monotonic() - recorded.seconds
        id, parent, mutation, text, hash, *_ = recorded
        return _Proposal(id, parent, mutation, text, hash, hash not in self.known, recorded=recorded)

    def is_open(self, hash: str, limits: Limits) -> bool:
        """Whether the evaluation of a hash is committed and does not answer for these limits."""
        known = self.evaluations.get(hash)
        return known is not None and not answers(known, limits, len(self.cache.trials))

    def ask(self, hash: str, program: dsl.Program, limits: Limits) -> Pending:
        """Train."""
        return self.cache.submit(hash, dsl.canonical(program), limits)

    def commit(self, interrupted: Callable[[], bool]) -> Generator[bool, None, bool]:
        """Record; yields True as long as the evaluation of the oldest proposal is not there.

        Returns:
            False if it will not be there, since the search is interrupted and nobody is at it.
        """
        proposal = self.pending[0]
        if asked := self.training_of(proposal):
            while not asked.ready():
                if interrupted() and not asked.under_way():
                    return False
                yield True
        evaluation = asked.result() if asked else proposal.recorded and proposal.recorded.evaluation
        self.pending.popleft()
        self.new_pending -= proposal.first
        if evaluation:
            self.evaluations[proposal.hash] = evaluation
            self.trained += 1
        new, evaluation = evaluation is not None, self.evaluations[proposal.hash]
        if isinstance(proposal.program, dsl.Program):
            child = (proposal.child, proposal.parent, proposal.mutation, proposal.program, proposal.hash)
            self.journal.record(Child(*child, evaluation, new), self.seconds)
        if evaluation.fitness is not None:
            self.population.add(Individual(proposal.child, proposal.program, evaluation.fitness), evaluation)
        return True

    def training_of(self, proposal: _Proposal) -> Pending | None:
        """The evaluation made for a proposal; None if the journal has it, or that of an earlier child answers."""
        if proposal.recorded:
            return None
        assert proposal.limits and isinstance(proposal.program, dsl.Program)
        if not proposal.first and not self.is_open(proposal.hash, proposal.limits):
            return None
        return proposal.asked or self.ask(proposal.hash, proposal.program, proposal.limits)

    def progress(self) -> Progress:
        """Totals of what is committed."""
        return Progress(self.committed, self.trained, self.population.best, self.seconds, self.reached())
