"""The judge against NumPy where float64 is right, and against itself, by identities, in all of its digits."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

import dsl
from dsl import reference
from dsl.checker import result_type
from dsl.functions import FUNCTIONS, Rule
from dsl.types import LEAFWISE, SCALAR, Type
from tests.dsl.exact import MEANINGS, REDUCTIONS, agree, apply, mp, train

LEARNING_RATES = (0.1, 1.0, 0.7, 0.0, 0.2)
SHAPES = ((3, 2), (4,), (), (2,))
ORDINARY = (0.4, -0.7, 1.1, 2.5, -4.0, 11.0)
# not 0.5: numpy.power(-inf, 0.5) is inf for an array of exponents and NaN, by way of the square root, for one
SPECIAL = (0.0, 1.0, -1.0, 0.25, 3.0, -3.0, -2.5, math.inf, -math.inf, math.nan)
WITH_A_MEANING = [name for name, row in FUNCTIONS.items() if row.rule is not Rule.NEVER]


def in_numpy(name, arguments):
    with np.errstate(all="ignore"):
        return reference.apply(name, arguments)


def as_floats(value):
    """All numbers of a value, in NumPy's types or the judge's."""
    if not isinstance(value, list):
        return np.ravel(np.asarray(value, np.float64))
    return np.concatenate([as_floats(part) for part in value])


def as_exact(value):
    if isinstance(value, list):
        return [as_exact(part) for part in value]
    return [mp.mpf(x) for x in np.ravel(value).tolist()] if np.ndim(value) else mp.mpf(float(value))


def draw(type, rng):
    """Numbers of a type, in (0, 1) so that every function but arccosh is finite."""
    if type is SCALAR:
        return np.float64(rng.uniform())
    if type is LEAFWISE:
        return [np.float64(x) for x in rng.uniform(size=2)]
    return [rng.uniform(size=shape) for shape in ((2,), (2, 3))]


def inputs(gradients=1.0):
    """What a training starts from: the last leaf starts at zero and has no gradient, another has none for a step."""
    rng = np.random.default_rng(3)
    w = [rng.standard_normal(shape) for shape in SHAPES]
    g = [[rng.standard_normal(shape) * gradients for shape in SHAPES] for _ in LEARNING_RATES]
    w[3] = np.zeros(2)
    for number, gradient in enumerate(g):
        gradient[3] = np.zeros(2)
        if number == 2:
            gradient[1] = np.zeros(4)
    return w, g, LEARNING_RATES


def train_in_float64(program, w, gradients, lrs):
    states = [[np.zeros_like(leaf) for leaf in w] for _ in program.states]
    trajectory = []
    for gradient, lr in zip(gradients, lrs, strict=True):
        update, states = dsl.step(program, w, gradient, states, lr)
        w = [leaf - change for leaf, change in zip(w, update, strict=True)]
        trajectory.append(np.concatenate([np.ravel(leaf) for leaf in w]))
    return trajectory


def trained(text, digits=50):
    return train(dsl.parse(f"def train(w, g, lr): return {text}"), *inputs(), digits)


ROUNDING_OF = {"/": 1e-7}  # no 1e-8 is added to a power of two


def test_every_function_with_a_meaning_has_one_here():
    assert {*MEANINGS, *REDUCTIONS, "clip_by_global_norm"} == set(WITH_A_MEANING)


@pytest.mark.parametrize("values", [ORDINARY, SPECIAL], ids=["ordinary", "special"])
@pytest.mark.parametrize("name", WITH_A_MEANING)
def test_function_of_numbers_agrees_with_numpy(name, values):
    for numbers in product(values, repeat=FUNCTIONS[name].arity):
        expected = in_numpy(name, [np.float64(x) for x in numbers])
        found = apply(name, [mp.mpf(x) for x in numbers])
        assert isinstance(found, mp.mpf)
        np.testing.assert_allclose(
            float(found), expected, rtol=ROUNDING_OF.get(name, 1e-13), err_msg=f"{name}{numbers}"
        )


@pytest.mark.parametrize("name", WITH_A_MEANING)
def test_function_of_every_type_agrees_with_numpy(name):
    rng = np.random.default_rng(1)
    row, tried = FUNCTIONS[name], 0
    for types in product(Type, repeat=row.arity):
        if result_type(row, list(types)) is None:
            continue
        arguments = [draw(type, rng) for type in types]
        found = apply(name, as_exact(arguments))
        expected = in_numpy(name, arguments)
        assert isinstance(found, list) == isinstance(expected, list)
        np.testing.assert_allclose(as_floats(found), as_floats(expected), rtol=1e-13)
        tried += 1
    assert tried


@pytest.mark.parametrize("gradients", [1.0, 1e-3, 30.0, 1e-7])
@pytest.mark.parametrize("name", dsl.optimizers)
def test_known_optimizer_moves_the_weights_as_in_float64(name, gradients):
    program, given = dsl.optimizers[name], inputs(gradients)
    exact, rounded = train(program, *given), train_in_float64(program, *given)
    assert agree(exact, [as_exact(weights) for weights in rounded], 1e-9)
    assert not agree(exact, exact[1:] + exact[:1], 1e-9)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("(w + g) * lr", "w * lr + g * lr"),
        ("(w + g) + lr", "w + (g + lr)"),
        ("w - g", "w + -g"),
        ("square(g)", "g * g"),
        ("cube(cbrt(g))", "g"),
        ("interp(g, g, 0.9)", "g"),
        ("interp(g, interp(g, w, 0.5), 0.25)", "interp(g, w, 0.125)"),
        ("max(w, g) + min(w, g)", "w + g"),
        ("abs(g) * sign(g)", "g"),
        ("sqrt(g) * sqrt(w)", "sqrt(g * w)"),
        ("reciprocal(reciprocal(w + 2))", "w + 2"),
        ("w / (g - 1e-8)", "w / (g - 1e-8) * 2 - w / (g - 1e-8)"),
        ("square(sin(g)) + square(cos(g))", "g * 0 + 1"),
        ("tan(g) * cos(g)", "sin(g)"),
        ("sin(arcsin(tanh(g)))", "tanh(g)"),
        ("cos(arccos(tanh(g)))", "tanh(g)"),
        ("tan(arctan(g))", "g"),
        ("sinh(arcsinh(g))", "g"),
        ("cosh(arccosh(cosh(g)))", "cosh(g)"),
        ("tanh(arctanh(sin(g)))", "sin(g)"),
        ("cosh(g) + sinh(g)", "exp(g)"),
        ("exp(g + w)", "exp(g) * exp(w)"),
        ("log(g * w)", "log(g) + log(w)"),
        ("exp(log(g))", "abs(g)"),
        ("exp2(log2(g))", "abs(g)"),
        ("exp10(log10(g))", "abs(g)"),
        ("expm1(log1p(abs(g)))", "abs(g)"),
        ("log1p(-g)", "log(1 - g)"),
        ("power(g, 3)", "cube(g)"),
        ("power(exp(g), w)", "exp(g * w)"),
        ("g * dot(g, g)", "g * square(global_norm(g))"),
        ("g * cosine_sim(w, g) * global_norm(g) * global_norm(w)", "g * dot(g, w)"),
        ("clip_by_global_norm(g, 0.25) * global_norm(g)", "g * 0.25"),
        ("g * dot(norm(g), norm(g))", "g * dot(g, g)"),
    ],
)
def test_programs_that_are_the_same_agree_in_45_digits(left, right):
    one, other = trained(left)[:2], trained(right)[:2]
    assert agree(one, other, 1e-45)
    assert all(sum(map(mp.isfinite, weights)) >= 7 for weights in one)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("g / (-g)", "-(g / g)"),
        ("w / (-g)", "-(w / g)"),
        ("w / (0.5 * g)", "2 * w / g"),
        ("w / g / g", "w / (g * g)"),
        ("w / g", "w * reciprocal(g)"),
        ("w / 3", "w * 0.33333334"),
        ("interp(g, w, 0.1)", "interp(w, g, 0.9)"),
        ("w * 0.1 + 1e-30", "w * 0.1"),
    ],
)
def test_programs_that_are_not_the_same_do_not_agree(left, right):
    assert not agree(trained(left), trained(right), 1e-20)


def test_division_by_a_power_of_two_adds_nothing_to_it():
    assert apply("/", [mp.one, mp.cosh(1e-8)]) == 1 / mp.cosh(1e-8)
    assert apply("/", [mp.one, mp.mpf(2)]) == 0.5 and apply("/", [mp.one, mp.mpf(-0.25)]) == -4
    assert apply("/", [mp.one, mp.mpf(0.125)]) < 8 and apply("/", [mp.one, mp.mpf(3)]) < mp.one / 3


@pytest.mark.parametrize("exponent", [-4000, -60, -20, 20, 60, 300, 4000])
def test_sine_of_a_number_of_any_size_has_all_digits(exponent):
    x = mp.mpf(10) ** exponent * mp.mpf("0.7")
    assert mp.almosteq(apply("sin", [2 * x]), 2 * apply("sin", [x]) * apply("cos", [x]), 1e-48)
    assert mp.almosteq(apply("tan", [x]), apply("sin", [x]) / apply("cos", [x]), 1e-48)


@pytest.mark.parametrize("exponent", [-4000, -60, -40, -20])
@pytest.mark.parametrize(
    ("name", "second", "third"),
    [
        *[("sin", 0, -1 / 6), ("tan", 0, 1 / 3), ("arcsin", 0, 1 / 6), ("arctan", 0, -1 / 3), ("sinh", 0, 1 / 6)],
        *[("tanh", 0, -1 / 3), ("arcsinh", 0, -1 / 6), ("arctanh", 0, 1 / 3)],
        *[("expm1", 1 / 2, 1 / 6), ("log1p", -1 / 2, 1 / 3)],
    ],
)
def test_function_of_a_small_number_has_all_digits(name, second, third, exponent):
    x = mp.mpf(10) ** exponent * mp.mpf("0.7")
    assert mp.almosteq(apply(name, [x]), x * (1 + x * (second + x * third)), 1e-48)


def test_function_of_a_number_close_to_one_has_all_digits():
    little = mp.mpf(2) ** -100
    assert mp.almosteq(apply("arccosh", [1 + little]), mp.sqrt(2 * little) * (1 - little / 12), 1e-48)
    assert mp.almosteq(apply("power", [1 + little, mp.mpf(2) ** 107]), mp.exp(128 - little * 64), 1e-48)
    assert mp.almosteq(apply("log", [1 + little]), little * (1 - little / 2), 1e-48)
    assert mp.almosteq(apply("log1p", [little - 2]), -little * (1 + little / 2), 1e-48)


def test_results_beyond_the_range_are_infinite_or_zero():
    large, small = mp.mpf(10) ** 4000, mp.mpf(10) ** -4000
    assert apply("square", [large]) == mp.inf
    assert apply("cube", [-large]) == -mp.inf
    assert apply("*", [small, -small]) == 0
    assert apply("global_norm", [[large]]) == mp.inf
    assert apply("/", [mp.one, small]) == 1 / (mp.mpf(1e-8) + small) and apply("reciprocal", [small]) == 1 / small


@pytest.mark.parametrize("outer", [name for name in WITH_A_MEANING if FUNCTIONS[name].arity == 1])
@pytest.mark.parametrize("sign", [1, -1])
def test_function_of_a_tower_of_exponentials_returns(outer, sign):
    for tower in ("exp exp", "exp exp exp", "exp10 exp2", "sinh cosh", "cube cube cube expm1", "exp reciprocal"):
        x = mp.mpf(9)
        for name in reversed(tower.split()):
            x = apply(name, [sign * x])
        for y in (x, -x, mp.mpf(10) ** 4900, mp.mpf(10) ** -4900):
            assert isinstance(apply(outer, [y]), mp.mpf)
            assert isinstance(apply("power", [y, x]), mp.mpf)
            assert isinstance(apply("power", [1 + mp.eps, y]), mp.mpf)


def test_zero_has_no_sign():
    assert apply("reciprocal", [mp.mpf(-0.0)]) == mp.inf
    assert apply("reciprocal", [apply("negative", [mp.zero])]) == mp.inf


def test_more_digits_bring_back_what_cancels_in_fifty():
    text = "(g + 1e30 * 1e30) - 1e30 * 1e30"
    assert not agree(trained(text), trained("g"), 1e-9)
    assert agree(trained(text, digits=110), trained("g"), 1e-40)


def test_agreement_is_relative_and_knows_nan_and_infinities():
    def one(x):
        return [[mp.mpf(1), mp.mpf(x)]]

    assert agree(one(1e30), one(1.001e30), 1e-2) and not agree(one(1e-30), one(1.1e-30), 1e-2)
    assert agree(one(0), one("1e-46"), 1e-2) and not agree(one(0), one("1e-40"), 1e-2)
    for x, y in product(("nan", "inf", "-inf", 1.0), repeat=2):
        assert agree(one(x), one(y), 1e-2) == (x == y)
    assert agree(one(0), one(1e-4), 1e-2, [1, 1]) and not agree(one(0), one(1e-4), 1e-2, [1, 1e-3])
    with pytest.raises(ValueError):
        agree(one(1), one(1) * 2, 1e-2)
