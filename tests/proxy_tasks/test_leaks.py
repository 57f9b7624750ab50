"""What can be told of the splits of a task from its arrays, and what cannot."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from proxy_tasks.leaks import STRETCH, common, divided, entries

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(100, 5)).astype(np.float32), RNG.integers(3, size=100)
TEXT = RNG.integers(30, size=5000).astype(np.uint8)


class Data(NamedTuple):
    train: dict
    scored: dict


@pytest.mark.parametrize(
    ("data", "test_data", "shared", "scored"),
    [
        ({"train": X, "evaluation": X[:3]}, {"train": X, "evaluation": X[3:]}, ["['train']"], ["['evaluation']"]),
        (Data({"x": X}, {"x": X[:3]}), Data({"x": X}, {"x": X[3:]}), [".train"], [".scored"]),
        ((X, Y, X[:3], Y[:3]), (X, Y, X[3:], Y[3:]), ["[0]", "[1]"], ["[2]", "[3]"]),
        (X, X[3:], [], [""]),
    ],
    ids=["by name", "a tuple of names", "flat", "one array"],
)
def test_what_the_test_data_leave_as_it_is_belongs_to_training(data, test_data, shared, scored):
    assert divided(data, test_data) == (shared, scored)
    assert {*entries(data)} == {*shared, *scored}


def test_examples_that_are_in_both_are_counted():
    split = {"x": X[:80], "y": Y[:80], "mean of x": X.mean(0)}
    assert common(split, {"x": X[77:], "y": Y[77:], "mean of x": X.mean(0)}) == 3
    assert common(split, {"x": X[80:], "y": Y[80:], "mean of x": X.mean(0)}) == 0


def test_an_example_is_all_that_belongs_to_it():
    assert common({"x": X, "y": Y}, {"x": X, "y": Y + 1}) == 0


def test_rows_that_are_alike_by_chance_are_no_leak():
    twice = np.concatenate([X[:80], X[:1]])
    assert common({"x": twice}, {"x": X[79:]}) == 0
    assert common({"x": twice}, {"x": X[78:]}) == 2


def test_a_text_that_goes_on_in_another_split_is_found_wherever_it_is_cut():
    assert common(TEXT[:4000], TEXT[3333:]) > 0
    assert common(TEXT[:4000].astype(np.int32), TEXT[3333:]) > 0
    assert common(TEXT[:4000], TEXT[4000:]) == 0


@pytest.mark.parametrize("length", [40, 80])
def test_a_text_that_is_cut_into_rows_is_found_in_one_that_is_not(length):
    rows = TEXT[-20 * length :].reshape(20, length)
    assert common(TEXT[: -10 * length], RNG.permutation(rows)) == 10
    assert common(TEXT[: -20 * length], rows) == 0


def test_a_text_may_quote_another():
    other = np.concatenate([RNG.integers(30, size=500 * STRETCH), TEXT[:STRETCH]]).astype(np.uint8)
    assert common(TEXT, other) == 0
    rows = RNG.integers(30, size=(200, STRETCH))
    assert common(rows[:100], rows[99:]) == 0
    assert common(rows[:100], rows[50:]) == 50


@pytest.mark.parametrize(
    ("split", "other"),
    [
        (Y[:80], Y[80:]),
        (np.eye(3)[Y[:80]], np.eye(3)[Y[80:]]),
        (X[:80, 0], X[:3, 0]),
        (X, X[:, :3]),
        (X, X.astype(np.float64)),
        (np.float32(1), np.float32(1)),
        ([], []),
        (np.zeros(1000, np.uint8), np.zeros(500, np.uint8)),
        (TEXT, TEXT[:100].reshape(10, 10)),
        (np.zeros((0, 3)), np.zeros((0, 3))),
    ],
    ids=[
        "labels",
        "one-hot labels",
        "a number each",
        "of another shape",
        "of another dtype",
        "no axis",
        "nothing",
        "one token",
        "short rows",
        "no examples",
    ],
)
def test_what_cannot_be_told_is_not_told(split, other):
    assert common(split, other) is None
