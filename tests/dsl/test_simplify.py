"""Simplification: never longer, the same weights, and the paper's raw winner down to what is left of it."""

from __future__ import annotations

import numpy as np
import pytest

import dsl


@pytest.mark.parametrize("name", dsl.optimizers)
def test_a_known_optimizer_gets_no_longer_and_trains_the_same(name, train):
    program, simplified = dsl.optimizers[name], dsl.simplify(dsl.optimizers[name])
    assert len(simplified) <= len(program) and len(simplified.states) <= len(program.states)
    np.testing.assert_allclose(train(simplified), train(program), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("origin", ["descendant", "wild"])
def test_a_random_program_gets_no_longer(origin, request):
    draw, shorter = request.getfixturevalue(origin), 0
    for number in range(300):
        program = draw(61, number)
        simplified = dsl.simplify(program)
        dsl.check(simplified)
        assert len(simplified) <= len(program), program
        assert len(simplified.states) <= len(program.states), program
        shorter += len(simplified) < len(program)
    assert shorter > 100


def test_a_zero_state_stays_where_writing_it_out_would_be_longer():
    program = dsl.parse("def train(w, g, m, lr):\n  u = m + 1.5\n  return u, m")
    assert len(dsl.canonical(program)) > len(program) and dsl.canonical(program).states == ()
    assert dsl.simplify(program) == program


def test_the_raw_winner_of_the_paper_is_left_with_one_state():
    program = dsl.simplify(dsl.optimizers["lion_raw"])
    assert len(program.states) == 1 and len(program) <= 12


def test_simplifying_twice_changes_nothing_more_on_the_known_optimizers():
    for name, program in dsl.optimizers.items():
        simplified = dsl.simplify(program)
        assert dsl.simplify(simplified) == simplified, name
