"""The reference meaning of a program: one step on arrays and on trees."""

from __future__ import annotations

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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
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
