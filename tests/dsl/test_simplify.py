"""Simplification: never longer, the same weights, equal programs alike, and the raw winner down to Lion."""

from __future__ import annotations

import pytest

import dsl
from dsl.agreement import difference
from dsl.identities import Identity
from dsl.length import digits, size, tidy
from dsl.program import to_constant
from dsl.reductions import constants, reductions, rounded, single_assignment, times
from dsl.short_writer import ShortWriter
from dsl.simplify import stages
from dsl.states import UNREAD
from tests.dsl.equal_pairs import PAIRS, program
from tests.dsl.test_parser import PRUNED_WINNER

MOST = max(identity.tolerance for identity in Identity)  # how far a simplification may lead the weights apart


@pytest.mark.parametrize("name", dsl.optimizers)
def test_a_known_optimizer_gets_no_longer_and_keeps_its_meaning(name):
    given, simplified = dsl.optimizers[name], dsl.simplify(dsl.optimizers[name])
    assert len(simplified) <= len(given) and len(simplified.states) <= len(given.states)
    assert difference(given, simplified) <= (MOST if name == "lion_raw" else 1e-6)
    assert dsl.simplify(simplified) == simplified


@pytest.mark.parametrize("origin", ["descendant", "wild"])
def test_a_random_program_gets_no_longer_keeps_its_weights_and_is_simplified_once(origin, request):
    draw, shorter = request.getfixturevalue(origin), 0
    for number in range(100):
        given = draw(61, number)
        found = stages(given)
        simplified = found[-1].after
        dsl.check(simplified)
        assert len(simplified) <= len(given) and len(simplified.states) <= len(given.states), given
        assert simplified == found[0].after or difference(given, simplified) <= MOST, given
        assert dsl.simplify(simplified) == simplified, given
        shorter += len(simplified) < len(given)
    assert shorter > 40


@pytest.mark.parametrize("why, one, other", PAIRS, ids=[why for why, *_ in PAIRS])
def test_the_pairs_are_equal(why, one, other):
    assert difference(program(one), program(other)) <= MOST


def test_equal_programs_end_as_the_same_text():
    apart = [why for why, one, other in PAIRS if dsl.simplify(program(one)) != dsl.simplify(program(other))]
    assert len(PAIRS) >= 60 and len(apart) <= 0.1 * len(PAIRS), apart


def test_a_zero_state_stays_where_writing_it_out_would_be_longer():
    given = dsl.parse("def train(w, g, m, lr):\n  u = m + 1.5\n  return u, m")
    assert len(dsl.canonical(given)) > len(given) and dsl.canonical(given).states == ()
    assert dsl.simplify(given) == given


@pytest.mark.parametrize("name", ["lion_raw", "adamw"])
def test_each_stage_goes_on_from_the_one_before_and_says_what_went(name):
    found = stages(dsl.optimizers[name])
    for before, after in zip(found, found[1:], strict=False):
        assert after.before == before.after
        assert not after.note or after.before == after.after
    assert found[0].before == dsl.optimizers[name] and found[-1].after == dsl.simplify(dsl.optimizers[name])


def test_the_raw_winner_of_the_paper_is_left_with_lion_after_clip_and_arcsin():
    found = stages(dsl.optimizers["lion_raw"])
    assert found[0].states == (UNREAD,) and found[0].gone["cosh"] == 1
    (signs,) = [stage for stage in found if stage.new["sign"]]
    assert "1e-8" in signs.why and signs.gone == {"abs": 1, "/": 1}
    functions = [s.function for s in found[-1].after.statements]
    assert functions == ["clip_by_global_norm", "arcsin", "interp", "sign", "*", "+", "*", "*", "interp"]
    assert found[-1].after.states == ("m",)


def test_the_pruned_winner_of_the_paper_ends_as_the_raw_one_but_for_its_rounded_constants():
    pruned = dsl.parse(PRUNED_WINNER)
    raw, ours = dsl.simplify(dsl.optimizers["lion_raw"]), dsl.simplify(pruned)
    assert [s.function for s in ours.statements] == [s.function for s in raw.statements]
    assert [s.target for s in ours.statements] == [s.target for s in raw.statements]


def test_what_would_move_the_weights_is_left_out_and_the_stage_says_so():
    tiny = dsl.parse("def train(w, g, lr):\n  a = g * 1e-9\n  b = abs(a)\n  u = a / b\n  return u")
    refused = [stage for stage in stages(tiny) if stage.note.startswith("the weights go apart")]
    assert refused and "1e-8" in refused[0].why and refused[0].after == refused[0].before
    assert "sign" not in str(dsl.simplify(tiny))


def test_a_program_that_is_never_finite_is_pruned_alone():
    given = dsl.parse("def train(w, g, lr):\n  a = arcsin(5.0)\n  dead = g * 2.0\n  u = g + a\n  v = u + u\n  return v")
    assert dsl.simplify(given) == dsl.prune(given)
    assert any(stage.note.startswith("no step") for stage in stages(given))


@pytest.mark.parametrize("nested", ["x * w; x = x + g", "interp(x, g, 0.3); x = x / w", "x + w; x = x * x"])
def test_a_program_that_nests_deep_is_simplified(nested):
    body = "".join(f"  x = {nested}\n" for _ in range(300)).replace("; ", "\n  ")
    given = dsl.parse(f"def train(w, g, lr):\n  x = sin(w)\n{body}  return x")
    assert len(dsl.simplify(given)) <= len(given)


def test_a_program_that_lives_on_its_rounding_keeps_it():
    given = dsl.parse("def train(w, g, lr):\n  a = g + 1e8\n  u = a - 1e8\n  return u")
    assert len(dsl.simplify(given)) == 2
    assert any(stage.note.startswith("in float32") for stage in stages(given))


def test_many_states_of_one_role_keep_their_places():
    states = [f"s{number}" for number in range(12)]
    body = "".join(f"  {s} = tanh({s} * {0.1 + number / 100} + g)\n" for number, s in enumerate(states))
    given = dsl.parse(
        f"def train(w, g, {', '.join(states)}, lr):\n{body}  return {' + '.join(states)}, {', '.join(states)}"
    )
    simplified = dsl.simplify(given)
    assert simplified.states[:3] == ("m1", "m2", "m3") and dsl.simplify(simplified) == simplified


def test_no_more_ways_are_tried_than_the_bound_allows(monkeypatch):
    monkeypatch.setattr("dsl.short_writer.MOST_TRIALS", 5)
    found = []
    cheapest = ShortWriter._cheapest
    monkeypatch.setattr(ShortWriter, "_cheapest", lambda self, ways: (found.append(self), cheapest(self, ways))[1])
    for optimizer in ("adamw", "adabelief"):
        assert len(dsl.simplify(dsl.optimizers[optimizer])) <= len(dsl.optimizers[optimizer])
    assert found and max(writer.trials for writer in found) <= 8  # the last ways end within others


def test_a_weight_decay_is_not_hidden_in_a_product():
    given = dsl.parse("def train(w, g, lr):\n  a = g * w\n  b = a * 0.1\n  c = w * 0.01\n  u = b + c\n  return u")
    assert "wd = w * 0.01" in str(dsl.simplify(given))


@pytest.mark.parametrize("beta, decay", [(0.9, 0.1), (0.95, 0.05), (0.8, 0.2), (0.99, 0.01), (0.9, 0.01)])
def test_adamw_keeps_its_mean_and_its_decay_whatever_its_constants(beta, decay):
    text = str(dsl.known("adamw", learning_rate=0.003, weight_decay=decay)).replace("g, m, 0.9)", f"g, m, {beta})")
    simplified = str(dsl.simplify(dsl.parse(text)))
    assert f"m = interp(g, m, {beta})" in simplified and f"wd = w * {decay}" in simplified
    assert "lr = lr * 0.003" in simplified


def test_states_are_named_by_their_role():
    text = "def train(w, g, a, b, lr):\n  a = interp(g * g, a, .9)\n  b = interp(g, b, .9)\n  return b / sqrt(a), a, b"
    assert dsl.simplify(dsl.parse(text)).states == ("m", "v")


# What tasks may be asked about.


def test_each_reduction_has_a_statement_less_and_is_valid():
    given = dsl.optimizers["adamw"]
    found = list(reductions(given))
    assert len(found) == 11
    assert not any("0.001 becomes" in why or "0.01 becomes" in why for why, _ in found)
    for why, reduced in found:
        dsl.check(reduced)
        assert len(reduced) == len(given) - 1 and " becomes " in why


def test_a_reduction_by_a_pair_takes_out_a_statement_and_one_that_takes_its_result():
    given = dsl.parse("def train(w, g, lr):\n  a = tanh(g)\n  b = arcsin(a)\n  c = sign(w)\n  u = b + c\n  return u")
    found = dict(reductions(given, pairs=True))
    assert list(found)[0] == "a = tanh(g) becomes a = g and b = arcsin(a) becomes b = a"
    assert str(found[list(found)[0]]) == "def train(w, g, lr):\n  x2 = sign(w)\n  x3 = g + x2\n  return x3\n"
    assert len(found) == 5 and not any("tanh" in why and "sign" in why for why in found)
    twice = {dsl.canonical_hash(after) for _, reduced in reductions(given) for _, after in reductions(reduced)}
    assert {dsl.canonical_hash(reduced) for reduced in found.values()} <= twice


def test_a_program_with_each_variable_set_once_computes_the_same(descendant):
    for number in range(50):
        given = descendant(62, number)
        single = single_assignment(given)
        names = [s.target for s in single.statements]
        assert len(set(names)) == len(names) and not set(names) & set(single.inputs)
        assert dsl.canonical_hash(single) == dsl.canonical_hash(given)


def test_constants_are_rounded_to_digits_and_weights_of_means_by_their_distance_to_one():
    given = dsl.parse("def train(w, g, m, lr):\n  m = interp(g, m, 0.99821967)\n  u = m * 0.00021717617\n  return u, m")
    places = constants(given)
    assert str(rounded(given, dict.fromkeys(places, 1))).count("0.998)") == 1
    assert "m * 0.00022" in str(rounded(given, dict.fromkeys(places, 2)))
    assert rounded(given, {}) == given


def test_an_update_times_a_factor():
    given = dsl.optimizers["lion"]
    assert difference(times(given, 1.0), given) == 0.0
    assert "lr * 0.003" in str(dsl.simplify(times(given, 30.0)))


def test_a_number_that_was_folded_gets_its_few_digits_back():
    assert tidy(0.09999997) == to_constant(0.1) and digits(tidy(0.09999997)) == 1
    assert tidy(0.3333333) == 0.3333333
    assert tidy(0.9990001, is_weight=True) == 0.9990001  # its distance to 1 would change by 1e-4
    assert size(dsl.optimizers["lion"]) == (1, 7, 15, 5)
