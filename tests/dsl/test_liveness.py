"""Which statements reach the weights, across training steps."""

from __future__ import annotations

import numpy as np
import pytest

import dsl
from dsl.program import Program

STEPS = 4


def body(*lines: str, states: str = "m, v") -> Program:
    return dsl.parse("\n".join([f"def train(w, g, {states}, lr):", *(f"  {line}" for line in lines)]))


def live_lines(program: Program) -> list[str]:
    return [str(program.statements[i]) for i in dsl.live(program)]


def run(program: Program) -> list[np.ndarray]:
    """The weights after each step, in float32."""
    rng = np.random.default_rng(0)
    w = [rng.normal(size=(2, 3)).astype(np.float32), np.array(0.5, np.float32)]
    states = [[np.zeros_like(leaf) for leaf in w] for _ in program.states]
    after = []
    for _ in range(STEPS):
        g = [np.asarray(rng.normal(size=np.shape(leaf)), np.float32) for leaf in w]
        update, states = dsl.step(program, w, g, states, 0.7)
        with np.errstate(all="ignore"):
            w = [np.asarray(leaf - change) for leaf, change in zip(w, update, strict=True)]
        after += w
    return after


def test_raw_winner_of_the_paper_keeps_its_redundant_statements_out():
    program = dsl.optimizers["lion_raw"]
    dead = {str(s) for i, s in enumerate(program.statements) if i not in dsl.live(program)}
    assert dead == {
        "m = clip_by_global_norm(m, lr)",
        "v845 = sqrt(0.62706333)",
        "v968 = sign(v)",
        "v968 = v - v",
        "v845 = tanh(v845)",
        "v1 = square(v1)",
        "m = cosh(update)",
        "lr = tan(1.45722)",
        "lr = cos(v845)",
    }


def test_a_state_that_is_overwritten_before_it_is_read_leaves_the_raw_winner():
    program = dsl.optimizers["lion_raw"]
    assert dsl.prune(program).states == ("v",)
    pruned = dsl.prune(program)
    assert pruned.inputs == ("w", "g", "v", "lr") and pruned.outputs == ("update", "v")
    assert len(pruned) == len(program) - 9


def test_a_state_is_live_through_another_state_steps_later():
    program = body("v = v + m", "m = m + g", "update = v * lr", "return update, m, v")
    assert dsl.live(program) == (0, 1, 2)


def test_a_state_that_only_feeds_itself_is_dead():
    program = body("v = v + g", "update = g * lr", "m = m * v", "return update, m, v")
    assert live_lines(program) == ["update = g * lr"]
    assert dsl.prune(program) == dsl.parse("def train(w, g, lr):\n  update = g * lr\n  return update")


def test_an_overwritten_value_is_dead_and_the_last_one_counts():
    program = body("x = sin(g)", "x = cos(g)", "y = sin(x)", "x = tan(g)", "update = x * y", "return update, m, v")
    assert live_lines(program) == ["x = cos(g)", "y = sin(x)", "x = tan(g)", "update = x * y"]


def test_a_statement_may_read_the_value_it_overwrites():
    program = body("g = clip(g, lr)", "g = g * lr", "return g, m, v")
    assert dsl.live(program) == (0, 1)


def test_a_state_may_be_the_update_and_another_state():
    program = body("m = interp(g, m, 0.9)", "return m, v, m")
    assert dsl.prune(program).states == program.states
    assert dsl.prune(program) == program


def test_program_without_a_live_statement_is_pruned_to_nothing():
    program = body("x = sin(g)", "return g, m, v")
    assert dsl.prune(program) == Program(("w", "g", "lr"), (), ("g",))


def test_name_of_a_pruned_state_may_go_on_as_a_temporary():
    program = body("m = sin(g)", "update = m * lr", "return update, m, v")
    assert dsl.prune(program) == dsl.parse("def train(w, g, lr):\n  m = sin(g)\n  update = m * lr\n  return update")


@pytest.mark.parametrize("origin", ["descendant", "wild"])
def test_pruning_changes_no_bit_of_the_weights(origin, request):
    draw = request.getfixturevalue(origin)
    shorter = fewer_states = 0
    for number in range(200):
        program = draw(11, number)
        pruned = dsl.prune(program)
        dsl.check(pruned)
        assert dsl.prune(pruned) == pruned
        for before, after in zip(run(program), run(pruned), strict=True):
            np.testing.assert_array_equal(before, after, err_msg=f"{program}\n{pruned}")
        shorter += len(pruned) < len(program)
        fewer_states += len(pruned.states) < len(program.states)
    assert shorter > 50 and fewer_states > 10


def test_every_live_statement_matters_to_liveness(descendant):
    for number in range(100):
        pruned = dsl.prune(descendant(12, number))
        assert dsl.live(pruned) == tuple(range(len(pruned)))
