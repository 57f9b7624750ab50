"""When an evaluation under some limits answers a question under others."""

from __future__ import annotations

import math

import pytest

from proxy_tasks import NEVER, NON_FINITE, STOPPED_EARLY, TRAINED, Outcome
from search.evaluator import Evaluation, Limits, answers

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
