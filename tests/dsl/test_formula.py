"""Formulas on one line read back as the program."""

from __future__ import annotations

import numpy as np
import pytest

import dsl


def read_back(program: dsl.Program, formula: str) -> dsl.Program:
    lines = formula.split("; ")
    if not lines[-1].startswith("return "):
        lines.append(f"return {', '.join(('update', *program.states))}")
    return dsl.parse("\n  ".join([f"def train({', '.join(program.inputs)}):", *lines]))


@pytest.mark.parametrize("origin", ["descendant", "wild"])
def test_the_formula_of_a_random_program_reads_back_as_a_program_of_its_hash(origin, request):
    draw, fewer = request.getfixturevalue(origin), 0
    for number in range(500):
        program = draw(71, number)
        formula = dsl.formula(program)
        assert dsl.canonical_hash(read_back(program, formula)) == dsl.canonical_hash(program), formula
        fewer += len(formula.split("; ")) < len(program)
    assert fewer > 200


@pytest.mark.parametrize("name", dsl.optimizers)
def test_the_formula_of_a_simplified_optimizer_has_no_return(name):
    program = dsl.simplify(dsl.optimizers[name])
    formula = dsl.formula(program)
    assert "return" not in formula and dsl.canonical(read_back(program, formula)) == dsl.canonical(program)


def test_a_value_that_is_set_anew_is_not_moved_behind_that():
    program = dsl.parse("def train(w, g, m, lr):\n  t = m * 2\n  m = g + m\n  update = t - m\n  return update, m")
    assert dsl.formula(program) == "t = m * 2.0; m = g + m; update = t - m"


def test_parentheses_keep_the_order_of_operations():
    program = dsl.parse("def train(w, g, lr):\n  update = g - (w - (g + w) * lr / (lr * 2))\n  return update")
    assert dsl.formula(program) == "update = g - (w - (g + w) * lr / (lr * 2.0))"


def test_deep_nesting_is_broken_into_lines():
    program = dsl.parse(
        "def train(w, g, lr):\n" + "  update = sin(g)\n" + "  update = sin(update)\n" * 60 + "  return update"
    )
    assert dsl.formula(program).count("; ") == 3


@pytest.mark.parametrize("origin", ["descendant", "wild"])
def test_the_formulas_of_the_outputs_are_what_a_step_computes(origin, request):
    draw, rng = request.getfixturevalue(origin), np.random.default_rng(0)
    for number in range(300):
        program = draw(72, number)
        w, g, *states = rng.standard_normal((2 + len(program.states), 5))
        update, after = dsl.step(program, w, g, states, 0.7)
        for text, expected in zip(dsl.formulas(program).values(), (update, *after), strict=True):
            *lines, last = text.split("; ")
            lines += [f"out = {last}", f"return {', '.join(['out'] * len(program.outputs))}"]
            alone = dsl.parse("\n  ".join([f"def train({', '.join(program.inputs)}):", *lines]))
            np.testing.assert_array_equal(dsl.step(alone, w, g, states, 0.7)[0], expected)
