"""Exported optimizers stand on their own, read well, and move the weights as the programs do."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dsl.errors import ProgramError
from dsl.export import EXPORTERS, export
from dsl.functions import FUNCTIONS, Rule
from dsl.liveness import prune
from dsl.optimizers import optimizers
from dsl.parser import parse
from dsl.program import Program
from dsl.reference import step

STEPS = 20
# Everything is float64 here, but an exported constant is a decimal of some 8 digits, where the program has the float32
# next to it: relatively 6e-8, and 1.3e-5 in the rate 1 - 0.999. Each step moves a weight by far less than 1.
TOLERANCE = 1e-5


def as_tree(vector):
    """18 numbers as a tree with leaves of two, one and no dimensions."""
    return {"a": np.asarray(vector[:12]).reshape(3, 4), "b": [np.asarray(vector[12:17]), np.asarray(vector[17])]}


def as_vector(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def rate(t):
    return 1 - t / 64


def descend(advance):
    """The weights after each of some steps down a noisy quadratic, one row for each step."""
    rng = np.random.default_rng(0)
    w, trajectory = rng.normal(size=18), []
    for t in range(STEPS):
        with np.errstate(all="ignore"):
            w = w - as_vector(advance(as_tree(w), as_tree(w + rng.normal(size=18)), t))
        trajectory.append(w)
    return np.array(trajectory)


def load(program, to):
    """What a user has after importing the exported text."""
    namespace: dict = {"__name__": "found"}
    exec(compile(export(program, to), to, "exec"), namespace)
    return namespace


def default(factory, parameter):
    """The default of a learning rate; 1 where the text has a factor in its stead."""
    found = inspect.signature(factory).parameters.get(parameter)
    return 1.0 if found is None else found.default


def descend_by_reference(program):
    states = [as_tree(np.zeros(18)) for _ in program.states]

    def advance(w, g, t):
        update, states[:] = step(program, w, g, states, rate(t))
        return update

    return descend(advance)


def descend_by_optax(program):
    with jax.enable_x64(True):
        factory = load(program, "optax")["found_optimizer"]
        peak = default(factory, "learning_rate")
        optimizer = factory(lambda count: peak * rate(count))
        state, update = optimizer.init(as_tree(np.zeros(18))), jax.jit(optimizer.update)

        def advance(w, g, t):
            nonlocal state
            updates, state = update(g, state, w)
            return jax.tree.map(jnp.negative, updates)

        return descend(advance)


def descend_by_python(program):
    train = load(program, "python")["train"]
    peak = default(train, "learning_rate")
    states = None

    def advance(w, g, t):
        nonlocal states
        w, g = jax.tree.leaves(w), jax.tree.leaves(g)
        if states is None:
            states = [[np.zeros_like(leaf) for leaf in w]] * len(prune(program).states)
        results = train(w, g, *states, peak * rate(t))
        update, *states = results if states else (results,)
        return update

    return descend(advance)


RUNNERS: dict[str, Callable[[Program], np.ndarray]] = {"optax": descend_by_optax, "python": descend_by_python}


def every_function(seed):
    """A program that calls every function on first arguments of every type, in random order.

    Constants are multiples of 1/64, so that text and float32 hold them alike.
    """
    rng = np.random.default_rng(seed)
    values = {
        "tree": ["w", "g", "m"],
        "leafwise": ["norm(g)", "norm(m)", "norm(norm(w))"],
        "scalar": ["lr", "global_norm(m)"],
        "number": ["0.546875", "1.5"],
    }
    defined = {"arcsin": "tanh({})", "arccos": "tanh({})", "arctanh": "sin({})", "arccosh": "2.5 + square({})"}
    calls = []
    for name, row in FUNCTIONS.items():
        for first in list(values)[: 4 if row.arity else 1] * (row.rule is not Rule.NEVER):
            others = {Rule.PAIR: [first], Rule.CLIP: ["scalar", "number"]}.get(row.rule, list(values))
            kinds = [first, *rng.choice(others, size=max(row.arity - 1, 0))][: row.arity]
            shown = [defined.get(name, "{}").format(rng.choice(values[kind])) for kind in kinds]
            if name == "power":
                shown[0] = f"abs({shown[0]})"
            calls.append(f"({shown[0]} {name} {shown[1]})" if name in "+-*/" else f"{name}({', '.join(shown)})")
    rng.shuffle(calls)
    # arctan keeps each call's share small without hiding it.
    lines = [f"total = total + arctan({call})" for call in calls]
    lines = ["m = interp(g, m, 0.875)", "total = w * 0.0", *lines, "update = total * 0.0009765625", "return update, m"]
    return parse("\n  ".join(["def train(w, g, m, lr):", *lines]))


AWKWARD = {
    "names of Python, of modules and of helpers": """
        def train(np, jax, lambda_, params, learning_rate):
          dot = jax * jax
          sum = interp(dot, params, 0.5)
          zip = sqrt(sum)
          x = cos(lambda_)
          jnp = dot(x, zip)
          optax = x * jnp
          optax = tanh(optax)
          step = cosine_sim(optax, jax)
          _leaf = optax * step
          _0 = np * 0.5
          float = _0 + _leaf
          learning_rate = learning_rate * 0.001
          float = float * learning_rate
          return float, optax, sum
    """,
    "names in Greek": """
        def train(θ, g, μ, lr):
          μ = interp(g, μ, 0.5)
          β = norm(μ)
          δ = μ * β
          δ = δ * 0.001
          return δ, μ
    """,
    "long names": """
        def train(the_weights_of_all, the_gradient_of_the_loss, the_first_average, the_second_average, the_rate):
          the_first_average = interp(the_gradient_of_the_loss, the_first_average, the_rate)
          the_norm_of_it_all = global_norm(the_gradient_of_the_loss)
          the_second_average = interp(the_first_average, the_second_average, the_norm_of_it_all)
          the_second_average = tanh(the_second_average)
          the_first_average_of_all = interp(the_first_average, the_second_average, the_norm_of_it_all)
          the_update = the_first_average_of_all * 0.01
          return the_update, the_first_average, the_second_average
    """,
    "a scalar becomes a tree and the weights a scalar": """
        def train(w, g, m, lr):
          m = interp(g, m, 0.5)
          w = global_norm(w)
          lr = lr * m
          w = w + 2.5
          update = lr / w
          return update, m
    """,
    "denominators of zero and numbers below it": """
        def train(w, g, lr):
          zero = g - g
          large = lr / zero
          below = negative(large)
          above = norm(below)
          scalar = negative(lr)
          scalar = norm(scalar)
          root = sqrt(below)
          root = root * 1e-6
          above = above * 1e-11
          tiny = lr * 1e-8
          inverse = reciprocal(tiny)
          inverse = inverse * 1e-11
          above = above + inverse
          same = clip(g, 1000.0)
          update = root + above
          update = update * scalar
          update = update * same
          return update
    """,
    "no learning rate": "def train(w, g, lr): return g * 0.01",
    "no learning rate, but states and norms": """
        def train(w, g, m, lr):
          m = interp(g, m, 0.5)
          n = global_norm(m)
          update = m / n
          return update, m
    """,
    "only clipping": "def train(w, g, lr): return clip(g, lr)",
    "nothing but the gradient": "def train(w, g, lr): return g",
    "constants that are no numbers": """
        def train(w, g, lr):
          big = reciprocal(0.0)
          none = log(0.0)
          one = sin(big)
          g = max(g, none)
          g = min(g, big)
          lr = lr * 1e-20
          up = max(lr, 1e-4)
          update = g * up
          return update
    """,
    "a state called count": """
        def train(w, g, count, index, lr):
          count = interp(g, count, 0.5)
          index = index + count
          update = index * 0.001
          return update, count, index
    """,
    "a dozen states": f"""
        def train(w, g, {", ".join(f"average_{i}" for i in range(12))}, lr):
          average_0 = interp(g, average_0, 0.5)
          {"; ".join(f"average_{i} = interp(average_{i - 1}, average_{i}, 0.5)" for i in range(1, 12))}
          update = average_11 * lr
          return update, {", ".join(f"average_{i}" for i in range(12))}
    """.replace("; ", "\n          "),
    "forty states": f"""
        def train(w, g, {", ".join(f"average_{i}" for i in range(40))}, lr):
          average_0 = interp(g, average_0, 0.5)
          {"; ".join(f"average_{i} = interp(average_{i - 1}, average_{i}, 0.5)" for i in range(1, 40))}
          update = clip(average_39, lr)
          return update, {", ".join(f"average_{i}" for i in range(40))}
    """.replace("; ", "\n          "),
}
PROVENANCE = 'Found by "seed 3"""";  \n\ttab, \\n backslash, \x0c form feed, \x00 zero.   \n\n    def train(...)\n"'


@pytest.mark.parametrize("name", optimizers)
@pytest.mark.parametrize("to", EXPORTERS)
def test_an_exported_optimizer_moves_the_weights_as_its_program_does(to, name):
    assert to in RUNNERS, f"give the target {to} a runner in this file"
    program = optimizers[name]
    np.testing.assert_allclose(RUNNERS[to](program), descend_by_reference(program), rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("to", EXPORTERS)
def test_every_function_means_the_same_when_exported(to, seed):
    program = every_function(seed)
    assert {s.function for s in program.statements} == {n for n, f in FUNCTIONS.items() if f.rule is not Rule.NEVER}
    expected = descend_by_reference(program)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(RUNNERS[to](program), expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("to", EXPORTERS)
def test_awkward_programs_keep_their_meaning(to, name):
    program = parse(AWKWARD[name])
    expected = descend_by_reference(program)
    assert np.isfinite(expected).all() and not np.array_equal(expected[0], expected[-1])
    np.testing.assert_allclose(RUNNERS[to](program), expected, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("to", EXPORTERS)
def test_names_that_are_keywords_are_changed(to):
    lion = optimizers["lion"]
    names = dict(
        zip(("w", "g", "m", "lr", "update", "wd"), ("for", "lambda", "class", "in", "None", "is"), strict=True)
    )
    rename = lambda a: names.get(a, a)  # noqa: E731
    statements = tuple(
        s._replace(target=names[s.target], arguments=tuple(map(rename, s.arguments))) for s in lion.statements
    )
    program = Program(tuple(map(rename, lion.inputs)), statements, tuple(map(rename, lion.outputs)))
    np.testing.assert_array_equal(RUNNERS[to](program), RUNNERS[to](lion))


def test_the_formatter_and_the_linter_have_nothing_to_change(tmp_path):
    programs = {**optimizers, "every": every_function(0)}
    programs |= {name.replace(" ", "_"): parse(text) for name, text in AWKWARD.items()}
    for to in EXPORTERS:
        for name, program in programs.items():
            (tmp_path / f"{to}_{name}.py").write_text(export(program, to, PROVENANCE), encoding="utf-8")
        (tmp_path / f"{to}_alone.py").write_text(export(optimizers["lion"], to), encoding="utf-8")
    for command in (["format", "--diff", "--line-length=120"], ["check", "--select=E,F,W,I,B023", "--line-length=120"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", "."]
        done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("to", EXPORTERS)
def test_the_text_stands_alone_and_says_where_it_comes_from(to):
    text = export(optimizers["lion"], to, "Seed 3, child 7.\n" + PROVENANCE)
    namespace: dict = {"__name__": "found"}
    exec(text, namespace)
    assert "Seed 3, child 7." in namespace["__doc__"] and "\\n backslash" in namespace["__doc__"]
    assert "import dsl" not in text and "from dsl" not in text


@pytest.mark.parametrize("to", EXPORTERS)
def test_dead_statements_and_helpers_without_a_caller_are_not_written(to):
    assert "tan(" not in export(optimizers["lion_raw"], to).replace("arctan(", "")
    assert "cosine_sim" not in export(optimizers["lion_raw"], to)
    assert "clip_by_global_norm" not in export(optimizers["lion"], to)


def test_an_unknown_target_is_answered_with_the_nearest():
    with pytest.raises(ProgramError, match="unknown export target 'optaks'; did you mean 'optax'"):
        export(optimizers["lion"], "optaks")


@pytest.mark.parametrize("to", EXPORTERS)
def test_a_program_with_wrong_types_is_refused(to):
    with pytest.raises(ProgramError, match="the output 'lr'"):
        export(Program(("w", "g", "lr"), (), ("lr",)), to)


@pytest.mark.parametrize("name", ["adamw", "lion_raw"])
def test_in_optax_it_runs_under_jit_in_a_chain(name):
    def losses(transform):
        w = {"a": jnp.ones((3, 4)), "b": jnp.ones(())}
        loss = lambda w: jnp.sum(w["a"] ** 2) + w["b"] ** 2  # noqa: E731
        optimizer = optax.chain(optax.clip(0.5), transform)
        state = optimizer.init(w)

        @jax.jit
        def advance(w, state):
            updates, state = optimizer.update(jax.grad(loss)(w), state, w)
            return optax.apply_updates(w, updates), state

        for _ in range(10):
            w, state = advance(w, state)
        return float(loss(w))

    factory = load(optimizers[name], "optax")["found_optimizer"]
    assert losses(factory(10 * default(factory, "learning_rate"))) < losses(factory()) < 13


def test_in_optax_a_schedule_sees_the_number_of_steps_before():
    factory = load(optimizers["sgd"], "optax")["found_optimizer"]
    optimizer = factory(lambda count: 2.0 * count)
    state, found = optimizer.init(jnp.ones(2)), []
    for _ in range(3):
        updates, state = optimizer.update(jnp.ones(2), state)
        found.append(float(updates[0]))
    assert found == [0.0, -2.0, -4.0]


def test_in_optax_the_weights_are_asked_for_only_where_they_are_read():
    reads = load(optimizers["lion"], "optax")["found_optimizer"]()
    with pytest.raises(ValueError, match="reads the weights"):
        reads.update(jnp.ones(2), reads.init(jnp.ones(2)))
    does_not = load(optimizers["adam"], "optax")["found_optimizer"]()
    does_not.update(jnp.ones(2), does_not.init(jnp.ones(2)))


def test_in_optax_a_dead_state_takes_no_memory():
    state = load(optimizers["lion_raw"], "optax")["found_optimizer"]().init(jnp.ones(2))
    assert state._fields == ("count", "v")


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
@pytest.mark.parametrize("name", [*optimizers, "a scalar becomes a tree and the weights a scalar"])
def test_in_optax_updates_and_states_keep_the_dtype_of_the_weights(name, dtype):
    program = optimizers[name] if name in optimizers else parse(AWKWARD[name])
    optimizer = load(program, "optax")["found_optimizer"](lambda count: jnp.float32(0.5))
    w = {"a": jnp.ones((3, 4), dtype), "b": jnp.ones((), dtype)}
    state = optimizer.init(w)
    updates, after = jax.eval_shape(optimizer.update, w, state, w)
    assert jax.tree.map(lambda leaf: leaf.dtype, updates) == jax.tree.map(lambda leaf: leaf.dtype, w)
    assert jax.tree.map(lambda leaf: leaf.dtype, after) == jax.tree.map(lambda leaf: leaf.dtype, state)


@pytest.mark.parametrize("name", ["sgd", "adamw", "lion_raw"])
@pytest.mark.parametrize("tree", [{}, {"a": None, "b": optax.MaskedNode()}, {"a": None, "b": 1.5}])
def test_in_optax_trees_may_have_holes(name, tree):
    tree = jax.tree.map(jnp.asarray, tree)
    optimizer = load(optimizers[name], "optax")["found_optimizer"]()
    updates, _ = optimizer.update(tree, optimizer.init(tree), tree)
    assert jax.tree.structure(updates) == jax.tree.structure(tree)


@pytest.mark.parametrize("name", optimizers)
def test_in_numpy_float32_stays_float32(name):
    program = optimizers[name]
    train = load(program, "python")["train"]
    leaves = [np.ones((3, 4), np.float32), np.ones((), np.float32)]
    results = train(leaves, leaves, *[leaves] * len(prune(program).states), 0.5)
    assert {leaf.dtype for leaf in jax.tree.leaves(results)} == {np.dtype(np.float32)}
