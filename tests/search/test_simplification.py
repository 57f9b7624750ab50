"""Simplification on tasks: what makes no difference goes, what does stays, and nothing gets worse beyond the margin."""

from __future__ import annotations

import io
import math
import os
import re
from pathlib import Path

import numpy as np
import pytest

import dsl
from search import Config, SearchError
from search.config import SimplifyConfig
from search.console import Console
from search.interruption import Interrupted
from search.judge import FIRST_COMPARING_SEED, Change, Hearing, Judge, quantile
from search.simplification import simplify_on_tasks
from search.workers import Bench

HERE = Path(__file__).parent
TASK = f"{HERE / 'quadratic.py'}:Quadratic"
CONFIG = Config(
    task=TASK, workers="inline", simplify=SimplifyConfig(margin=0.05, seeds=24, scales=(10,), larger_seeds=12)
)
GIVEN = dsl.parse("""
def train(w, g, m, lr):
  a = tanh(g)
  b = a * 1e-4
  m = interp(g, m, 0.51237)
  c = m + b
  u = c * 0.1503749
  u = u * lr
  return u, m
""")


@pytest.fixture(scope="module")
def found():
    return simplify_on_tasks(CONFIG, GIVEN)


def test_what_makes_no_difference_goes(found):
    functions = [s.function for s in found.program.statements]
    assert "tanh" not in functions and len(found.program) < len(dsl.simplify(GIVEN))
    assert all(step.after == after.before for step, after in zip(found.steps, found.steps[1:], strict=False))


def test_constants_are_left_with_the_digits_that_matter(found):
    assert "503749" in str(dsl.simplify(GIVEN)) and "503749" not in str(found.program)


def test_nothing_gets_worse_beyond_the_margin_on_any_task(found):
    for changes in (*(step.changes for step in found.steps), found.changes):
        assert [change.task for change in changes] == ["quadratic x1", "quadratic x10"]
    for step in found.steps:
        assert all(change.bound(0.95) <= 0.05 for change in step.changes)
    assert all(change.mean < 0.1 for change in found.changes)


def test_what_matters_stays_and_is_told_with_what_it_is_worth():
    stream = io.StringIO()
    given = dsl.parse("def train(w, g, lr):\n  a = lr * 0.2\n  b = g * 3.0\n  c = tanh(b)\n  u = c * a\n  return u")
    kept = simplify_on_tasks(CONFIG, given, Console(stream=stream))
    assert "tanh" in str(kept.program)
    costs = dict(re.findall(r"stays, 5% cannot be ruled out: (.*) \(quadratic x\d+ (\S+)%", stream.getvalue()))
    assert next(float(share) for why, share in costs.items() if "tanh" in why) > 5


def test_statements_that_only_together_can_be_spared_go_together():
    stream = io.StringIO()
    given = dsl.parse("def train(w, g, lr):\n  a = arcsinh(g)\n  b = sinh(a)\n  c = lr * 0.2\n  u = b * c\n  return u")
    found = simplify_on_tasks(CONFIG, given, Console(stream=stream))
    assert [s.function for s in found.program.statements] == ["*", "*"]
    assert len(found.steps) == 1 and " becomes b = a and " not in found.steps[0].why
    assert found.steps[0].why.count(" becomes ") == 2


def test_a_factor_that_rounding_made_one_goes():
    config = Config(task=TASK, workers="inline", simplify=SimplifyConfig(margin=0.2, seeds=12, scales=()))
    given = dsl.parse(
        "def train(w, g, lr):\n  a = lr * 0.2\n  b = g * a\n  c = w * 0.97\n  d = tanh(c)\n  u = b + d\n  return u"
    )
    found = simplify_on_tasks(config, given).program
    assert not any(1.0 in s.arguments for s in found.statements) and dsl.simplify(found) == found


def test_where_nothing_can_be_spared_nothing_is_claimed():
    config = Config(task=TASK, workers="inline", simplify=SimplifyConfig(margin=0.0, seeds=6, scales=()))
    found = simplify_on_tasks(config, dsl.parse("def train(w, g, lr):\n  u = g * 0.2\n  return u"))
    assert found.steps == () and found.changes == () and found.program == found.given


def test_scales_that_are_not_larger_confirm_nothing():
    config = Config(task=TASK, workers="inline", scale=10, simplify=SimplifyConfig(margin=0.5, seeds=6, scales=(1, 10)))
    found = simplify_on_tasks(config, GIVEN)
    assert [change.task for change in found.changes] == ["quadratic x10"]


def test_a_task_whose_losses_others_cannot_be_a_share_of_is_refused(tmp_path):
    path = tmp_path / "zero.py"
    path.write_text(
        f"import sys\nsys.path.append({str(HERE)!r})\nfrom quadratic import Quadratic\n\n\n"
        "class Zero(Quadratic):\n    def evaluate(self, *given):\n        return 0.0 * super().evaluate(*given)\n"
    )
    for factors in ((1.0,), (1.0, 2.0)):
        simplify = SimplifyConfig(seeds=6, scales=(), factors=factors)
        with pytest.raises(SearchError, match="the mean loss is 0, of which others cannot be a share"):
            simplify_on_tasks(Config(task=f"{path}:Zero", workers="inline", simplify=simplify), GIVEN)


def test_what_was_found_is_shown_before_it_is_interrupted():
    class Stopping(io.StringIO):
        """A stream that stops the work once a step was found."""

        def write(self, text: str) -> int:
            if " statements: " in text:
                os.kill(os.getpid(), 2)
            return super().write(text)

    stream = Stopping()
    with pytest.raises(Interrupted, match="the last program above is as good as the one given"):
        simplify_on_tasks(CONFIG, GIVEN, Console(stream=stream))
    assert "def train(" in stream.getvalue()


def test_it_is_a_function_of_the_configuration(found):
    again = simplify_on_tasks(CONFIG, GIVEN)
    assert again == found


def test_the_factor_that_suits_the_task_is_taken_first():
    config = Config(
        task=TASK, workers="inline", simplify=SimplifyConfig(seeds=8, scales=(), factors=(1.0, 100.0), margin=0.2)
    )
    slow = dsl.parse("def train(w, g, lr):\n  a = lr * 0.002\n  u = g * a\n  return u")
    found = simplify_on_tasks(config, slow)
    assert found.factors == {1: 100.0} and "0.2" in str(found.given)


def test_a_larger_scale_has_a_factor_of_its_own():
    simplify = SimplifyConfig(seeds=8, scales=(10,), larger_seeds=6, factors=(0.01, 1.0), margin=0.5)
    config = Config(task=f"{HERE / 'quadratic.py'}:Steeper", workers="inline", simplify=simplify)
    given = dsl.parse(
        "def train(w, g, lr):\n  a = lr * 0.2\n  b = tanh(w)\n  c = b * 1e-5\n  u = g * a + c\n  return u"
    )
    found = simplify_on_tasks(config, given)  # diverges at scale 10 with the factor of scale 1
    assert found.factors == {1: 1.0, 10: 0.01} and found.given == dsl.simplify(given)
    assert "tanh" not in str(found.program)


def test_several_tasks_are_judged_each():
    config = Config(
        task=f"{TASK} + {HERE / 'quadratic.py'}:Scaled",
        workers="inline",
        simplify=SimplifyConfig(margin=0.05, seeds=8, scales=()),
    )
    sign = dsl.parse("def train(w, g, lr):\n  a = sign(g)\n  u = a * lr\n  u = u * 0.3003\n  return u")
    found = simplify_on_tasks(config, sign)
    assert [change.task for change in found.changes] == ["quadratic x1", "scaled x1"]
    assert "sign" in str(found.program)  # without, one task diverges


def test_a_program_that_does_not_train_is_refused():
    with pytest.raises(SearchError, match=r"does not train on quadratic x1 with each of 24 seeds: give tasks that"):
        simplify_on_tasks(CONFIG, dsl.parse("def train(w, g, lr):\n  u = arcsin(g)\n  return u"))


def test_differences_are_paired_by_their_seeds(quadratic_trainer):
    bench = Bench.inline(quadratic_trainer)
    judge = Judge(GIVEN, [Hearing(bench, 6)], SimplifyConfig())
    (change,) = judge.changes(0, [GIVEN], 6)
    assert (change.mean, change.error) == (0.0, 0.0)
    worse = dsl.parse("def train(w, g, lr):\n  u = g * 0.01\n  return u")
    (change,) = judge.changes(0, [worse], 6)
    losses = [
        [outcome.loss for outcome in evaluation.outcomes]
        for evaluation in bench.evaluate([GIVEN, worse], range(FIRST_COMPARING_SEED, FIRST_COMPARING_SEED + 6))
    ]
    differences = (np.array(losses[1]) - losses[0]) / np.mean(losses[0])
    assert change.mean == pytest.approx(differences.mean())
    assert change.error == pytest.approx(differences.std(ddof=1) / math.sqrt(6))


def test_a_program_that_fails_passes_nothing(quadratic_trainer):
    judge = Judge(GIVEN, [Hearing(Bench.inline(quadratic_trainer), 6)], SimplifyConfig())
    assert judge.first_to_pass({1: dsl.parse("def train(w, g, lr):\n  u = arcsin(g)\n  return u")}) is None
    assert judge.first_to_pass({1: GIVEN}) is not None


@pytest.mark.parametrize("degrees, expected", [(5, 2.015), (10, 1.812), (30, 1.697), (1000, 1.646)])
def test_quantiles_are_those_of_students_t(degrees, expected):
    assert quantile(0.95, degrees) == pytest.approx(expected, abs=2e-3)
    assert quantile(0.05, degrees) == pytest.approx(-expected, abs=2e-3)


def test_bounds_lie_on_both_sides_of_the_mean():
    change = Change("a task", 0.01, 0.005, 16)
    assert change.bound(0.05) < 0.01 < change.bound(0.95)
    assert str(change) == "a task +1.0% +- 0.5%"
