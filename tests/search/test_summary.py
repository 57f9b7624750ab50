"""The end of a run: how its scores are written, and what it warns of."""

from __future__ import annotations

from pathlib import Path

import pytest

import dsl
import search
from search.evaluator import Evaluation
from search.funnel import Score, Stage
from search.journal import Child, Totals
from search.result import Result
from search.summary import comparison, format_score

BOUNDED = "def train(w, g, m, v, lr):\n  u = {}(g)\n  u = u * lr\n  return u, m, v\n"


def ended(function: str, *stages: Stage) -> Result:
    """A run whose winner is a function of the gradient."""
    program = dsl.parse(BOUNDED.format(function))
    child = Child(9, 0, "insert", program, dsl.canonical_hash(program), Evaluation("trained", 0.5, ()), True)
    return Result(Path("run"), {"task": "digits"}, {}, {"": Totals(0, 0, {})}, 0.0, [*stages], "9", child, {}, {})


@pytest.mark.parametrize(
    "losses, written",
    [
        ((0.0344, 0.0368), "0.0356 +- 0.0012"),
        ((0.0036258, 0.0037742), "0.003700 +- 0.000074"),
        ((3.0e-8, 3.2e-8), "3.1e-08 +- 1e-09"),
        ((120.0, 121.0), "120.5000 +- 0.5000"),
        ((1e30, 3e30), "2e+30 +- 1e+30"),
        ((0.1, 0.1, 0.1), "0.1000 +- 0.0000"),
        ((0.25,), "0.2500"),
    ],
)
def test_a_mean_and_its_error_have_the_same_decimals(losses, written):
    assert format_score(Score(losses, "trained")) == written


def test_the_columns_are_as_wide_as_what_is_shown():
    small, plain = Score((0.0036258, 0.0037742), "trained"), Score((0.0344, 0.0368), "trained")
    header, first, second = comparison(
        ended(
            "sign",
            Stage(1, 2, {"adamw": plain, "lion": plain}, {"9": small}),
            Stage(10, 2, {"adamw": plain, "lion": Score((), "non-finite")}, {}),
        )
    )[-3:]
    assert header == "    task        seeds                winner             AdamW              Lion"
    assert first == "    digits x1       2  0.003700 +- 0.000074  0.0356 +- 0.0012  0.0356 +- 0.0012"
    assert second == "    digits x10      2                     -  0.0356 +- 0.0012        non-finite"


def test_the_summary_warns_in_one_line_of_gradients_on_which_updates_are_not_finite():
    (line,) = [line for line in search.summary(ended("arcsin")).splitlines() if "Caution" in line]
    assert line.startswith("Caution: on normally distributed gradients of standard deviation 1 or 10 its updates are")
    assert line.endswith("(tried: 0.001, 1 and 10).")
    assert "Caution" not in search.summary(ended("sign"))
