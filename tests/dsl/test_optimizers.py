"""Each known optimizer computes what optax, or its publication, says."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np
import optax
import pytest

from dsl.errors import ProgramError
from dsl.optimizers import TEMPLATES, known, optimizers
from dsl.parser import parse
from dsl.program import to_constant
from dsl.reference import step

STEPS = 50


def as_float(t):
    """optax counts steps in 32 bits, and quotients of such would be rounded to as many."""
    return jax.numpy.asarray(t, float)


def correction(t, beta1, beta2):
    """The factor of lr at step t, from 0, that stands for Adam's bias correction: the programs leave it out."""
    return (1 - beta2 ** (t + 1)) ** 0.5 / (1 - beta1 ** (t + 1))


def adamw(learning_rate, weight_decay, beta1, beta2):
    # The program multiplies its weight decay by lr, too, so that the correction reaches it.
    return optax.adamw(
        learning_rate,
        beta1,
        beta2,
        eps=1e-8,
        weight_decay=lambda t: weight_decay * correction(as_float(t), beta1, beta2),
    )


def sign_of_average(learning_rate, weight_decay, beta1):
    return optax.chain(
        optax.ema(beta1, debias=False),
        optax.scale_by_sign(),
        optax.add_decayed_weights(weight_decay),
        optax.scale_by_learning_rate(learning_rate),
    )


# Where optax has the optimizer or its parts; epsilons are put where the division of the language has its own.
IN_OPTAX: dict[str, Callable[..., optax.GradientTransformation]] = {
    "adamw": adamw,
    "adam": lambda learning_rate, beta1, beta2: optax.adam(learning_rate, beta1, beta2, eps=1e-8),
    "sgd": lambda learning_rate: optax.sgd(learning_rate),
    "momentum": lambda learning_rate, beta1: optax.sgd(learning_rate, beta1),
    "nesterov": lambda learning_rate, beta1: optax.sgd(learning_rate, beta1, nesterov=True),
    "rmsprop": lambda learning_rate, beta2: optax.rmsprop(learning_rate, beta2, eps=1e-8, eps_in_sqrt=False),
    "adagrad": lambda learning_rate: optax.adagrad(learning_rate, initial_accumulator_value=0.0, eps=0.0),
    "adabelief": lambda learning_rate, beta1, beta2: optax.adabelief(learning_rate, beta1, beta2, 1e-8, 0.0),
    "signsgd": lambda learning_rate: optax.sign_sgd(learning_rate),
    "signum": sign_of_average,
    "ablation_0.9": sign_of_average,
    "ablation_0.99": sign_of_average,
    "lion": lambda learning_rate, beta1, beta2, weight_decay: optax.lion(
        learning_rate, beta1, beta2, weight_decay=weight_decay
    ),
}


def powersign(w, g, m, lr, learning_rate, beta1, alpha):
    m = beta1 * m + (1 - beta1) * g
    return lr * learning_rate * alpha ** (np.sign(g) * np.sign(m)) * g, m


def addsign(w, g, m, lr, learning_rate, beta1, alpha):
    m = beta1 * m + (1 - beta1) * g
    return lr * learning_rate * (alpha + np.sign(g) * np.sign(m)) * g, m


def lion_raw(w, g, v, lr, learning_rate, weight_decay):
    """As the paper reads it: the other state is dead, and m / sqrt(m * m) is the sign of m."""
    a, b = to_constant(0.8999999761581421), to_constant(1.109133005142212)
    g = np.arcsin(g * min(1, lr / np.sqrt(np.sum(g * g))))
    m = (1 - a) * g + a * v
    return lr * learning_rate * (np.sign(m) + weight_decay * w), (1 - b) * g + b * m


# Where optax has none: the published formula, (weights, gradient, state, lr) -> (update, state).
AS_PUBLISHED: dict[str, Callable] = {"powersign": powersign, "addsign": addsign, "lion_raw": lion_raw}


def as_tree(vector):
    """18 numbers as a tree with leaves of two, one and no dimensions."""
    return {"a": vector[:12].reshape(3, 4), "b": [vector[12:17], vector[17]]}


def as_vector(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def descend(advance):
    """Weights after some steps down a noisy quadratic, so that a difference in one step shows in the later ones."""
    rng = np.random.default_rng(0)
    w = rng.normal(size=18)
    for t in range(STEPS):
        w = w + advance(w, w + rng.normal(size=18), t)
    return w


def rate(t):
    return 1 - t / STEPS


def constants(name):
    """The defaults as the program holds them, rounded to float32; all else is computed in float64."""
    return {key: to_constant(value) for key, value in TEMPLATES[name].defaults.items()}


def descend_by_program(name):
    program, beta = optimizers[name], constants(name)
    states = [np.zeros(18) for _ in program.states]

    def advance(w, g, t):
        lr = rate(t) * (correction(t, beta["beta1"], beta["beta2"]) if name in ("adam", "adamw", "adabelief") else 1)
        update, after = step(program, as_tree(w), as_tree(g), [as_tree(state) for state in states], lr)
        states[:] = [as_vector(state) for state in after]
        return -as_vector(update)

    return descend(advance)


def descend_by_optax(name):
    given = constants(name)
    learning_rate = given.pop("learning_rate")
    with jax.enable_x64(True):
        optimizer = IN_OPTAX[name](learning_rate=lambda t: learning_rate * rate(as_float(t)), **given)
        state, update = optimizer.init(as_tree(np.zeros(18))), jax.jit(optimizer.update)

        def advance(w, g, t):
            nonlocal state
            updates, state = update(as_tree(g), state, as_tree(w))
            return as_vector(updates)

        return descend(advance)


def descend_by_formula(name):
    state = np.zeros(18)

    def advance(w, g, t):
        nonlocal state
        update, state = AS_PUBLISHED[name](w, g, state, rate(t), **constants(name))
        return -update

    return descend(advance)


@pytest.mark.parametrize("name", optimizers)
def test_an_optimizer_moves_the_weights_as_its_reference_does(name):
    assert (name in IN_OPTAX) != (name in AS_PUBLISHED), f"give {name} a reference in this file"
    expected = descend_by_optax(name) if name in IN_OPTAX else descend_by_formula(name)
    # Both run in float64 with the same constants; what is left is the 1e-8 that division adds to its denominator.
    np.testing.assert_allclose(descend_by_program(name), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", optimizers)
def test_every_hyper_parameter_is_a_constant_of_the_program(name):
    assert known(name) == optimizers[name]
    for key, value in TEMPLATES[name].defaults.items():
        changed = known(name, **{key: value / 2})
        assert changed != known(name)
        assert to_constant(value / 2) in {a for statement in changed.statements for a in statement.arguments}


@pytest.mark.parametrize("name", optimizers)
def test_every_optimizer_has_a_learning_rate_and_a_source(name):
    assert TEMPLATES[name].defaults["learning_rate"] > 0
    assert TEMPLATES[name].source


def test_adamw_is_the_paper_s_program():
    assert optimizers["adamw"] == parse("""
        def train(w, g, m, v, lr):
          g2 = square(g)
          m = interp(g, m, 0.9)
          v = interp(g2, v, 0.999)
          sqrt_v = sqrt(v)
          update = m / sqrt_v
          wd = w * 0.01
          update = update + wd
          lr = lr * 0.001
          update = update * lr
          return update, m, v
    """)


def test_the_raw_winner_is_the_paper_s_program():
    assert optimizers["lion_raw"] == parse("""
        def train(w, g, m, v, lr):
          g = clip(g, lr)
          m = clip(m, lr)
          v845 = sqrt(0.6270633339881897)
          v968 = sign(v)
          v968 = v - v
          g = arcsin(g)
          m = interp(g, v, 0.8999999761581421)
          v1 = m * m
          v = interp(g, m, 1.109133005142212)
          v845 = tanh(v845)
          lr = lr * 0.0002171761734643951
          update = m * lr
          v1 = sqrt(v1)
          update = update / v1
          wd = lr * 0.4601978361606598
          v1 = square(v1)
          wd = wd * w
          m = cosh(update)
          lr = tan(1.4572199583053589)
          update = update + wd
          lr = cos(v845)
          return update, m, v
    """)


def test_an_unknown_optimizer_is_answered_with_the_nearest():
    with pytest.raises(ProgramError, match="unknown optimizer 'adamv'; did you mean 'adam'"):
        known("adamv")
    with pytest.raises(ProgramError, match="unknown optimizer 'x': use one of adamw, adam, sgd"):
        known("x")


def test_an_unknown_hyper_parameter_is_answered_with_the_nearest():
    with pytest.raises(ProgramError, match="sgd has no hyper-parameter 'learn_rate'; did you mean 'learning_rate'"):
        known("sgd", learn_rate=0.1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e39])
def test_a_hyper_parameter_that_float32_cannot_hold_is_refused(value):
    with pytest.raises(ProgramError, match="learning_rate=.* of sgd is not a finite float32"):
        known("sgd", learning_rate=value)
