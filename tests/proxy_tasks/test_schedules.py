"""The shape of the learning-rate schedule."""

from __future__ import annotations

import numpy as np
import pytest

from proxy_tasks.schedules import cosine


def test_the_learning_rate_rises_for_the_warm_up_and_falls_from_then_on():
    lr = cosine(500, warm_up=0.05)
    assert lr[25] == 1 and np.count_nonzero(lr == 1) == 1
    assert np.all(np.diff(lr[:26]) > 0) and np.all(np.diff(lr[25:]) < 0)
    assert 0 < lr[-1] < 1e-4


def test_without_warm_up_the_first_step_is_the_peak():
    assert cosine(10, warm_up=0)[0] == 1


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_the_peak_is_1_however_few_the_steps(steps):
    lr = cosine(steps)
    assert lr.shape == (steps,) and lr.max() == 1
