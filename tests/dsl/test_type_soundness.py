"""Types are sound and complete: a raw proposal, valid or not, is accepted exactly where it can be executed.

The judge knows nothing of `dsl.checker`. It executes a program on values, and sees what a value is from its shape: the
paper's table (arXiv 2302.06675, appendix) says which calls have a meaning. The leaves have shapes of which no two
broadcast together, nor with one number for each leaf, so that nothing works by accident.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import combinations, count, islice, product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import tree_util

import dsl
from dsl import checker, mutation
from dsl.checker import is_valid
from dsl.functions import FUNCTIONS, Rule
from dsl.mutation import MutationSettings, mutate
from dsl.program import to_constant
from dsl.types import Type
from dsl.vm.bytecode import Capacity, encode
from dsl.vm.jax_machine import JaxMachine

SHAPES = ((2, 4), (5,), (7, 1, 6))
SETTINGS = MutationSettings()
ADAMW = dsl.optimizers["adamw"]
Call = tuple[str, tuple[str, ...]]  # a function, and the kinds of its arguments
Value = Any  # a number; or a list with an array for each leaf, or with a number for each leaf


def stream(*numbers: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=numbers))


# The judge: the paper's table on values.


class Meaningless(Exception):
    """A call or a result without a meaning; its text is the reason."""


def kind(value: Value) -> str:
    """What a value is: seen from its shape, never from the function that made it."""
    shape = tuple(np.shape(leaf) for leaf in value) if isinstance(value, list) else np.shape(value)
    return {(): "SCALAR", ((),) * len(SHAPES): "LEAFWISE", SHAPES: "TREE"}[shape]


def leaves(value: Value) -> list:
    return value if isinstance(value, list) else [value]


def each_leaf(function: Callable) -> Callable:
    """A function of arrays and numbers on trees: a number meets all leaves, one number for each leaf its own leaf."""

    def on_trees(*arguments: Value) -> Value:
        if not any(isinstance(a, list) for a in arguments):
            return function(*arguments)
        columns = [a if isinstance(a, list) else [a] * len(SHAPES) for a in arguments]
        return [function(*row) for row in zip(*columns, strict=True)]

    return on_trees


def total(x: Value) -> Value:
    return np.sqrt(sum(np.sum(leaf * leaf) for leaf in leaves(x)))


def dot(x: Value, y: Value) -> Value:
    if kind(x) != kind(y):
        raise Meaningless("dot or cosine_sim of two kinds of value")
    return sum(np.sum(a * b) for a, b in zip(leaves(x), leaves(y), strict=True))


def clip(x: Value, limit: Value) -> Value:
    if kind(limit) != "SCALAR":
        raise Meaningless("clip_by_global_norm by more than one number")
    return each_leaf(np.multiply)(x, np.minimum(1.0, limit / total(x)))


NUMBERS = {"get_pi": np.float64(np.pi), "get_e": np.float64(np.e), "get_eps": np.float64(1e-8)}
_NAMES = (
    "abs cos sin tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh exp exp2 expm1 log log10 log2 log1p"
    " square sqrt cbrt sign reciprocal invert negative"
)
UNARY: dict[str, Callable] = {name: getattr(np, name) for name in _NAMES.split()}
UNARY |= {"exp10": lambda x: np.power(10.0, x), "cube": lambda x: x * x * x, "norm": lambda x: np.sqrt(np.sum(x * x))}
BINARY = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
BINARY |= {"max": np.maximum, "min": np.minimum, "power": np.power}
# How many arguments, and what is done with them.
TABLE: dict[str, tuple[int, Callable]] = {
    **{name: (0, lambda number=number: number) for name, number in NUMBERS.items()},
    **{name: (1, each_leaf(function)) for name, function in UNARY.items()},
    **{name: (2, each_leaf(function)) for name, function in BINARY.items()},
    "interp": (3, each_leaf(lambda x, y, a: (1 - a) * x + a * y)),
    "global_norm": (1, total),
    "dot": (2, dot),
    "cosine_sim": (2, lambda x, y: dot(x, y) / (total(x) * total(y))),
    "clip_by_global_norm": (2, clip),
}
REDUCING = ("norm", "global_norm", "dot", "cosine_sim", "clip_by_global_norm")
REASONS = {
    "unknown function",
    "wrong number of arguments",
    "variable never set",
    "invert is not defined on floats",
    "dot or cosine_sim of two kinds of value",
    "clip_by_global_norm by more than one number",
    "wrong number of outputs",
    "output never set",
    "output is a SCALAR",
    "output is a LEAFWISE",
}


class Verdict(NamedTuple):
    """What became of an execution: the kind of each variable, or why and where it failed; and what was called."""

    calls: set[Call]
    kinds: dict[str, str]
    reason: str | None = None
    statement: int | None = None


def call(statement: dsl.Statement, values: dict[str, Value], calls: set[Call]) -> Value:
    if statement.function not in TABLE:
        raise Meaningless("unknown function")
    arity, function = TABLE[statement.function]
    if len(statement.arguments) != arity:
        raise Meaningless("wrong number of arguments")
    if not all(a in values for a in statement.arguments if isinstance(a, str)):
        raise Meaningless("variable never set")
    arguments = [values[a] if isinstance(a, str) else np.float64(a) for a in statement.arguments]
    calls.add((statement.function, tuple(map(kind, arguments))))
    try:
        return function(*arguments)
    except TypeError as error:  # what NumPy says of a bitwise function
        raise Meaningless(f"{statement.function} is not defined on floats") from error


def output_fault(program: dsl.Program, kinds: dict[str, str]) -> str | None:
    if len(program.outputs) != len(program.inputs) - 2:  # the update takes the place of weights, gradient and lr
        return "wrong number of outputs"
    for name in program.outputs:
        if name not in kinds:
            return "output never set"
        if kinds[name] != "TREE":
            return f"output is a {kinds[name]}"
    return None


@cache
def random_leaves(seed: int) -> tuple[np.ndarray, ...]:
    return tuple(stream(90, seed).normal(size=shape).astype(np.float32) for shape in SHAPES)


def judge(program: dsl.Program) -> Verdict:
    """Executes a program of any origin, statement by statement, dead ones too."""
    values: dict[str, Value] = {name: list(random_leaves(seed)) for seed, name in enumerate(program.inputs[:-1])}
    values[program.inputs[-1]] = np.float64(0.7)
    calls: set[Call] = set()
    with np.errstate(all="ignore"):
        for index, statement in enumerate(program.statements):
            try:
                values[statement.target] = call(statement, values, calls)
            except Meaningless as fault:
                return Verdict(calls, {}, str(fault), index)
    kinds = {name: kind(value) for name, value in values.items()}
    return Verdict(calls, kinds, output_fault(program, kinds))


# Proposals.


def draw(program: dsl.Program, rng: np.random.Generator) -> dsl.Program | None:
    """One mutation, valid or not."""
    drawn = mutation.draw(program, rng, SETTINGS)
    return drawn and drawn[0]


LEAFWISE = ("norm1", "norm2", "norm3")


def with_leafwise(program: dsl.Program) -> dsl.Program:
    """The program with variables of the rarest kind."""
    norms = tuple(dsl.Statement(name, "norm", ("g",)) for name in LEAFWISE)
    return dsl.Program(program.inputs, (*norms, *program.statements), program.outputs)


def with_strays(program: dsl.Program, rng: np.random.Generator) -> dsl.Program:
    """One to three statements more, of any function, arguments and target; sometimes other outputs, or another number.

    Mutation draws no `invert`, no wrong number of arguments, nothing that is unset from the start, and leaves the
    outputs as they are.
    """
    statements = list(program.statements)
    targets = [s.target for s in statements]
    names = [*program.inputs, *program.outputs, *targets, *(name for name in targets if name in LEAFWISE), "unset"]
    functions = [*FUNCTIONS, *REDUCING * 4, "unknown"]

    def name() -> str:
        return names[rng.integers(len(names))]

    for _ in range(rng.integers(1, 4)):
        function = functions[rng.integers(len(functions))]
        arity = TABLE[function][0] if function in TABLE and rng.random() < 0.97 else int(rng.integers(5))
        arguments = tuple(to_constant(rng.standard_normal()) if rng.random() < 0.3 else name() for _ in range(arity))
        place = rng.integers(len(statements) + 1)
        statements.insert(place, dsl.Statement(name(), function, arguments))
    outputs = program.outputs
    changed = rng.random()
    if changed < 0.2:
        place = rng.integers(len(outputs))
        outputs = (*outputs[:place], name(), *outputs[place + 1 :])
    elif changed < 0.22:
        outputs = outputs[:-1]
    elif changed < 0.24:
        outputs = (*outputs, name())
    return dsl.Program(program.inputs, tuple(statements), outputs)


def proposals(descendant: Callable, seed: int) -> Iterator[tuple[str, dsl.Program]]:
    """("mutation" or "stray", program): up to five unchecked mutations in a chain from each of many valid programs."""
    for number in count():
        rng = stream(seed + 1, number)
        program = descendant(seed, number)
        if number % 2:
            program = with_leafwise(program)
        yield "stray", with_strays(program, rng)
        for _ in range(rng.integers(1, 6)):
            child = draw(program, rng)
            if child is None:
                continue
            program = child
            yield "mutation", program


# What is compared.


def pytree(parts: tuple[np.ndarray, ...]) -> dict[str, Any]:
    return {"matrix": parts[0], "others": [parts[1], {"deep": parts[2]}]}


STRUCTURE: Any = tree_util.tree_structure(pytree(random_leaves(0)))


def assert_runs(program: dsl.Program) -> None:
    """Two steps of training: nothing raises or warns (warnings are errors), and nothing changes its shape."""
    w, zeros = pytree(random_leaves(0)), pytree(tuple(np.zeros(shape, np.float32) for shape in SHAPES))
    states: Sequence = [zeros] * len(program.states)
    for number in range(2):
        update, states = dsl.step(program, w, pytree(random_leaves(10 + number)), states, 0.7)
        for tree in (update, *states):
            parts = tree_util.tree_leaves(tree)
            assert tree_util.tree_structure(tree) == STRUCTURE, program
            assert all(isinstance(part, np.ndarray) and part.dtype == np.float32 for part in parts), program
            assert tuple(part.shape for part in parts) == SHAPES, program
        with np.errstate(all="ignore"):
            w = tree_util.tree_map(np.subtract, w, update)


def compare(program: dsl.Program) -> Verdict:
    """Asserts that both checks say what the judge finds: the same first fault, or the same kind of every variable."""
    found = judge(program)
    accepted = found.reason is None
    assert is_valid(program) is accepted, f"{found.reason}\n{program}"
    try:
        types = dsl.check(program)
    except dsl.ProgramError as error:
        assert not accepted, f"{error}\n{program}"
        assert error.statement == found.statement, f"{error}, but {found.reason}\n{program}"
    else:
        assert accepted, f"{found.reason}\n{program}"
        assert {name: type.name for name, type in types.items()} == found.kinds, program
        assert_runs(program)
    return found


def compare_all(descendant: Callable, seed: int, mutations: int) -> tuple[dict[str, Counter], set[Call]]:
    """Compares proposals until `mutations` of them were made by mutation alone.

    Returns:
        How many met which end, by origin; and what was called in any of them.
    """
    ends: dict[str, Counter] = {"mutation": Counter(), "stray": Counter()}
    calls: set[Call] = set()
    for origin, program in proposals(descendant, seed):
        found = compare(program)
        ends[origin][found.reason or "accepted"] += 1
        calls |= found.calls
        if ends["mutation"].total() == mutations:
            break
    for origin, counted in ends.items():
        print(origin, counted.total(), dict(counted.most_common()))
    return ends, calls


def assert_every_end_was_met(ends: dict[str, Counter]) -> None:
    assert ends["mutation"].keys() | ends["stray"].keys() == REASONS | {"accepted"}
    for counted in ends.values():
        assert 0.2 < counted["accepted"] / counted.total() < 0.8


def test_leaves_are_shaped_so_that_nothing_works_by_accident():
    for one, other in combinations((*SHAPES, (len(SHAPES),)), 2):
        with pytest.raises(ValueError):
            np.broadcast_shapes(one, other)


def test_judge_knows_the_functions_of_the_language():
    assert {name: arity for name, (arity, _) in TABLE.items()} == {row.name: row.arity for row in FUNCTIONS.values()}


def test_proposals_are_accepted_exactly_where_they_run(descendant):
    ends, _ = compare_all(descendant, 61, 3000)
    assert_every_end_was_met(ends)


@pytest.mark.slow
def test_100_000_proposals_are_accepted_exactly_where_they_run(descendant):
    ends, calls = compare_all(descendant, 63, 100_000)
    assert_every_end_was_met(ends)
    kinds = [type.name for type in Type]
    assert calls == {(name, given) for name, (arity, _) in TABLE.items() for given in product(kinds, repeat=arity)}


FAULTS = {
    "dot of any two types": lambda row, given, right: Type.SCALAR if row.rule is Rule.PAIR else right,
    "clip by anything": lambda row, given, right: given[0] if row.rule is Rule.CLIP else right,
    "clip of trees only": lambda row, given, right: (
        None if row.rule is Rule.CLIP and given[0] is not Type.TREE else right
    ),
    "invert as any other function": lambda row, given, right: given[0] if row.rule is Rule.NEVER else right,
    "norm keeps the type": lambda row, given, right: given[0] if row.rule is Rule.NORM else right,
    "norm of a number is one for each leaf": lambda row, given, right: (
        Type.LEAFWISE if row.rule is Rule.NORM else right
    ),
    "interp with a number as its weight only": lambda row, given, right: (
        None if row.name == "interp" and given[2] is not Type.SCALAR else right
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_comparison_does_not_overlook_a_wrong_type_rule(fault, descendant, monkeypatch):
    found = {
        (row.name, *given): FAULTS[fault](row, given, checker.result_type(row, list(given)))
        for row in FUNCTIONS.values()
        for given in product(Type, repeat=row.arity)
    }
    monkeypatch.setattr(checker, "RESULTS", {call: type for call, type in found.items() if type is not None})
    with pytest.raises(AssertionError):
        compare_all(descendant, 61, 3000)


def flat(tree: dict[str, Any]) -> np.ndarray:
    return np.concatenate([np.ravel(leaf) for leaf in tree_util.tree_leaves(tree)])


def one_step(program: dsl.Program, dtype: type) -> list[np.ndarray]:
    """What the reference makes of the weights and of states of zeros, flat."""
    w, g = (tree_util.tree_map(lambda leaf: leaf.astype(dtype), pytree(random_leaves(seed))) for seed in (0, 10))
    update, states = dsl.step(program, w, g, [tree_util.tree_map(np.zeros_like, w)] * len(program.states), 0.7)
    with np.errstate(all="ignore"):
        return [flat(w) - flat(update), *map(flat, states)]


def test_machine_executes_accepted_proposals(descendant):
    machine = JaxMachine([int(np.prod(shape)) for shape in SHAPES], Capacity(instructions=128, trees=32, smalls=128))
    step = jax.jit(machine.step)
    w, g = (jnp.array(flat(pytree(random_leaves(seed)))) for seed in (0, 10))
    accepted = (program for _, program in proposals(descendant, 65) if is_valid(program))
    for program in islice(accepted, 200):
        memory = step(machine.arrays(encode(program)), machine.start(w), g, jnp.float32(0.7))
        found = [memory.weights, *memory.states[: len(program.states)]]
        for got, single, double in zip(
            found, one_step(program, np.float32), one_step(program, np.float64), strict=True
        ):
            with np.errstate(all="ignore"):
                certain = np.abs(single - double) <= 1e-5 * (1e-3 + np.abs(double))
            np.testing.assert_allclose(got[certain], double[certain], rtol=1e-3, atol=1e-6, err_msg=str(program))


# What mutation can make.


def test_every_function_that_can_be_valid_arises_by_mutation_from_nothing():
    arisen, rng = set(), stream(67, 0)
    program = dsl.parse("def train(w, g, lr): return g")
    for _ in range(5000):
        program = mutate(program, rng, SETTINGS)
        arisen |= {statement.function for statement in program.statements}
    assert arisen == {name for name, row in FUNCTIONS.items() if row.rule is not Rule.NEVER}


def averages(program: dsl.Program) -> Iterator[dsl.Statement]:
    """Each interp with a constant weight that is executed while m and g are still the inputs of these names."""
    for statement in program.statements:
        if statement.function == "interp" and isinstance(statement.arguments[2], float):
            yield statement
        if statement.target in ("m", "g"):
            return


def test_average_of_state_and_gradient_with_a_constant_arises_from_adamw_by_two_modifications():
    def agreement(program: dsl.Program) -> int:
        return max(((x == "m") + (y == "g") for x, y, _ in (a.arguments for a in averages(program))), default=0)

    program, rng, settings = ADAMW, stream(68, 0), MutationSettings(insert=0, delete=0)
    for _ in range(4000):  # it takes about 300
        child = mutate(program, rng, settings)
        if agreement(child) > agreement(program):
            program = child
    assert agreement(program) == 2, program


@pytest.mark.slow
def test_average_of_state_and_gradient_with_a_constant_arises_from_adamw_by_one_insertion():
    settings, rng = MutationSettings(delete=0, modify=0), stream(69, 0)
    children = (mutate(ADAMW, rng, settings) for _ in range(400_000))  # about one in 50,000
    assert any(a.arguments[:2] == ("m", "g") for child in children for a in averages(child))
