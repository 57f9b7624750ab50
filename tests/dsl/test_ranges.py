"""Ranges: no value of a function leaves the range that its rule gives, and none is NaN or infinite without notice."""

from __future__ import annotations

import math
from itertools import combinations_with_replacement, product

import numpy as np
import pytest

from dsl.functions import FUNCTIONS, Rule
from dsl.ranges import _RULES, Range

ENDS = (-math.inf, -1e12, -200.0, -2.5, -1.57, -1.0, -0.4, -1e-9, 0.0, 1e-9, 0.4, 1.0, 1.57, 2.5, 200.0, 1e12, math.inf)
FEW = (-math.inf, -30.0, -1.0, -0.4, 0.0, 0.4, 1.0, 30.0, math.inf)
PAIRS = {
    arity: [pair for pair in combinations_with_replacement(ends, 2) if pair[0] < pair[1] or math.isfinite(pair[0])]
    for arity, ends in {1: ENDS, 2: FEW, 3: FEW[::2]}.items()
}
WITH_A_RULE = [FUNCTIONS[name] for name in _RULES if name in FUNCTIONS]
rng = np.random.default_rng(0)


def values(low: float, high: float, count: int) -> np.ndarray:
    """Numbers between the ends, and these, in float32."""
    inner = np.clip([low, high], -1e30, 1e30)
    drawn = rng.uniform(*inner, size=count)
    steps = np.geomspace(1e-12, 1, count) * (inner[1] - inner[0])
    return np.array([low, high, *drawn, *(inner[0] + steps), *(inner[1] - steps)], np.float32).clip(low, high)


def assert_within(found: np.ndarray, expected: Range, what: str) -> None:
    assert expected.nan or not np.isnan(found).any(), f"{what}: NaN, but {expected}"
    found = found[~np.isnan(found)].astype(np.float64)
    slack = np.where(np.isfinite(found), 1e-5 * np.abs(found) + 1e-7, 0.0)
    assert np.all(found + slack >= expected.low) and np.all(found - slack <= expected.high), f"{what}: {expected}"
    # a sign that the range excludes must not come about by rounding either
    assert expected.low <= 0 or np.all(found > 0), what
    assert expected.high >= 0 or np.all(found < 0), what


@pytest.mark.parametrize("row", [row for row in WITH_A_RULE if row.rule is Rule.ELEMENTWISE], ids=lambda row: row.name)
def test_no_element_leaves_its_range(row):
    for pairs in product(PAIRS[row.arity], repeat=row.arity):
        expected = _RULES[row.name](*(Range(low, high) for low, high in pairs))
        columns = [values(low, high, 6) for low, high in pairs]
        grids = [grid.ravel() for grid in np.meshgrid(*columns)]
        with np.errstate(all="ignore"):
            assert_within(np.asarray(row.meaning(*grids), np.float32), expected, f"{row.name} of {pairs}")


@pytest.mark.parametrize(
    "row", [row for row in WITH_A_RULE if row.rule is not Rule.ELEMENTWISE], ids=lambda row: row.name
)
def test_no_reduction_leaves_its_range(row):
    for pairs in product(PAIRS[2], repeat=row.arity):
        expected = _RULES[row.name](*(Range(low, high) for low, high in pairs))
        for _ in range(3):
            trees = [[rng.permutation(values(low, high, 2))[:4], values(low, high, 1)[:1]] for low, high in pairs]
            arguments = trees[:1] + [tree[1][0] for tree in trees[1:]] if row.rule is Rule.CLIP else trees
            with np.errstate(all="ignore"):
                norms = row.rule is Rule.NORM
                found = [row.meaning(leaf) for leaf in trees[0]] if norms else row.meaning(*arguments)
            flat = np.concatenate([np.ravel(part) for part in (found if isinstance(found, list) else [found])])
            assert_within(flat.astype(np.float32), expected, f"{row.name} of {trees}")


def test_an_argument_that_may_be_nan_makes_a_result_that_may_be():
    for row in WITH_A_RULE:
        for position in range(row.arity):
            arguments = [Range(0.2, 0.5, nan=i == position) for i in range(row.arity)]
            assert _RULES[row.name](*arguments).nan, (row.name, position)


def test_a_denominator_near_zero_has_no_bound():
    assert _RULES["over"](Range(-2e-8, -1e-8 - 1e-15)).low == -math.inf
    assert _RULES["over"](Range(-1e-8 + 1e-15, 1.0)) == Range(-math.inf, math.inf)
    assert _RULES["over"](Range(0.0, 1.0)).high == pytest.approx(1e8, rel=1e-5)
