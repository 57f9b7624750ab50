"""Children: valid, one mutation away, drawn from the whole space, and a function of the random stream."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from itertools import product

import numpy as np
import pytest

import dsl
from dsl import mutation
from dsl.checker import is_valid
from dsl.functions import FUNCTIONS, Rule
from dsl.mutation import Mutation, MutationSettings, mutate, propose
from dsl.program import Program, to_constant

ADAMW = dsl.optimizers["adamw"]
SETTINGS = MutationSettings()
EMPTY = dsl.parse("def train(w, g, lr): return g")


def stream(number: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[0, number]))


def children(parent: Program, settings: MutationSettings, count: int) -> list[tuple[Program, Mutation]]:
    return [propose(parent, stream(number), settings) for number in range(count)]


@pytest.fixture(scope="module")
def of_adamw():
    return children(ADAMW, SETTINGS, 8000)


def changed(parent: Program, child: Program) -> list[tuple[int, int]]:
    """(statement, argument) of each argument that differs; targets and functions must agree."""
    assert [s[:2] for s in parent.statements] == [s[:2] for s in child.statements]
    pairs = enumerate(zip(parent.statements, child.statements, strict=True))
    return [(i, j) for i, (a, b) in pairs for j in range(len(a.arguments)) if a.arguments[j] != b.arguments[j]]


def test_children_are_valid_and_keep_the_signature(of_adamw):
    for child, _ in of_adamw:
        dsl.check(child)
        assert (child.inputs, child.outputs) == (ADAMW.inputs, ADAMW.outputs)
    assert all(dsl.parse(str(child)) == child for child, _ in of_adamw[:500])


def test_a_child_is_exactly_one_mutation_away_and_the_mutation_says_where(of_adamw):
    for child, (kind, at) in of_adamw:
        if kind == "insert":
            assert child.statements[:at] + child.statements[at + 1 :] == ADAMW.statements
        elif kind == "delete":
            assert child.statements == ADAMW.statements[:at] + ADAMW.statements[at + 1 :]
        else:
            assert kind == "modify"
            assert [i for i, _ in changed(ADAMW, child)] == [at]


def test_all_kinds_of_mutation_arise(of_adamw):
    kinds = Counter(made.kind for _, made in of_adamw)
    assert set(kinds) == {"insert", "delete", "modify"}
    assert min(kinds.values()) > 800


def test_every_function_that_can_be_valid_is_inserted_and_no_other(of_adamw):
    inserted = Counter(child.statements[at].function for child, (kind, at) in of_adamw if kind == "insert")
    assert set(inserted) == {name for name, row in FUNCTIONS.items() if row.rule is not Rule.NEVER}


def test_statements_are_inserted_at_every_place_and_set_new_and_existing_variables(of_adamw):
    inserted = [(child, at) for child, (kind, at) in of_adamw if kind == "insert"]
    assert {at for _, at in inserted} == set(range(len(ADAMW) + 1))
    known = {*ADAMW.inputs, *(s.target for s in ADAMW.statements)}
    targets = Counter(child.statements[at].target in known for child, at in inserted)
    assert targets[True] > 0.4 * len(inserted) and targets[False] > 0.2 * len(inserted)
    assert {child.statements[at].target for child, at in inserted} > known - {"update"}


def test_every_statement_that_may_go_is_deleted(of_adamw):
    deleted = {at for _, (kind, at) in of_adamw if kind == "delete"}
    possible = set()
    for at in range(len(ADAMW)):
        try:
            dsl.check(Program(ADAMW.inputs, ADAMW.statements[:at] + ADAMW.statements[at + 1 :], ADAMW.outputs))
            possible.add(at)
        except dsl.ProgramError:
            continue
    assert deleted == possible


def test_average_of_gradient_and_state_with_a_constant_weight_arises_by_insertion():
    made = children(ADAMW, MutationSettings(delete=0, modify=0), 15_000)
    inserted = [child.statements[at] for child, (_, at) in made]
    means = [s.arguments for s in inserted if s.function == "interp" and isinstance(s.arguments[2], float)]
    assert any({x, y} == {"m", "g"} for x, y, _ in means)


def test_modified_variable_becomes_another_variable_of_its_place_or_a_normal_constant(of_adamw):
    constants, variables = [], 0
    for child, (kind, at) in of_adamw:
        if kind != "modify":
            continue
        ((_, slot),) = changed(ADAMW, child)
        old, new = ADAMW.statements[at].arguments[slot], child.statements[at].arguments[slot]
        if isinstance(old, float):
            assert isinstance(new, float)
        elif isinstance(new, float):
            constants.append(new)
        else:
            assert new in {*ADAMW.inputs, *(s.target for s in ADAMW.statements[:at])}
            variables += 1
    assert abs(np.mean(constants)) < 0.2 and 0.85 < np.std(constants) < 1.15
    assert 0.2 < len(constants) / (len(constants) + variables) < 0.6


def test_modified_constant_is_multiplied_by_a_power_of_two_that_is_normal():
    parent = dsl.parse("def train(w, g, lr): return g * -0.3")
    made = children(parent, MutationSettings(constants_only=True), 3000)
    constants = np.array([child.statements[0].arguments[1] for child, _ in made])
    exponents = np.log2(constants / -0.3)
    assert abs(np.mean(exponents)) < 0.06 and 0.95 < np.std(exponents) < 1.05


def test_a_constant_that_would_leave_float32_is_drawn_again():
    parent = dsl.parse("def train(w, g, lr): return g * 3e38 + w * 0.5")
    for child, _ in children(parent, MutationSettings(constants_only=True), 200):
        assert child.statements[0].arguments[1] == parent.statements[0].arguments[1]


def test_constants_are_float32_numbers(of_adamw):
    for child, _ in of_adamw:
        constants = [a for s in child.statements for a in s.arguments if isinstance(a, float)]
        assert all(a == to_constant(a) for a in constants)


def test_constants_only_changes_one_constant_and_nothing_else():
    slots = Counter()
    for child, made in children(ADAMW, MutationSettings(constants_only=True), 400):
        ((at, slot),) = changed(ADAMW, child)
        assert made == Mutation("modify", at)
        assert isinstance(ADAMW.statements[at].arguments[slot], float)
        assert isinstance(child.statements[at].arguments[slot], float)
        slots[at] += 1
    assert len(slots) == 4 and min(slots.values()) > 60  # beta1, beta2, weight decay, learning rate


def test_constants_only_without_constants_says_what_to_do():
    with pytest.raises(dsl.ProgramError, match="give the program constants, or allow more kinds of mutation"):
        mutate(dsl.parse("def train(w, g, lr): return sign(g)"), stream(0), MutationSettings(constants_only=True))


def test_without_insertion_programs_only_get_shorter():
    program, settings = dsl.optimizers["lion_raw"], MutationSettings(insert=0)
    for number in range(200):
        child = mutate(program, stream(number), settings)
        assert len(child) <= len(program)
        program = child
    assert len(program) < len(dsl.optimizers["lion_raw"]) / 2


@pytest.mark.parametrize("kind", ["insert", "delete", "modify"])
def test_a_kind_of_weight_zero_does_not_arise(kind):
    settings = MutationSettings(**{kind: 0})
    assert kind not in {made.kind for _, made in children(ADAMW, settings, 300)}


def test_length_cap_is_respected():
    program, settings, longest = ADAMW, MutationSettings(insert=10, max_statements=14), 0
    for number in range(300):
        program = mutate(program, stream(number), settings)
        longest = max(longest, len(program))
    assert longest == 14


RANGES = {part.name: part.metadata for part in fields(MutationSettings) if part.metadata["low"] is not None}


@pytest.mark.parametrize("name", RANGES)
def test_settings_take_numbers_up_to_the_ends_of_their_range_and_no_others(name):
    low, high = RANGES[name]["low"], RANGES[name]["high"]
    wrong = [low - 1, float("nan"), float("-inf"), "1", None]
    if high is None:
        allowed = f"{low:g} or more"
    else:
        allowed = f"{low:g} to {high:g}"
        wrong += [high * 2, float("inf")]
        assert getattr(MutationSettings(**{name: high}), name) == high
    assert getattr(MutationSettings(**{name: low}), name) == low
    for value in wrong:
        with pytest.raises(ValueError) as caught:
            MutationSettings(**{name: value})
        number = "a whole number" if name == "max_statements" else "a number"
        assert str(caught.value) == f"{name} is {value!r}: give {number}, {allowed}"


@pytest.mark.parametrize("wrong", [{"max_statements": 2.5}, {"constants_only": "no"}, {"insert": True}])
def test_settings_of_another_kind_are_refused(wrong):
    with pytest.raises(ValueError, match="give "):
        MutationSettings(**wrong)


def test_settings_without_a_kind_of_mutation_are_refused():
    with pytest.raises(ValueError, match="all weights are 0: set insert, delete or modify above 0"):
        MutationSettings(insert=0, delete=0, modify=0)


def test_the_empty_program_grows_again():
    assert {made for _, made in children(EMPTY, SETTINGS, 50)} == {Mutation("insert", 0)}


@pytest.mark.parametrize(("probability", "kinds"), [(0.0, {str}), (1.0, {float})])
def test_constant_probability_is_obeyed_at_its_ends(probability, kinds):
    settings = MutationSettings(delete=0, modify=0, constant_probability=probability)
    inserted = [child.statements[at] for child, (_, at) in children(ADAMW, settings, 300)]
    assert {type(a) for s in inserted for a in s.arguments} == kinds


@pytest.mark.parametrize(("probability", "new"), [(0.0, False), (1.0, True)])
def test_new_variable_probability_is_obeyed_at_its_ends(probability, new):
    settings = MutationSettings(delete=0, modify=0, new_variable_probability=probability)
    known = {*ADAMW.inputs, *(s.target for s in ADAMW.statements)}
    inserted = [child.statements[at] for child, (_, at) in children(ADAMW, settings, 300)]
    assert {s.target not in known for s in inserted} == {new}


def test_the_same_stream_gives_the_same_child_and_another_stream_another(descendant):
    for number in range(50):
        assert descendant(41, number) == descendant(41, number)
    assert len({str(mutate(ADAMW, stream(number))) for number in range(100)}) > 60


def test_a_stream_is_all_that_a_child_depends_on():
    rng = stream(3)
    first = [mutate(ADAMW, rng) for _ in range(5)]
    mutate(dsl.optimizers["lion"], stream(4))
    rng = stream(3)
    assert [mutate(ADAMW, rng) for _ in range(5)] == first


def count_draws(monkeypatch) -> list[int]:
    """A list of one number, that of the proposals drawn since."""
    drawn, original = [0], mutation.draw

    def counted(*arguments):
        drawn[0] += 1
        return original(*arguments)

    monkeypatch.setattr(mutation, "draw", counted)
    return drawn


def test_a_child_takes_few_proposals(monkeypatch, descendant):
    parents = [descendant(42, number) for number in range(100)]
    drawn = count_draws(monkeypatch)
    for (number, parent), repeat in product(enumerate(parents), range(10)):
        mutate(parent, stream(1000 * number + repeat))
    mean = drawn[0] / 1000
    print(f"{mean:.2f} proposals for a child")
    assert 1 <= mean < 2


ONE = dsl.parse("def train(w, g, lr): return sign(g)")
NO_CONSTANTS = dsl.parse("def train(w, g, m, lr):\n  m = m + g\n  u = m * lr\n  return u, m")
EXTREMES = {
    "no statement": (EMPTY, SETTINGS),
    "one statement": (ONE, SETTINGS),
    "one statement that may not grow": (ONE, MutationSettings(max_statements=1)),
    "at the length cap": (ADAMW, MutationSettings(max_statements=len(ADAMW))),
    "beyond the length cap": (ADAMW, MutationSettings(max_statements=2)),
    "no constants": (NO_CONSTANTS, SETTINGS),
    "constants only": (ADAMW, MutationSettings(constants_only=True)),
    "a long program": (
        Program(ADAMW.inputs, ADAMW.statements[:-1] * 40 + ADAMW.statements[-1:], ADAMW.outputs),
        SETTINGS,
    ),
}


@pytest.mark.parametrize("case", EXTREMES)
def test_an_extreme_program_has_children_after_few_proposals(case, monkeypatch):
    parent, settings = EXTREMES[case]
    drawn = count_draws(monkeypatch)
    for number in range(300):
        child, made = propose(parent, stream(number), settings)
        dsl.check(child)
        assert child != parent or made.kind == "insert"
    print(f"{case}: {drawn[0] / 300:.2f} proposals for a child")
    assert drawn[0] / 300 < 7


def edits(parent: Program, settings: MutationSettings) -> dict[tuple, float]:
    """(mutation, statement it leaves there) -> probability, for every valid single edit, as docs/language.md has it.

    For settings without constants, whose values have no probability of their own.
    """
    weights = {kind: getattr(settings, kind) for kind in ("insert", "delete", "modify")}
    share = {kind: weight / sum(weights.values()) for kind, weight in weights.items()}
    length, found = len(parent), {}

    def add(kind: str, at: int, statement: dsl.Statement | None, probability: float) -> None:
        before, after = parent.statements[:at], parent.statements[at + (kind != "insert") :]
        child = Program(parent.inputs, before + ((statement,) if statement else ()) + after, parent.outputs)
        if is_valid(child):
            found[Mutation(kind, at), statement] = share[kind] * probability

    names = list(dict.fromkeys([*parent.inputs, *(s.target for s in parent.statements)]))
    drawn = [row for row in FUNCTIONS.values() if row.rule is not Rule.NEVER]
    new = settings.new_variable_probability
    targets = {f"v{len(names)}": new} | dict.fromkeys(names, (1 - new) / len(names))
    for at in range(length + 1):
        scope = list(dict.fromkeys([*parent.inputs, *(s.target for s in parent.statements[:at])]))
        for row, (target, chance) in product(drawn, targets.items()):
            for arguments in product(scope, repeat=row.arity):
                one = chance / (length + 1) / len(drawn) / len(scope) ** row.arity
                add("insert", at, dsl.Statement(target, row.name, arguments), one)
        if at < length:
            add("delete", at, None, 1 / length)
            target, function, old = parent.statements[at]
            for slot, name in product(range(len(old)), scope):
                if name != old[slot]:
                    changed = dsl.Statement(target, function, (*old[:slot], name, *old[slot + 1 :]))
                    add("modify", at, changed, 1 / length / len(old) / (len(scope) - 1))
    total = sum(found.values())
    return {edit: probability / total for edit, probability in found.items()}


def test_every_valid_edit_has_the_probability_that_the_docs_state():
    settings = MutationSettings(constant_probability=0.0, insert=1.0, delete=2.0, modify=3.0)
    expected, count = edits(NO_CONSTANTS, settings), 40_000
    found = Counter()
    for child, made in children(NO_CONSTANTS, settings, count):
        found[made, None if made.kind == "delete" else child.statements[made.statement]] += 1
    assert found.keys() <= expected.keys()
    frequent = {edit: probability * count for edit, probability in expected.items() if probability * count >= 5}
    rest = [count - sum(frequent.values()), count - sum(found[edit] for edit in frequent)]
    squares = [(found[edit] - mean) ** 2 / mean for edit, mean in frequent.items()] + [
        (rest[1] - rest[0]) ** 2 / rest[0]
    ]
    # the sum of n of them is n, and 5 standard deviations of it more once in millions
    assert sum(squares) < len(squares) + 5 * (2 * len(squares)) ** 0.5
