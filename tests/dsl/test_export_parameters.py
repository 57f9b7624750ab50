"""Hyper-parameters are told by their form: what looks like one, and what only resembles one."""

from __future__ import annotations

import inspect

import pytest

from dsl.export import export
from dsl.export.parameters import find
from dsl.liveness import prune
from dsl.optimizers import TEMPLATES, optimizers
from dsl.parser import parse
from dsl.program import to_constant
from tests.dsl.exported import load


def found(statements: str, states: str = "m"):
    return find(prune(parse(f"def train(w, g, {states}, lr):\n  " + statements.replace("; ", "\n  "))))


@pytest.mark.parametrize("name", sorted(optimizers.keys() - {"lion_raw", "momentum", "nesterov"}))
def test_those_of_the_known_optimizers_are_found(name):
    given = {key: to_constant(value) for key, value in TEMPLATES[name].defaults.items() if key != "alpha"}
    parameters = find(prune(optimizers[name]))
    assert parameters.learning_rate == given.pop("learning_rate")
    assert parameters.weight_decay == given.pop("weight_decay", None)
    assert parameters.betas == tuple(given.values())


def test_in_the_raw_winner_lr_and_w_are_read_elsewhere():
    parameters = find(prune(optimizers["lion_raw"]))
    assert parameters.learning_rate is parameters.weight_decay is None
    assert parameters.betas == (to_constant(0.9), to_constant(1.1091330))


@pytest.mark.parametrize(
    ("statements", "rate"),
    [
        ("m = interp(g, m, 0.5); r = lr * 0.25; u = m * r; return u, m", 0.25),
        ("m = interp(g, m, 0.5); lr = 0.25 * lr; u = clip(m, lr); return u, m", 0.25),
        ("m = interp(g, m, lr); lr = lr * 0.25; u = m * lr; return u, m", None),  # lr is read twice
        ("m = interp(g, m, 0.5); r = lr * 0.25; s = lr * 0.5; u = m * r; u = u * s; return u, m", None),
        ("m = interp(g, m, 0.5); lr = lr - 0.25; lr = lr * 0.5; u = m * lr; return u, m", None),
        ("m = interp(g, m, 0.5); lr = lr * -0.25; u = m * lr; return u, m", None),  # no learning rate is negative
        ("m = interp(g, m, 0.5); u = m * lr; u = u * 0.25; return u, m", None),
        ("m = interp(g, m, 0.5); u = m * 0.25; return u, m", None),
    ],
)
def test_the_learning_rate_is_the_only_factor_of_lr(statements, rate):
    assert found(statements).learning_rate == rate


@pytest.mark.parametrize(
    ("statements", "decay"),
    [
        ("m = interp(g, m, 0.5); d = 0.25 * w; u = m + d; return u, m", 0.25),
        ("m = interp(g, m, 0.5); w = w * 0.25; w = w * 0.5; u = m + w; return u, m", 0.25),
        ("m = interp(g, m, 0.5); d = w * -0.25; u = m - d; return u, m", None),
        ("m = interp(g, m, 0.5); d = w * 0.25; e = w * 0.5; u = m + d; u = u + e; return u, m", None),
        ("m = interp(w, m, 0.5); d = w * 0.25; u = m + d; return u, m", None),
        ("m = interp(g, m, 0.5); d = w * lr; d = d * 0.25; u = m + d; return u, m", None),
        ("u = w * 0.25; u = u + m; return u, w", None),  # the weights are what is remembered, too
    ],
)
def test_the_weight_decay_is_the_only_factor_of_the_weights(statements, decay):
    assert found(statements).weight_decay == decay


@pytest.mark.parametrize(
    ("statements", "betas"),
    [
        ("m = interp(g, m, 0.5); return m, m", (0.5,)),
        ("m = interp(g, m, 0.5); u = interp(g, m, 0.25); return u, m", (0.5, 0.25)),  # of what becomes a state
        ("u = interp(g, m, 0.5); v = interp(u, u, 0.25); return u, v", (0.5, 0.25)),  # of an average
        ("m = expm1(m); m = interp(g, m, 0.5); m = clip(m, lr); return m, m", (0.5,)),
        ("m = interp(m, g, 0.5); return m, m", ()),  # from the other end
        ("m = interp(g, m, lr); return m, m", ()),
        ("u = interp(g, w, 0.5); m = m + u; return m, m", ()),  # nothing is remembered in w
        ("m = m * 0.5; m = m + g; return m, m", ()),
    ],
)
def test_a_beta_weighs_what_is_remembered(statements, betas):
    assert found(statements).betas == betas


def test_other_variables_make_way_for_the_names_of_parameters():
    program = parse("""
        def train(b1, weight_decay, beta1, learning_rate):
          beta1 = interp(weight_decay, beta1, 0.5)
          lr = learning_rate * 0.25
          b1 = b1 * 0.125
          b1 = b1 + beta1
          b1 = b1 * lr
          return b1, beta1
    """)
    expected = {
        "optax": ["learning_rate", "b1", "weight_decay", "mask", "state_dtype"],
        "torch": ["params", "lr", "betas", "weight_decay", "foreach"],
        "python": ["b1", "weight_decay_", "beta1_", "learning_rate", "beta1", "weight_decay"],
    }
    for to, names in expected.items():
        text = load(program, to)
        factory = text.get("found_optimizer") or text.get("FoundOptimizer") or text["train"]
        assert list(inspect.signature(factory).parameters) == names


def test_a_learning_rate_that_was_found_is_no_factor():
    text = export(optimizers["sgd"], "python")
    assert "def train(w, g, learning_rate=0.1):" in text and "peak" not in text
    assert "def train(w, g, m, v, lr, beta1" in export(parse(README_WINNER), "python")


README_WINNER = """
    def train(w, g, m, v, lr):
      m = interp(g, m, 0.4820579)
      v = interp(square(g), v, 0.999)
      update = m / sqrt(v)
      lr = lr - -0.26159734
      lr = lr * 0.003050037
      return update * lr, m, v
"""
