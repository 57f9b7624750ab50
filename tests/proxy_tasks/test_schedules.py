"""The shapes of the learning-rate schedules."""

from __future__ import annotations

import numpy as np
import pytest

from proxy_tasks.schedules import SCHEDULES, constant, cosine, linear


@pytest.mark.parametrize("schedule", [cosine, linear])
def test_the_learning_rate_rises_for_the_warm_up_and_falls_from_then_on(schedule):
    lr = schedule(500, warm_up=0.05)
    assert lr[25] == 1 and np.count_nonzero(lr == 1) == 1
    assert np.all(np.diff(lr[:26]) > 0) and np.all(np.diff(lr[25:]) < 0)
    assert 0 < lr[-1] < 3e-3


def test_a_constant_learning_rate_stays_at_the_peak_after_the_warm_up():
    lr = constant(500, warm_up=0.05)
    assert np.all(np.diff(lr[:26]) > 0) and np.all(lr[25:] == 1)


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_without_warm_up_the_first_step_is_the_peak(schedule):
    assert schedule(10, warm_up=0)[0] == 1


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_the_peak_is_1_however_few_the_steps(steps, schedule):
    lr = schedule(steps)
    assert lr.shape == (steps,) and lr.max() == 1
