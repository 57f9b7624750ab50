"""The machines that execute bytecode against the reference meaning, and the bytecode itself."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from itertools import product
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dsl
from dsl.checker import result_type
from dsl.functions import FUNCTIONS
from dsl.types import TREE, Type
from dsl.vm.bytecode import MACHINE_STATES, OPCODES, Capacity, Code, encode
from dsl.vm.jax_machine import JaxMachine
from dsl.vm.jit_machine import JitMachine
from dsl.vm.kernels import KERNELS
from dsl.vm.machines import choose
from dsl.vm.native_machine import NativeMachine

MACHINES = {"jax": JaxMachine, "native": NativeMachine, "jit": None}  # the last takes one program, and is not compiled
SHAPES = ((3, 2), (4,), ())
SIZES = tuple(int(np.prod(shape)) for shape in SHAPES)
COUNT = sum(SIZES)
TOLERANCE = 1e-3  # of a number in float32, unless float64 says that the number itself is as uncertain
VARIABLES = {Type.SCALAR: "lr", Type.LEAFWISE: "leafwise", Type.TREE: "g"}


@cache
def compiled(name: str, capacity: Capacity, sizes=SIZES):
    machine = MACHINES[name](sizes, capacity)
    return machine, jax.jit(machine.step)


def machine_for(name: str, code: Code, capacity: Capacity | None = None, sizes=SIZES):
    """A machine that takes the code, and its step."""
    if name == "jit":
        machine = JitMachine(sizes, code)
        return machine, machine.step
    return compiled(name, capacity or Capacity().grown_to(code.needed), sizes)


@pytest.fixture(params=MACHINES)
def machine(request):
    """The name of a machine."""
    if request.param == "native" and choose("auto", lambda: 0.0).name != "native":
        pytest.skip("there is no C++ compiler")
    return request.param


@pytest.fixture
def interpreter(machine):
    """The name of a machine that takes many programs."""
    if machine == "jit":
        pytest.skip("a machine of its own for each program")
    return machine


def leaves(flat: np.ndarray) -> list[np.ndarray]:
    parts = np.split(flat, np.cumsum(SIZES)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, SHAPES, strict=True)]


def flat(tree: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(leaf) for leaf in tree])


def numbers(count: int, seed: int = 0) -> list[np.ndarray]:
    """`count` flat vectors, the weights first."""
    return list(np.random.default_rng(seed).normal(size=(count, COUNT)).astype(np.float32))


def execute(name: str, program: dsl.Program, vectors, lr: float = 0.7, capacity: Capacity | None = None, trees=None):
    """One step of a machine on (weights, gradient, states...); returns (new weights, new states...)."""
    w, g, *states = vectors
    code = encode(program)
    machine, step = machine_for(name, code, capacity)
    memory = machine.start(jnp.array(w))
    if states:
        memory = memory._replace(states=memory.states.at[: len(states)].set(jnp.array(states)))
    if trees is not None:
        memory = memory._replace(trees=jnp.full_like(memory.trees, trees))
    memory = step(machine.arrays(code), memory, jnp.array(g), jnp.float32(lr))
    return [np.array(memory.weights), *np.array(memory.states)[: len(states)]]


def expected(program: dsl.Program, vectors, lr: float = 0.7, dtype=np.float32):
    w, g, *states = (leaves(v.astype(dtype)) for v in vectors)
    update, after = dsl.step(program, w, g, states, lr)
    with np.errstate(all="ignore"):
        return [flat(w) - flat(update), *map(flat, after)]


def assert_agrees(name: str, program: dsl.Program, vectors, **options) -> None:
    """The machine agrees with float32 NumPy, up to what separates that from float64."""
    found = execute(name, program, vectors, **options)
    for got, single, double in zip(
        found, expected(program, vectors), expected(program, vectors, dtype=np.float64), strict=True
    ):
        finite = np.isfinite(single)
        np.testing.assert_array_equal(finite, np.isfinite(got), err_msg=str(program))
        with np.errstate(all="ignore"):
            scale = 1e-3 + np.abs(single)
            uncertain = np.where(np.isfinite(double), np.abs(double - single), np.inf) / scale
            error = np.abs(got - single) / scale
        assert np.all((error <= TOLERANCE) | (error <= 10 * uncertain) | ~finite), f"{np.nanmax(error)}\n{program}"


def call(name: str, given: tuple[Type, ...]) -> dsl.Program:
    """A program whose state is a function of arguments of these types."""
    result = result_type(FUNCTIONS[name], list(given))
    statements = [dsl.Statement("leafwise", "norm", ("g",))]
    # The second argument of a TREE is another one; so is every other function of it.
    arguments = [("w" if i == 1 and type is TREE else VARIABLES[type]) for i, type in enumerate(given)]
    statements.append(dsl.Statement("result", name, tuple(arguments)))
    if result is not TREE:
        statements += [dsl.Statement("zeros", "-", ("w", "w")), dsl.Statement("result", "+", ("zeros", "result"))]
    return dsl.Program(("w", "g", "m", "lr"), tuple(statements), ("m", "result"))


CALLS = [
    (name, given)
    for name, row in FUNCTIONS.items()
    for given in product(Type, repeat=row.arity)
    if result_type(row, list(given)) is not None
]
DOMAINS = {
    "fractions": np.random.default_rng(1).uniform(0.1, 0.9, size=(3, COUNT)).astype(np.float32),
    "normal numbers": np.random.default_rng(2).normal(size=(3, COUNT)).astype(np.float32) * 2,
    "zeros, ones and infinities": np.random.default_rng(3)
    .choice(np.array([0, 1, -1, 2, -2, 0.5, 100, -100, np.inf, -np.inf, np.nan], np.float32), (3, COUNT))
    .astype(np.float32),
}


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "invert"])
def test_machine_computes_every_function_of_every_operand_kind(machine, name, domain):
    vectors = DOMAINS[domain]
    for function, given in CALLS:
        if function == name:
            program = call(name, given)
            _, found = execute(machine, program, vectors)
            _, single = expected(program, vectors)
            np.testing.assert_allclose(found, single, rtol=1e-4, atol=1e-6, err_msg=str(program))


def test_calls_of_the_test_above_use_every_opcode():
    used = {OPCODES[opcode] for name, given in CALLS for opcode, *_ in encode(call(name, given)).instructions}
    assert used == set(OPCODES)


def test_function_without_a_kernel_is_named_with_the_file_that_wants_it(monkeypatch):
    monkeypatch.delitem(KERNELS, "tanh")
    with pytest.raises(NotImplementedError, match="'tanh' has no kernel: .* KERNELS in dsl/vm/kernels.py"):
        execute("jax", dsl.parse("def train(w, g, lr): return g"), numbers(2), capacity=Capacity(instructions=32))


@pytest.mark.parametrize("origin", ["descendant", "wild"])
def test_machine_agrees_with_the_reference_on_random_programs(machine, origin, request):
    draw = request.getfixturevalue(origin)
    for number in range(1000 if machine != "jit" else 100):
        program = draw(51, number)
        assert Capacity().grown_to(encode(program).needed) == Capacity()  # one compile for all
        assert_agrees(machine, program, numbers(2 + len(program.states), number))


LONG = (1500, 0, 700, 1, 0, 2048, 0)  # leaves that are longer than a block of the native machine, or empty


def test_native_machine_agrees_with_jax_where_leaves_straddle_its_blocks(wild):
    if choose("auto", lambda: 0.0).name != "native":
        pytest.skip("there is no C++ compiler")
    rng = np.random.default_rng(0)
    for number in range(300):
        program = wild(53, number)
        code, vectors = encode(program), rng.normal(size=(2 + MACHINE_STATES, sum(LONG))).astype(np.float32)
        found = []
        for name in ("native", "jax"):
            chosen, step = machine_for(name, code, sizes=LONG)
            memory = chosen.start(jnp.array(vectors[0]))._replace(states=jnp.array(vectors[2:]))
            memory = step(chosen.arrays(code), memory, jnp.array(vectors[1]), jnp.float32(0.7))
            found.append(np.concatenate([memory.weights, memory.states.ravel()]))
        np.testing.assert_array_equal(np.isfinite(found[0]), np.isfinite(found[1]), err_msg=str(program))
        with np.errstate(invalid="ignore"):
            close = np.isclose(*found, rtol=1e-3, atol=1e-3, equal_nan=True)
        assert close.mean() > 0.999, program  # a tangent near its pole may differ


def test_machine_agrees_with_the_reference_on_canonical_programs(machine, descendant):
    for number in range(200):
        program = dsl.canonical(descendant(52, number))
        assert_agrees(machine, program, numbers(2 + len(program.states), number))


@pytest.mark.parametrize("name", dsl.optimizers)
def test_known_optimizer_trains_as_the_reference_does(machine, name):
    program = dsl.optimizers[name]
    code = encode(program)
    chosen, step = machine_for(machine, code)
    w = numbers(1)[0]
    memory = chosen.start(jnp.array(w))
    states = [leaves(np.zeros(COUNT, np.float32)) for _ in program.states]
    for number in range(5):
        g, lr = numbers(1, seed=10 + number)[0], 1 / (1 + number)
        memory = step(chosen.arrays(code), memory, jnp.array(g), jnp.float32(lr))
        update, states = dsl.step(program, leaves(w), leaves(g), states, lr)
        w = w - flat(update)
    np.testing.assert_allclose(memory.weights, w, rtol=1e-4, atol=1e-5)


UNUSUAL = {
    "states swapped": "def train(w, g, m, v, lr): return g, v, m",
    "states passed round with the inputs": "def train(w, g, m, v, lr): return v, g, w",
    "no statement, no state": "def train(w, g, lr): return g",
    "the weights as the update": "def train(w, g, m, lr): return w, m",
    "one value for all outputs": "def train(w, g, m, v, lr):\n  x = g * lr\n  return x, x, x",
    "inputs overwritten": "def train(w, g, m, v, lr):\n  w = w + g\n  g = w * m\n  m = g - v\n  v = m + g\n"
    "  lr = lr * 2\n  g = g * lr\n  return g, m, v",
    "a state read after its successor": "def train(w, g, m, v, lr):\n  n = g + m\n  u = m * n\n  x = u + m\n"
    "  return x, n, u",
    "statements that nothing reads": "def train(w, g, m, lr):\n  a = sin(w)\n  b = cos(a)\n  m = m + g\n  c = norm(m)\n"
    "  return m, m",
    "the same operand thrice": "def train(w, g, m, lr):\n  x = interp(g, g, g)\n  x = interp(x, x, x)\n  return x, x",
    "only constants": "def train(w, g, lr):\n  x = w - w\n  y = power(2, 3)\n  z = get_pi() * y\n  return x + z",
}


@pytest.mark.parametrize("case", UNUSUAL)
def test_machine_executes_unusual_programs(machine, case):
    program = dsl.parse(UNUSUAL[case])
    assert_agrees(machine, program, numbers(2 + len(program.states)))


def test_registers_of_the_last_step_do_not_matter(interpreter):
    program = dsl.optimizers["adamw"]
    vectors = numbers(4)
    clean = execute(interpreter, program, vectors)
    execute(interpreter, large_program(), [vector * np.nan for vector in numbers(6)])
    for expected_, dirty in zip(clean, execute(interpreter, program, vectors, trees=np.nan), strict=True):
        np.testing.assert_array_equal(expected_, dirty)


def large_program() -> dsl.Program:
    """Four states, more than 200 statements, 150 constants, and 30 values that all live to the end."""
    lines = [f"x{i} = g * {1 + i / 64}" for i in range(30)]
    lines += [f"y = sin({'y' if i else 'w'} + {i / 128})" for i in range(120)]
    lines += ["u = y", *(f"u = u + x{i}" for i in range(30)), "a = a + b", "b = b * 0.5", "d = d - c"]
    return dsl.parse("\n  ".join(["def train(w, g, a, b, c, d, lr):", *lines, "return u, a, d, b, c"]))


def test_program_beyond_the_capacity_gets_a_machine_of_twice_the_size(machine):
    program = large_program()
    needed = encode(program).needed
    capacity = Capacity().grown_to(needed)
    assert needed.instructions > 200 and needed.trees > 30 and needed.smalls > 140 and needed.states == 4
    assert capacity == Capacity(instructions=512, trees=64, smalls=256, states=4)
    assert_agrees(machine, program, numbers(6))
    small = dsl.optimizers["adamw"]  # the larger machine still takes smaller programs
    for on_large, on_small in zip(
        execute(machine, small, numbers(4), capacity=capacity), execute(machine, small, numbers(4)), strict=True
    ):
        np.testing.assert_array_equal(on_large, on_small)


def test_machine_of_exactly_the_needed_capacity_is_large_enough(interpreter):
    program = dsl.optimizers["lion_raw"]
    vectors = numbers(4)
    exact = execute(interpreter, program, vectors, capacity=encode(program).needed)
    for one, other in zip(exact, execute(interpreter, program, vectors), strict=True):
        np.testing.assert_array_equal(one, other)


def test_capacity_grows_by_doubling_and_only_where_it_must():
    capacity = Capacity()
    assert capacity.grown_to(capacity) == capacity
    assert capacity.grown_to(Capacity(1, 1, 1, 1)) == capacity
    assert capacity.grown_to(Capacity(instructions=65, trees=1, smalls=1)) == Capacity(instructions=128)
    assert capacity.grown_to(Capacity(trees=70)) == Capacity(trees=128)
    assert capacity.grown_to(Capacity(states=3)) == Capacity(states=3)


def test_rows_are_used_again_once_a_value_is_no_longer_read():
    chain = dsl.parse("def train(w, g, lr):\n" + "  g = sin(g)\n" * 200 + "  return g")
    assert encode(chain).needed.trees <= 2 + MACHINE_STATES + 3
    assert encode(chain).needed.instructions == 200


def test_equal_constants_share_a_row():
    program = dsl.parse("def train(w, g, lr):\n" + "  g = g * 0.5\n" * 20 + "  return g")
    assert encode(program).smalls == (0.0, 0.5)  # the first is the learning rate


@pytest.mark.parametrize("name", dsl.optimizers)
def test_a_state_is_computed_where_it_is_kept_unless_its_old_value_is_read_later(name):
    program = dsl.canonical(dsl.optimizers[name])
    for i, (before, after) in enumerate(zip(program.states, program.outputs[1:], strict=True)):
        set_at = max(n for n, statement in enumerate(program.statements) if statement.target == after)
        old = program.statements[: set_at + 1] if before == after else program.statements
        last_read = max(n for n, statement in enumerate(old) if before in statement.arguments)
        assert (encode(program).outputs[1 + i] == 2 + i) == (last_read <= set_at), program


def test_bytecode_does_not_depend_on_the_hash_seed_of_the_process():
    code = (
        "import dsl; from dsl.vm.bytecode import encode\n"
        "for p in dsl.optimizers.values(): print(encode(p).instructions.tolist(), encode(p).outputs)"
    )
    root = Path(dsl.__file__).parents[1]
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(printed) == 1 and "" not in printed


def test_search_programs_fit_the_capacity_that_is_compiled_first():
    for program in dsl.optimizers.values():
        assert Capacity().grown_to(encode(program).needed) == Capacity()
