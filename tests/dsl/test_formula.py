"""Formulas on one line read back as the program."""

from __future__ import annotations

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
