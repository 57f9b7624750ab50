"""Scoring a program: its first seed with early stopping, the other seeds only near the best (raced).

Deviation: the paper trains every candidate once and to the end. Trainings of milliseconds depend on the seed, and a
search exploits a single one at once; two candidates in three are hopeless by half of their first training.
"""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import dsl
import proxy_tasks
from proxy_tasks import NEVER, STOPPED_EARLY, TRAINED, Outcome, TaskError
from proxy_tasks.outcome import under
from search.errors import SearchError

# How an evaluation may fail beside the kinds of an outcome.
TASK_ERROR, TIMED_OUT, WORKER_LOST = "task error", "timed out", "worker lost"
NO_OUTCOME = (TASK_ERROR, TIMED_OUT, WORKER_LOST)


AnyTrainer: TypeAlias = "proxy_tasks.Trainer | proxy_tasks.Combination"


@dataclass(frozen=True)
class Limits:
    """What a candidate is measured against; taken from the state of the search it was proposed from.

    Attributes:
        thresholds: its first training is stopped at a checkpoint where its curve lies above.
        race: it is trained with the other seeds if its loss with the first is not above.
        heat: trainings of the first seed, one on each task; the race compares the mean of their losses.
    """

    thresholds: tuple[float, ...] = NEVER
    race: float = math.inf
    heat: int = 1

    def lost_by(self, outcomes: Sequence[Outcome]) -> bool:
        """Whether a program loses the race by its trainings so far, all of which came to a loss."""
        return len(outcomes) >= self.heat and mean_loss(outcomes[: self.heat]) > self.race


@dataclass(frozen=True)
class Evaluation:
    """What became of a program.

    Attributes:
        kind: "trained", the kind of the outcome that failed, or "task error", "timed out" or "worker lost".
        fitness: mean validation loss over the seeds, lower is better; None unless trained.
        outcomes: the trainings, in the order of the seeds.
        seconds: that they took; two evaluations are equal whatever they took.
        worker: where they were made.
        error: the traceback of a task error.
    """

    kind: str
    fitness: float | None
    outcomes: tuple[Outcome, ...]
    seconds: float = field(default=0.0, compare=False)
    worker: str = field(default="", compare=False)
    error: str = field(default="", compare=False)


def evaluate(
    trainer: AnyTrainer, program: dsl.Program, seeds: tuple[int, ...], limits: Limits = Limits()
) -> Evaluation:
    """Trains a canonical program and scores it: a function of its arguments, on one machine.

    What the task raises is a failure of the program, with its traceback.
    """
    started = time.monotonic()
    outcomes: list[Outcome] = []
    try:
        for seed in seeds:
            outcomes.append(trainer.train(program, seed, NEVER if outcomes else limits.thresholds))
            if not _goes_on(outcomes, limits):
                break
        found = score(tuple(outcomes))
    except Exception:
        found = Evaluation(TASK_ERROR, None, tuple(outcomes), error=traceback.format_exc())
    return replace(found, seconds=time.monotonic() - started)


def evaluate_many(
    trainer: AnyTrainer, programs: Sequence[dsl.Program], seeds: tuple[int, ...], limits: Sequence[Limits]
) -> list[Evaluation]:
    """The evaluation of each program, as `evaluate` gives it; their trainings share the calls of the compiled loop.

    If the task raises an error, each is evaluated by itself.
    """
    outcomes: list[list[Outcome]] = [[] for _ in programs]
    seconds = [0.0] * len(programs)
    going = list(range(len(programs)))
    try:
        for place, seed in enumerate(seeds):
            thresholds = [NEVER if place else limits[number].thresholds for number in going]
            started = time.monotonic()
            trained = trainer.train_many([programs[number] for number in going], seed, thresholds)
            a_step = (time.monotonic() - started) / max(1, sum(outcome.steps for outcome in trained))
            for number, outcome in zip(going, trained, strict=True):
                outcomes[number].append(outcome)
                seconds[number] += outcome.steps * a_step
            going = [number for number in going if _goes_on(outcomes[number], limits[number])]
    except Exception:
        return [evaluate(trainer, *job) for job in zip(programs, [seeds] * len(programs), limits, strict=True)]
    return [replace(score(tuple(found)), seconds=spent) for found, spent in zip(outcomes, seconds, strict=True)]


def _goes_on(outcomes: Sequence[Outcome], limits: Limits) -> bool:
    """Whether a program is trained with its next seed."""
    return outcomes[-1].loss is not None and not limits.lost_by(outcomes)


def expect_outcome(evaluation: Evaluation, what: str) -> None:
    """Ends a run where a program comes to no outcome that every task has to train.

    Raises:
        TaskError: with the traceback as a note, if the task failed.
        SearchError: if its worker was lost, or it took too long.
    """
    if evaluation.kind == WORKER_LOST:
        raise SearchError(
            f"workers are lost while they train {what} ({evaluation.error}): see what the task does, or give each more"
            " memory by fewer ray.workers"
        )
    if evaluation.kind == TIMED_OUT:
        raise SearchError(f"training {what} takes more than ray.deadline_s: see what the task does, or give it more")
    if evaluation.kind == TASK_ERROR:
        said = evaluation.error.strip().splitlines()[-1]
        error = TaskError(f"the task fails while it trains {what}: {said}; mend it, and run it again")
        error.add_note(evaluation.error.rstrip())
        raise error


def answers(evaluation: Evaluation, limits: Limits, seeds: int) -> bool:
    """Whether a program that was evaluated under other limits need not be evaluated again under these.

    A training that was stopped says nothing of looser thresholds beyond the part of the curve that it has, and one
    that lost the race nothing of a looser race.

    Args:
        evaluation: of the program.
        limits: of the question.
        seeds: that a program near the best is trained with.
    """
    if evaluation.kind in NO_OUTCOME:  # nothing that limits could change
        return True
    first = evaluation.outcomes[0]
    if first.kind == STOPPED_EARLY:
        return any(loss > limit for loss, limit in zip(first.curve, limits.thresholds, strict=False))
    raced_out = evaluation.kind == TRAINED and len(evaluation.outcomes) < seeds
    return not raced_out or limits.lost_by(evaluation.outcomes)


def score(outcomes: tuple[Outcome, ...]) -> Evaluation:
    """The mean loss of trainings with several seeds, or how the first that failed ended."""
    failed = next((outcome for outcome in outcomes if outcome.loss is None), None)
    if failed:
        return Evaluation(failed.kind, None, outcomes)
    return Evaluation(TRAINED, mean_loss(outcomes), outcomes)


def mean_loss(outcomes: Sequence[Outcome]) -> float:
    """Of trainings that all came to a loss."""
    return sum(outcome.loss for outcome in outcomes if outcome.loss is not None) / len(outcomes)


def restricted(evaluation: Evaluation, limits: Limits, seeds: int, steps: int) -> Evaluation | None:
    """What a program that was evaluated under other limits would come to under these; None where it has to be trained.

    Args:
        evaluation: of the program, with the first of the same seeds; one that came to an outcome.
        limits: of the question.
        seeds: that a program near the best is trained with.
        steps: of a whole training.
    """
    first = under(evaluation.outcomes[0], limits.thresholds, steps)
    if first is None:
        return None
    outcomes = (first, *evaluation.outcomes[1:seeds]) if first.loss is not None else (first,)
    heat = outcomes[: limits.heat]
    if heat[-1].loss is not None and limits.lost_by(heat):
        outcomes = heat
    elif len(outcomes) < seeds and outcomes[-1].loss is not None:
        return None
    return replace(score(outcomes), seconds=evaluation.seconds, worker=evaluation.worker)


def merged(trainings: Iterable[Evaluation]) -> Evaluation:
    """The evaluation of a program from those with one seed each, in the order of the seeds, up to the first failure."""
    outcomes: list[Outcome] = []
    made: list[Evaluation] = []
    for training in trainings:
        made.append(training)
        if training.kind in NO_OUTCOME:
            return training
        outcomes += training.outcomes
        if training.fitness is None:
            break
    return replace(score(tuple(outcomes)), seconds=sum(e.seconds for e in made), worker=made[-1].worker)
