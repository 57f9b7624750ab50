"""What the tests of the language core share: random programs, disguises of a program, and trainings.

Each fixture is a function, so that a test can call it as often as it likes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from dsl.checker import result_type
from dsl.functions import FUNCTIONS, Rule
from dsl.mutation import MutationSettings, mutate
from dsl.optimizers import optimizers
from dsl.program import Argument, Program, Statement, to_constant
from dsl.reference import step
from dsl.types import SCALAR, TREE

SHAPES = {"matrix": (3, 2), "vector": (4,), "number": (), "dead": (2,)}  # "dead" starts at zero, without a gradient
LEARNING_RATES = (0.1, 1.0, 0.7, 0.0, 0.2)  # of the five steps of a training
DRAWN = [row for row in FUNCTIONS.values() if row.rule is not Rule.NEVER]
COMMON = [FUNCTIONS[name] for name in ("+ - * / " * 3 + "interp abs sqrt square max min sign reciprocal tanh").split()]
COMMUTATIVE = ("+", "*", "max", "min", "dot", "cosine_sim")
CONSTANTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, 0.1, 0.9, 1e-8)


def stream(*numbers: int) -> np.random.Generator:
    """A random stream for each pair of numbers."""
    return np.random.Generator(np.random.Philox(key=numbers))


def _descendant(seed: int, number: int, most: int = 25, starts: tuple[str, ...] = tuple(optimizers)) -> Program:
    rng = stream(seed, number)
    program = optimizers[starts[number % len(starts)]]
    for _ in range(rng.integers(1, most)):
        program = mutate(program, rng, MutationSettings())
    return program


def _wild(seed: int, number: int, states: int | None = None) -> Program:
    rng = stream(seed, number)
    count = int(rng.integers(3)) if states is None else states
    inputs = ("w", "g", *(f"s{i}" for i in range(count)), "lr")
    types = dict.fromkeys(inputs, TREE) | {"lr": SCALAR}
    names, statements = list(inputs), list[Statement]()

    def draw() -> Argument:
        kind = rng.random()
        if kind < 0.15:
            return to_constant(rng.standard_normal()) if kind < 0.06 else to_constant(rng.choice(CONSTANTS))
        return names[-1 - rng.integers(min(4 if kind < 0.65 else len(names), len(names)))]

    length = rng.integers(2, 14)
    while len(statements) < length:
        rows = COMMON if rng.random() < 0.7 else DRAWN
        function = rows[rng.integers(len(rows))]
        arguments = tuple(draw() for _ in range(function.arity))
        type = result_type(function, [types[a] if isinstance(a, str) else SCALAR for a in arguments])
        if type is not None:
            names.append(f"x{len(statements)}")
            types[names[-1]] = type
            statements.append(Statement(names[-1], function.name, arguments))
    if types[names[-1]] is not TREE:
        statements.append(Statement("last", "+", (names[-1], "g")))
        names.append("last")
        types["last"] = TREE
    trees = [name for name in names if types[name] is TREE]
    after = [trees[-1 - rng.integers(min(8, len(trees)))] for _ in range(count)]
    return Program(inputs, tuple(statements), (names[-1], *after))


def _disguise(program: Program, rng: np.random.Generator) -> Program:
    waiting, known = list[Statement](), {name: name for name in program.inputs}
    for index, s in enumerate(program.statements):
        arguments = tuple(known[a] if isinstance(a, str) else a for a in s.arguments)
        known[s.target] = f"value{index}"
        waiting.append(Statement(known[s.target], s.function, arguments))
    outputs = [known[name] for name in program.outputs]
    statements, ready = list[Statement](), set(program.inputs)
    while waiting:
        able = [s for s in waiting if all(a in ready for a in s.arguments if isinstance(a, str))]
        taken = able[rng.integers(len(able))]
        waiting.remove(taken)
        ready.add(taken.target)
        turned = taken.function in COMMUTATIVE and rng.random() < 0.5
        statements.append(taken._replace(arguments=taken.arguments[::-1] if turned else taken.arguments))
        if rng.random() < 0.2:
            statements.append(Statement(f"dead{len(statements)}", "sin", (taken.target,)))
    order = rng.permutation(len(program.states))
    inputs = (*program.inputs[:2], *(program.states[i] for i in order), program.inputs[-1])
    names = [*inputs, *(s.target for s in statements)]
    new = dict(zip(names, (f"n{i}" for i in rng.permutation(len(names))), strict=True))
    return Program(
        tuple(new[name] for name in inputs),
        tuple(
            Statement(new[s.target], s.function, tuple(new[a] if isinstance(a, str) else a for a in s.arguments))
            for s in statements
        ),
        (new[outputs[0]], *(new[outputs[1 + i]] for i in order)),
    )


def _shaken(program: Program, shake: Callable) -> Program:
    """The program with every result and constant off by 1e-7 of itself, as float32 would round them."""
    statements = []
    for s in program.statements:
        arguments = tuple(a if isinstance(a, str) else float(shake(a)) for a in s.arguments)
        statements.append(s._replace(arguments=arguments))
        statements.append(Statement(s.target, "*", (s.target, float(shake(1.0)))))
    return Program(program.inputs, tuple(statements), program.outputs)


def _train(
    program: Program,
    gradients: float = 1.0,
    noise: int = 0,
    zeros: float = 0.0,
    dtype: type = np.float64,
    advance: Callable | None = None,
) -> np.ndarray:
    rng, noises = stream(1, 1), stream(2, noise)

    def shake(value):
        if not noise:
            return value
        relative, absolute = noises.standard_normal((2, *np.shape(value)))
        return value * (1 + 1e-7 * relative) + zeros * absolute

    if noise:
        program = _shaken(program, shake)
    start = {name: rng.standard_normal(shape) * (name != "dead") + 0.0 for name, shape in SHAPES.items()}
    w = {name: np.asarray(shake(value), dtype) for name, value in start.items()}
    states = [{n: np.asarray(shake(np.zeros(shape)), dtype) for n, shape in SHAPES.items()} for _ in program.states]
    trajectory = []
    for number, lr in enumerate(LEARNING_RATES):
        silent = ("dead", "vector") if number == 2 else ("dead",)
        g = {n: rng.standard_normal(shape) * gradients * (n not in silent) + 0.0 for n, shape in SHAPES.items()}
        g = {name: np.asarray(shake(value), dtype) for name, value in g.items()}
        if advance:
            update = advance(w, g, number)
        else:
            update, states = step(program, w, g, states, shake(lr))
        with np.errstate(all="ignore"):
            w = {name: w[name] - update[name] for name in w}
        trajectory.append(np.concatenate([np.ravel(leaf) for leaf in w.values()]))
    return np.array(trajectory)


@pytest.fixture(scope="session")
def descendant():
    """(seed, number) -> a program 1 to `most - 1` mutations away from a known optimizer."""
    return _descendant


@pytest.fixture(scope="session")
def wild():
    """(seed, number, states) -> a random valid program most of whose statements reach the weights."""
    return _wild


@pytest.fixture(scope="session")
def learning_rates():
    """Those of the five steps of a training."""
    return LEARNING_RATES


@pytest.fixture(scope="session")
def disguise():
    """(program, rng) -> the same program with other names, orders of statements, operands and states, and dead code."""
    return _disguise


@pytest.fixture(scope="session")
def train():
    """(program, gradients, noise, zeros, dtype, advance) -> the weights after each of five steps [5, 13].

    `gradients` is their scale. A `noise` other than 0 is the seed of changes of 1e-7 in all numbers that go into the
    program or come out of a statement, and of `zeros` in inputs and constants that are zero: how far they move the
    weights says how well conditioned the program is. `advance`, from weights, gradient and number of the step to the
    update, goes in the place of the program.
    """
    return _train
