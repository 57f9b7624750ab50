"""The reference meaning of a program: one step on arrays and on trees."""

from __future__ import annotations

import re

import jax.numpy as jnp
import numpy as np
import pytest

import dsl

ADAMW = dsl.optimizers["adamw"]


def test_adamw_by_hand():
    w, g, m, v = (np.array([x, -2 * x]) for x in (2.0, 0.5, 0.3, 0.09))
    update, (new_m, new_v) = dsl.step(ADAMW, w, g, [m, abs(v)], 0.7)
    constant = {x: float(np.float32(x)) for x in (0.9, 0.999, 0.01, 0.001)}
    expected_m = (1 - constant[0.9]) * g + constant[0.9] * m
    expected_v = (1 - constant[0.999]) * g**2 + constant[0.999] * abs(v)
    np.testing.assert_allclose(new_m, expected_m, rtol=1e-15)
    np.testing.assert_allclose(new_v, expected_v, rtol=1e-15)
    direction = expected_m / (np.sqrt(expected_v) + 1e-8) + constant[0.01] * w
    np.testing.assert_allclose(update, direction * constant[0.001] * 0.7, rtol=1e-15)


def test_step_on_a_tree_is_the_step_on_each_leaf_where_nothing_reduces():
    rng = np.random.default_rng(0)
    w = {"a": rng.normal(size=(2, 3)), "b": [rng.normal(size=4), np.array(0.5)]}
    g = {"a": rng.normal(size=(2, 3)), "b": [rng.normal(size=4), np.array(-0.5)]}
    zeros = {"a": np.zeros((2, 3)), "b": [np.zeros(4), np.array(0.0)]}
    update, (m, v) = dsl.step(ADAMW, w, g, [zeros, zeros], 1.0)
    alone, (alone_m, _) = dsl.step(ADAMW, w["b"][0], g["b"][0], [np.zeros(4), np.zeros(4)], 1.0)
    np.testing.assert_array_equal(update["b"][0], alone)
    np.testing.assert_array_equal(m["b"][0], alone_m)
    assert update["a"].shape == (2, 3) and np.shape(v["b"][1]) == ()


def test_step_leaves_its_arguments_as_they_were():
    w, g, m = (np.full(3, x) for x in (1.0, 2.0, 3.0))
    dsl.step(dsl.optimizers["lion"], w, g, [m], 1.0)
    assert (w == 1.0).all() and (g == 2.0).all() and (m == 3.0).all()


@pytest.mark.parametrize("dtype", [np.float16, jnp.bfloat16, np.float32, np.float64])
@pytest.mark.parametrize("name", dsl.optimizers)
def test_step_keeps_the_dtype_and_the_shapes_of_the_weights(name, dtype):
    program = dsl.optimizers[name]
    w, g = np.ones((2, 2), dtype), np.full((2, 2), 0.5, dtype)
    update, states = dsl.step(program, w, g, [np.zeros_like(w) for _ in program.states], 0.1)
    assert len(states) == len(program.states)
    assert all(x.dtype == dtype and x.shape == (2, 2) for x in (update, *states))


def test_wrong_number_of_states_is_answered_with_the_right_one():
    with pytest.raises(ValueError, match="the program has 2 states, got 1: start with zeros like w"):
        dsl.step(ADAMW, np.ones(2), np.ones(2), [np.zeros(2)], 1.0)


def test_arrays_of_jax_and_of_numpy_may_be_mixed():
    w = np.array([1.0, 2.0], np.float32)
    update, (m, v) = dsl.step(ADAMW, jnp.array(w), w, [np.zeros_like(w), jnp.zeros(2)], jnp.float32(0.5))
    expected, _ = dsl.step(ADAMW, w, w, [np.zeros_like(w)] * 2, 0.5)
    np.testing.assert_array_equal(update, expected)
    assert m.dtype == v.dtype == np.float32


def tree(**changes) -> dict:
    return {"a": np.ones((2, 3)), "b": [np.ones(4), jnp.ones(())]} | changes


UNLIKE = {
    # a leaf or key that differs: (the tree, the error, what it says)
    "other keys": (
        {"a": np.ones((2, 3)), "c": [np.ones(4), np.ones(())]},
        ValueError,
        r" must have the structure of w: .*'c': .* is not .*'b'",
    ),
    "a key less": ({"a": np.ones((2, 3))}, ValueError, " must have the structure of w"),
    "an array": (np.ones((2, 3)), ValueError, " must have the structure of w"),
    "another shape": (tree(a=np.ones((3, 2))), ValueError, r" must be shaped like w: \(3, 2\) is not \(2, 3\)"),
    "a number for an array": (tree(a=1.0), ValueError, r" must be shaped like w: \(\) is not \(2, 3\)"),
    "integers": (tree(a=np.ones((2, 3), int)), TypeError, r" has dtype int64, .*np.asarray\(x, np.float32\)"),
    "integers of jax": (tree(b=[np.ones(4), jnp.ones((), jnp.int32)]), TypeError, " has dtype int32, "),
    "truth values": (tree(a=np.ones((2, 3), bool)), TypeError, " has dtype bool, "),
    "complex numbers": (tree(a=np.ones((2, 3), complex)), TypeError, " has dtype complex128, "),
    "objects": (tree(a=np.ones((2, 3), object)), TypeError, " has dtype object, "),
}


@pytest.mark.parametrize("case", UNLIKE)
@pytest.mark.parametrize(("position", "name"), [(1, "g"), (2, "states[0]"), (3, "states[1]")])
def test_an_argument_that_is_not_like_the_weights_is_named(case, position, name):
    other, error, message = UNLIKE[case]
    trees = [tree(), tree(), tree(), tree()]
    trees[position] = other
    w, g, *states = trees
    with pytest.raises(error, match=f"^{re.escape(name)}{message}"):
        dsl.step(ADAMW, w, g, states, 1.0)


@pytest.mark.parametrize("make", [np.ones, jnp.ones])
@pytest.mark.parametrize("dtype", [np.int32, np.uint8, bool, np.complex64])
def test_weights_that_are_no_floats_are_refused(make, dtype):
    values = make(2, dtype)
    with pytest.raises(TypeError, match="^w has dtype .*, and must be of floats: convert each array with"):
        dsl.step(ADAMW, values, values, [values, values], 1.0)


def test_one_array_of_another_shape_is_refused():
    ones = np.ones(3)
    with pytest.raises(ValueError, match=r"^g must be shaped like w: \(1, 3\) is not \(3,\)"):
        dsl.step(ADAMW, ones, np.ones((1, 3)), [ones, ones], 1.0)


@pytest.mark.parametrize("nothing", [{}, [], None, {"a": ()}])
def test_weights_without_an_array_are_refused(nothing):
    with pytest.raises(ValueError, match="w has no leaves: give an array, or a pytree of arrays"):
        dsl.step(ADAMW, nothing, nothing, [nothing, nothing], 1.0)
