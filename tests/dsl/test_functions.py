"""The table of functions against the paper's list, and each function's meaning against Python's `math`."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dsl.functions import FUNCTIONS, SPELLINGS, Rule
from dsl.reference import apply

ARITIES = {
    0: "get_pi get_e get_eps",
    1: "abs cos sin tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh exp exp2 exp10 expm1 log log10 log2"
    " log1p square sqrt cube cbrt sign reciprocal invert negative norm global_norm",
    2: "+ - * / max min power dot cosine_sim clip_by_global_norm",
    3: "interp",
}
MEANINGS = {
    "abs": math.fabs,
    "cos": math.cos,
    "sin": math.sin,
    "tan": math.tan,
    "arcsin": math.asin,
    "arccos": math.acos,
    "arctan": math.atan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "arcsinh": math.asinh,
    "arccosh": math.acosh,
    "arctanh": math.atanh,
    "exp": math.exp,
    "exp2": lambda x: 2.0**x,
    "exp10": lambda x: 10.0**x,
    "expm1": math.expm1,
    "log": lambda x: math.log(math.fabs(x)),
    "log10": lambda x: math.log10(math.fabs(x)),
    "log2": lambda x: math.log2(math.fabs(x)),
    "log1p": lambda x: math.log(math.fabs(1 + x)),
    "square": lambda x: x**2,
    "sqrt": lambda x: math.sqrt(math.fabs(x)),
    "cube": lambda x: x**3,
    "cbrt": lambda x: math.copysign(math.fabs(x) ** (1 / 3), x),
    "sign": lambda x: (x > 0) - (x < 0),
    "reciprocal": lambda x: 1 / x,
    "negative": lambda x: -x,
    "norm": math.fabs,
    "global_norm": math.fabs,
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / (y + 1e-8),
    "max": max,
    "min": min,
    "power": math.pow,
    "dot": lambda x, y: x * y,
    "cosine_sim": lambda x, y: math.copysign(1.0, x * y),
    "clip_by_global_norm": lambda x, y: x * min(1.0, y / math.fabs(x)),
    "interp": lambda x, y, a: (1 - a) * x + a * y,
}
ELEMENTWISE = [name for name, row in FUNCTIONS.items() if row.rule is Rule.ELEMENTWISE and row.arity]
NUMBERS = {0: [()], 1: [(0.3,), (-0.7,), (2.5,)], 2: [(0.3, -0.7), (2.5, 3.0), (-4.0, 2.0)], 3: [(0.3, -0.7, 0.9)]}


def scalars(*numbers: float) -> list:
    return [np.float64(x) for x in numbers]


def trees(name: str) -> list:
    """One tree with the leaves of shape [2] and [] for each argument, inside the function's domain."""
    low = 1.5 if name == "arccosh" else 0.1
    return [[low + 0.1 * k + np.array([0.05, 0.3]), np.array(low + 0.2)] for k in range(FUNCTIONS[name].arity)]


@pytest.mark.parametrize("arity", ARITIES)
def test_table_has_the_functions_of_the_paper(arity):
    assert [row.name for row in FUNCTIONS.values() if row.arity == arity] == ARITIES[arity].split()


def test_table_has_each_function_under_its_own_name():
    assert all(name == row.name and row.formula for name, row in FUNCTIONS.items())
    assert set(SPELLINGS.values()) <= set(FUNCTIONS) and not set(SPELLINGS) & set(FUNCTIONS)


@pytest.mark.parametrize("name", MEANINGS)
def test_function_means_on_numbers_what_the_paper_says(name):
    tried = 0
    for numbers in NUMBERS[FUNCTIONS[name].arity]:
        try:
            expected = MEANINGS[name](*numbers)
        except ValueError:  # outside the domain
            expected = math.nan
        with np.errstate(invalid="ignore"):
            result = apply(name, scalars(*numbers))
        tried += not math.isnan(expected)
        assert result == pytest.approx(expected, rel=1e-14, nan_ok=True)
    assert tried


def test_every_function_with_a_meaning_is_compared():
    assert set(MEANINGS) == set(FUNCTIONS) - {"get_pi", "get_e", "get_eps", "invert"}


@pytest.mark.parametrize(("name", "value"), [("get_pi", math.pi), ("get_e", math.e), ("get_eps", 1e-8)])
def test_constant_function_gives_a_float32_number_in_every_dtype(name, value):
    assert apply(name, []) == float(np.float32(value))
    assert apply(name, [], np.float32) == np.float32(value)


def test_invert_has_no_meaning():
    with pytest.raises(TypeError, match="no meaning on floats"):
        apply("invert", scalars(1.0))


@pytest.mark.parametrize(
    ("name", "numbers", "expected"),
    [
        ("/", (1.0, 0.0), 1e8),
        ("/", (0.0, 0.0), 0.0),
        ("/", (1.0, 1e-8), 5e7),
        ("reciprocal", (0.0,), math.inf),
        ("log", (0.0,), -math.inf),
        ("log1p", (-3.0,), math.log(2.0)),
        ("log1p", (-1.0,), -math.inf),
        ("sqrt", (-4.0,), 2.0),
        ("cbrt", (-8.0,), -2.0),
        ("power", (-8.0, 1 / 3), math.nan),
        ("power", (0.0, 0.0), 1.0),
        ("power", (-2.0, 3.0), -8.0),
        ("arcsin", (1.5,), math.nan),
        ("arccosh", (0.5,), math.nan),
        ("arctanh", (1.0,), math.inf),
        ("sign", (0.0,), 0.0),
        ("exp", (1e4,), math.inf),
        ("max", (math.nan, 1.0), math.nan),
        ("min", (1.0, math.nan), math.nan),
        ("clip_by_global_norm", (0.0, 2.0), 0.0),
        ("clip_by_global_norm", (3.0, 2.0), 2.0),
        ("clip_by_global_norm", (3.0, -2.0), -2.0),
        ("cosine_sim", (0.0, 1.0), math.nan),
    ],
)
def test_numeric_convention(name, numbers, expected):
    with np.errstate(all="ignore"):
        assert apply(name, scalars(*numbers)) == pytest.approx(expected, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_function_of_trees_is_its_function_of_each_number(name):
    given = trees(name)
    result = apply(name, given)
    for leaf, *arguments in zip(result, *given, strict=True):
        expected = [apply(name, scalars(*row)) for row in zip(*map(np.ravel, arguments), strict=True)]
        assert np.shape(leaf) == np.shape(arguments[0])
        np.testing.assert_allclose(np.ravel(leaf), expected, rtol=1e-14)


@pytest.mark.parametrize("name", [name for name in ELEMENTWISE if FUNCTIONS[name].arity > 1])
def test_leafwise_and_scalar_arguments_reach_every_number_of_a_leaf(name):
    tree = trees(name)[0]
    leafwise = scalars(0.4, 0.6)
    arguments = [tree, leafwise, np.float64(0.9)][: FUNCTIONS[name].arity]
    result = apply(name, arguments)
    for leaf, numbers, scalar in zip(result, tree, leafwise, strict=True):
        expected = apply(name, [[numbers], *([[np.full_like(numbers, x)] for x in (scalar, 0.9)])][: len(arguments)])
        np.testing.assert_array_equal(leaf, expected[0])


def test_norm_reduces_each_leaf_and_global_norm_the_whole_tree():
    tree = [np.array([3.0, -4.0]), np.array([[12.0]])]
    assert apply("norm", [tree]) == [5.0, 12.0]
    assert apply("global_norm", [tree]) == 13.0
    assert apply("norm", [scalars(-5.0, 12.0)]) == [5.0, 12.0]
    assert apply("global_norm", [scalars(-5.0, 12.0)]) == 13.0


def test_dot_and_cosine_reduce_over_all_leaves():
    x, y = [np.array([1.0, 2.0]), np.array(2.0)], [np.array([3.0, 0.0]), np.array(4.0)]
    assert apply("dot", [x, y]) == 11.0
    assert apply("cosine_sim", [x, y]) == pytest.approx(11.0 / 15.0)


def test_clip_scales_the_whole_tree_down_to_the_norm_and_never_up():
    tree = [np.array([3.0, 0.0]), np.array(-4.0)]
    np.testing.assert_allclose(apply("clip_by_global_norm", [tree, np.float64(1.0)])[0], [0.6, 0.0])
    np.testing.assert_allclose(apply("clip_by_global_norm", [tree, np.float64(1.0)])[1], -0.8)
    assert apply("clip_by_global_norm", [tree, np.float64(6.0)])[1] == -4.0
    with np.errstate(invalid="ignore", divide="ignore"):
        zeros = apply("clip_by_global_norm", [[np.zeros(2)], np.float64(1.0)])
    np.testing.assert_array_equal(zeros[0], [0.0, 0.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [n for n, row in FUNCTIONS.items() if row.arity and row.rule is not Rule.NEVER])
def test_dtype_of_the_arguments_is_kept(name, dtype):
    numbers = [dtype(1.5 if name == "arccosh" else 0.5)] * FUNCTIONS[name].arity
    assert type(apply(name, numbers, dtype)) is dtype
    given = [[leaf.astype(dtype) for leaf in tree] for tree in trees(name)]
    if FUNCTIONS[name].rule is Rule.CLIP:
        given[1] = dtype(0.5)
    result = apply(name, given, dtype)
    assert all(np.asarray(leaf).dtype == dtype for leaf in (result if isinstance(result, list) else [result]))
