"""Evaluations of several programs at once, and when one under some limits answers a question under others."""

from __future__ import annotations

import math
from itertools import cycle
from typing import Any

import numpy as np
import pytest

import dsl
from proxy_tasks import NEVER, NON_FINITE, STOPPED_EARLY, TRAINED, Outcome, TaskError
from search.errors import SearchError
from search.evaluator import (
    TASK_ERROR,
    TIMED_OUT,
    WORKER_LOST,
    Evaluation,
    Limits,
    answers,
    evaluate,
    evaluate_many,
    expect_outcome,
)

STOPPED = Outcome(STOPPED_EARLY, None, (2.0, 1.5), 50)
DIVERGED = Outcome(NON_FINITE, None, (2.0,), 30)
FULL = Outcome(TRAINED, 1.0, (2.0, 1.5, 1.2, 1.1), 200)


@pytest.mark.parametrize(
    ("outcomes", "thresholds", "race", "expected"),
    [
        ((STOPPED,), (3.0, 1.4, 1.0), math.inf, True),  # it would be stopped at the same place
        ((STOPPED,), (1.9, 9.0, 9.0), math.inf, True),  # or before
        ((STOPPED,), (3.0, 1.5, 1.0), math.inf, False),  # what comes then is not known
        ((STOPPED,), NEVER, math.inf, False),
        ((DIVERGED,), NEVER, math.inf, True),
        ((FULL, FULL), NEVER, math.inf, True),
        ((FULL, FULL), (0.0, 0.0, 0.0), 0.0, True),  # more is known than is asked
        ((FULL, DIVERGED), NEVER, math.inf, True),
        ((FULL,), NEVER, 0.9, True),  # it lost the race, and would again
        ((FULL,), NEVER, 1.0, False),
    ],
)
def test_an_evaluation_answers_what_it_went_far_enough_for(outcomes, thresholds, race, expected):
    failed = [outcome for outcome in outcomes if outcome.loss is None]
    evaluation = Evaluation(failed[0].kind if failed else TRAINED, None if failed else 1.0, outcomes)
    assert answers(evaluation, Limits(thresholds, race), seeds=2) is expected


WORSE = Outcome(TRAINED, 3.0, FULL.curve, 200)


@pytest.mark.parametrize("race, lost", [(1.9, True), (2.0, False)])
def test_several_tasks_are_raced_together(race, lost):
    limits = Limits(race=race, heat=2)
    assert not limits.lost_by((FULL,)) and not limits.lost_by((WORSE,))
    assert limits.lost_by((WORSE, FULL)) is lost and limits.lost_by((FULL, WORSE, WORSE)) is lost
    assert answers(Evaluation(TRAINED, 2.0, (WORSE, FULL)), limits, seeds=4) is lost


@pytest.mark.parametrize(
    "kind, error, match",
    [
        (TASK_ERROR, TaskError, "the task fails while it trains lion: ValueError: no; mend it"),
        (WORKER_LOST, SearchError, r"workers are lost while they train lion \(ValueError: no\): .* memory"),
        (TIMED_OUT, SearchError, "training lion takes more than ray.deadline_s"),
    ],
)
def test_a_program_that_every_task_has_to_train_ends_the_run_where_it_comes_to_no_outcome(kind, error, match):
    expect_outcome(Evaluation(TRAINED, 1.0, (FULL,)), "lion")
    with pytest.raises(error, match=match):
        expect_outcome(Evaluation(kind, None, (), error="ValueError: no"), "lion")


def mutants(count: int) -> list[dsl.Program]:
    """Some train, and some do not."""
    rng, start = np.random.default_rng(0), dsl.known("adamw", learning_rate=0.1, weight_decay=0.1)
    return [dsl.canonical(dsl.mutate(dsl.mutate(start, rng), rng)) for _ in range(count)]


def test_several_programs_are_evaluated_as_each_would_be(quadratic_trainer):
    rng, programs, seeds = np.random.default_rng(1), mutants(150), (0, 1, 2)
    start = evaluate(quadratic_trainer, dsl.canonical(dsl.known("adamw", learning_rate=0.1, weight_decay=0.1)), seeds)
    limits = [
        Limits(
            tuple(rng.uniform(0.5, 3) * c for c in start.outcomes[0].curve[:3]),
            rng.uniform(0.5, 3) * start.fitness,
            heat,
        )
        for heat, _ in zip(cycle((1, 2)), programs, strict=False)
    ]
    found = evaluate_many(quadratic_trainer, programs, seeds, limits)
    assert found == [evaluate(quadratic_trainer, p, seeds, own) for p, own in zip(programs, limits, strict=True)]
    assert {evaluation.kind for evaluation in found} == {TRAINED, STOPPED_EARLY, NON_FINITE}
    assert {len(evaluation.outcomes) for evaluation in found} >= {1, 2, 3}
    assert all(evaluation.seconds > 0 for evaluation in found)


def test_a_program_on_which_the_task_fails_costs_the_others_nothing(quadratic_trainer):
    programs = mutants(10)

    class Failing:
        """Fails with the fourth program."""

        def train_many(self, several: list[dsl.Program], *_: Any) -> list[Outcome]:
            return [self.train(program) for program in several]

        def train(self, program: dsl.Program, *arguments: Any) -> Outcome:
            if program == programs[3]:
                raise ZeroDivisionError
            return quadratic_trainer.train(program, *arguments)

    found = evaluate_many(Failing(), programs, (0, 1), [Limits()] * 10)  # type: ignore[arg-type]
    assert [evaluation.kind == TASK_ERROR for evaluation in found] == [number == 3 for number in range(10)]
    alone = evaluate_many(quadratic_trainer, programs, (0, 1), [Limits()] * 10)
    assert found[:3] + found[4:] == alone[:3] + alone[4:]
