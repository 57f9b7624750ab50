"""Types: the paper's table, what is rejected and how, and the quick check that a search asks."""

from __future__ import annotations

import inspect
import pickle
from itertools import product

import numpy as np
import pytest

import dsl
from dsl.checker import is_valid, result_type
from dsl.functions import FUNCTIONS
from dsl.types import LEAFWISE, SCALAR, TREE, Type

INPUTS = ("w", "g", "m", "lr")
WHOLE, PAIR = ("global_norm",), ("dot", "cosine_sim")
VARIABLES = {SCALAR: "lr", LEAFWISE: "leafwise", TREE: "w"}


def expected_type(name: str, given: tuple[Type, ...]) -> Type | None:
    """The paper's type table, written once more."""
    if name == "invert":
        return None
    if name == "norm":
        return LEAFWISE if given[0] is TREE else given[0]
    if name in WHOLE:
        return SCALAR
    if name in PAIR:
        return SCALAR if given[0] is given[1] else None
    if name == "clip_by_global_norm":
        return given[0] if given[1] is SCALAR else None
    return max(given, default=SCALAR)


def program(*statements: tuple, outputs=("w", "m"), inputs=INPUTS) -> dsl.Program:
    return dsl.Program(inputs, tuple(dsl.Statement(*s) for s in statements), outputs)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_result_types_are_those_of_the_paper(name):
    for given in product(Type, repeat=FUNCTIONS[name].arity):
        assert result_type(FUNCTIONS[name], list(given)) is expected_type(name, given), given


@pytest.mark.parametrize("name", FUNCTIONS)
def test_check_types_or_rejects_every_combination_of_arguments(name):
    for given in product(Type, repeat=FUNCTIONS[name].arity):
        candidate = program(("leafwise", "norm", ("g",)), ("result", name, tuple(VARIABLES[type] for type in given)))
        expected = expected_type(name, given)
        assert is_valid(candidate) is (expected is not None)
        if expected is None:
            with pytest.raises(dsl.ProgramError):
                dsl.check(candidate)
        else:
            assert dsl.check(candidate)["result"] is expected


def test_constant_is_a_scalar():
    assert dsl.check(program(("x", "+", (1.0, 2.0))))["x"] is SCALAR
    assert dsl.check(program(("x", "interp", ("g", 1.0, 2.0))))["x"] is TREE


@pytest.mark.parametrize("argument", ["w", "lr", 0.5])
def test_invert_is_rejected_even_where_it_is_dead(argument):
    candidate = program(("x", "invert", (argument,)))
    assert not is_valid(candidate)
    with pytest.raises(dsl.ProgramError, match="invert.*has no meaning.*remove the statement"):
        dsl.check(candidate)


def test_types_follow_a_variable_that_is_overwritten():
    types = dsl.check(program(("g", "norm", ("g",)), ("g", "global_norm", ("g",)), ("lr", "*", ("lr", "w"))))
    assert types == {"w": TREE, "g": SCALAR, "m": TREE, "lr": TREE}


REJECTED = {
    "misspelt function": (program(("x", "sqr", ("w",))), "statement 1: unknown function 'sqr'; did you mean 'sqrt'?"),
    "unknown function": (
        program(("x", "qqq", ("w",))),
        "statement 1: unknown function 'qqq': use one of dsl.functions",
    ),
    "wrong arity": (program(("x", "interp", ("w", "g"))), "statement 1: interp takes 3 arguments, got 2"),
    "unset variable": (
        program(("grad2", "square", ("g",)), ("x", "+", ("w", "grad"))),
        "statement 2: 'grad' is read before it is set; did you mean 'grad2'?",
    ),
    "variable set later": (
        program(("x", "abs", ("y1",)), ("y1", "abs", ("w",))),
        "statement 1: 'y1' is read before it is set: set it before, or use one of w, g, m, lr",
    ),
    "dot of two types": (
        program(("x", "dot", ("w", "lr"))),
        "statement 1: dot(TREE, SCALAR) has no meaning; it takes two of the same type",
    ),
    "clip with a tree": (
        program(("x", "clip_by_global_norm", ("w", "g"))),
        "statement 1: clip_by_global_norm(TREE, TREE) has no meaning; it takes any type and a SCALAR",
    ),
    "scalar update": (
        program(("x", "abs", ("lr",)), outputs=("x", "m")),
        "the output 'x' is a SCALAR: the update and the states must be shaped like the weights",
    ),
    "leafwise state": (
        program(("m", "norm", ("g",))),
        "the output 'm' is a LEAFWISE: the update and the states must be shaped like the weights",
    ),
    "output never set": (program(outputs=("x", "m")), "the output 'x' was never set"),
    "too few outputs": (
        program(outputs=("w",)),
        "returns 1 values for an update and 1 states: return update, m",
    ),
    "too many outputs": (
        program(outputs=("w", "m", "g")),
        "returns 3 values for an update and 1 states: return update, m",
    ),
}


@pytest.mark.parametrize("case", REJECTED)
def test_rejection_says_where_and_how_to_repair(case):
    candidate, message = REJECTED[case]
    with pytest.raises(dsl.ProgramError) as caught:
        dsl.check(candidate)
    assert str(caught.value).startswith(message)
    assert not is_valid(candidate)


TAKING_PROGRAMS = {
    name: function
    for name, function in inspect.getmembers(dsl, inspect.isfunction)
    if next(iter(inspect.signature(function).parameters)) == "program"
}


@pytest.mark.parametrize("name", TAKING_PROGRAMS)
@pytest.mark.parametrize(
    ("given", "message"),
    [("def train(w, g, lr): return g", "got str: pass dsl.parse(text)"), (None, "got NoneType")],
    ids=["text", "nothing"],
)
def test_what_is_no_program_is_refused_by_every_function_that_takes_one(name, given, message):
    function = TAKING_PROGRAMS[name]
    others = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty][1:]
    with pytest.raises(TypeError) as caught:
        function(given, *[None] * len(others))
    assert str(caught.value) == f"expected a Program, {message}"


def test_functions_that_take_a_program_are_found_for_the_test_above():
    assert {"canonical", "canonical_hash", "check", "export", "live", "mutate", "step"} <= set(TAKING_PROGRAMS)


def test_error_survives_the_way_between_processes():
    with pytest.raises(dsl.ProgramError) as caught:
        dsl.check(program(("x", "sqr", ("w",))))
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value) and copy.statement == 0


def test_quick_check_agrees_with_check_on_random_statements():
    rng = np.random.default_rng(0)
    names = ["w", "g", "m", "lr", "a", "b", "never"]
    functions = [*FUNCTIONS, "missing"]
    valid = 0
    for _ in range(4000):
        statements = []
        for _ in range(rng.integers(1, 4)):
            name = functions[rng.integers(len(functions))]
            arity = FUNCTIONS[name].arity if name in FUNCTIONS else 1
            arity += int(rng.random() < 0.03)
            drawn = (names[rng.integers(len(names) - (rng.random() < 0.9))] for _ in range(arity))
            arguments = tuple(0.5 if rng.random() < 0.2 else name for name in drawn)
            statements.append((names[rng.integers(len(names) - 1)], name, arguments))
        outputs = tuple(names[i] for i in rng.integers(4, size=2 + (rng.random() < 0.05)))
        candidate = program(*statements, outputs=outputs)
        try:
            dsl.check(candidate)
            expected = True
        except dsl.ProgramError:
            expected = False
        assert is_valid(candidate) is expected, candidate
        valid += expected
    assert 400 < valid < 3600


@pytest.mark.parametrize("name", dsl.optimizers)
def test_known_optimizers_are_valid(name):
    assert is_valid(dsl.optimizers[name])
    assert set(dsl.check(dsl.optimizers[name])) >= set(dsl.optimizers[name].inputs)
