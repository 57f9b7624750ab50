"""Random programs mean the same in every target as in `dsl.step`.

Five steps in float64. What is allowed is 1e-9 of a weight's size, or of 1 where that is smaller, and ten times what
changes of 1e-7 in all numbers of a program make: decimals are exported, and a program has the float32 next to them.
Steps count until a training, or one of those with changes, is lost.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from dsl.export import export
from tests.dsl.exported import RUNNERS, by_optax, by_torch

LOST = 1e6  # weights beyond this are those of a training that diverged
WAYS = RUNNERS | {"optax": partial(by_optax, compiled=False)}


def expect_same(programs, way, train, learning_rates) -> None:
    compared = steps = 0
    for program in programs:
        exact = train(program)
        moved = np.array([train(program, noise=noise) for noise in (1, 2, 3)])
        with np.errstate(all="ignore"):
            found = train(program, advance=way(program, lambda t: learning_rates[int(t)]))
            kept = np.all(np.abs([exact, *moved]) < LOST, axis=(0, 2))
            allowed = 1e-9 * np.maximum(np.abs(exact), 1) + 10 * np.max(np.abs(moved - exact), axis=0)
            same = np.abs(found - exact) <= allowed
        count = int(kept.cumprod().sum())
        assert same[:count].all(), f"{found - exact}\n{program}"
        compared, steps = compared + count, steps + len(exact)
    assert compared > steps / 2


@pytest.mark.parametrize("to", WAYS)
@pytest.mark.parametrize("count", [20, pytest.param(150, marks=pytest.mark.slow)])
def test_random_programs_mean_the_same(to, count, descendant, wild, train, learning_rates):
    programs = [make(count, number) for number in range(count) for make in (descendant, wild)]
    expect_same(programs, WAYS[to], train, learning_rates)


@pytest.mark.parametrize("count", [20, pytest.param(150, marks=pytest.mark.slow)])
def test_in_torch_they_do_for_many_tensors_at_once(count, descendant, wild, train, learning_rates):
    programs = [make(count, number) for number in range(count) for make in (descendant, wild)]
    able = [program for program in programs if "_multi_tensor" in export(program, "torch")]
    assert len(able) > count / 2
    expect_same(able, partial(by_torch, foreach=True), train, learning_rates)
