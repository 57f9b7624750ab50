"""Exported optimizers stand on their own, read well, and move the weights as the programs do."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

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
from tests.dsl.awkward import AWKWARD, PROVENANCE, every_function
from tests.dsl.exported import RUNNERS, by_reference, default, descend, load, rate

# Everything is float64 here, but an exported constant is a decimal of some 8 digits, where the program has the float32
# next to it: relatively 6e-8, and 1.3e-5 in the rate 1 - 0.999. Each step moves a weight by far less than 1.
TOLERANCE = 1e-5


def test_every_target_is_run_or_read():
    assert EXPORTERS.keys() == {*RUNNERS, "latex"}, "give the new target a runner in tests/dsl/exported.py"


WHOLE = """
    def train(w, g, m, lr):
      m = interp(g, m, 0.9)
      n = global_norm(g)
      update = m / n
      wd = w * 0.1
      update = update + wd
      update = update * lr
      return update, m
"""


@pytest.mark.parametrize("name", optimizers)
@pytest.mark.parametrize("to", RUNNERS)
def test_an_exported_optimizer_moves_the_weights_as_its_program_does(to, name):
    program = optimizers[name]
    np.testing.assert_allclose(
        descend(RUNNERS[to](program, rate)), descend(by_reference(program, rate)), rtol=TOLERANCE, atol=TOLERANCE
    )


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("to", RUNNERS)
def test_every_function_means_the_same_when_exported(to, seed):
    program = every_function(seed)
    assert {s.function for s in program.statements} == {n for n, f in FUNCTIONS.items() if f.rule is not Rule.NEVER}
    expected = descend(by_reference(program, rate))
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(descend(RUNNERS[to](program, rate)), expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("to", RUNNERS)
def test_awkward_programs_keep_their_meaning(to, name):
    program = parse(AWKWARD[name])
    expected = descend(by_reference(program, rate))
    assert np.isfinite(expected).all() and not np.array_equal(expected[0], expected[-1])
    np.testing.assert_allclose(descend(RUNNERS[to](program, rate)), expected, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("to", RUNNERS)
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
    np.testing.assert_array_equal(descend(RUNNERS[to](program, rate)), descend(RUNNERS[to](lion, rate)))


def test_the_formatter_and_the_linter_have_nothing_to_change(tmp_path):
    programs = {**optimizers, "every": every_function(0)}
    programs |= {name.replace(" ", "_"): parse(text) for name, text in AWKWARD.items()}
    for to in RUNNERS:
        for name, program in programs.items():
            (tmp_path / f"{to}_{name}.py").write_text(export(program, to, PROVENANCE), encoding="utf-8")
        (tmp_path / f"{to}_alone.py").write_text(export(optimizers["lion"], to), encoding="utf-8")
    for command in (["format", "--diff", "--line-length=120"], ["check", "--select=E,F,W,I,B023", "--line-length=120"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", "."]
        done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("to", RUNNERS)
def test_the_text_stands_alone_and_says_where_it_comes_from(to):
    namespace = load(optimizers["lion"], to, "Seed 3, child 7.\n" + PROVENANCE)
    assert "Seed 3, child 7." in namespace["__doc__"] and "\\n backslash" in namespace["__doc__"]
    assert not re.search(r"\b(dsl|proxy_tasks|search|optsearch)\b", export(optimizers["lion"], to))


BOUNDED = "def train(w, g, v, lr):\n  {}\n  v = g * 0.5\n  u = arcsin(v)\n  u = u * lr\n  return u, v"


@pytest.mark.parametrize("to", EXPORTERS)
@pytest.mark.parametrize(
    ("first", "sizes"), [("g = g * 0.01", None), ("g = g * 0.1", "10"), ("g = g * 100.0", "1 or 10")]
)
def test_the_text_warns_of_the_gradients_on_which_updates_are_not_finite(to, first, sizes):
    text = export(parse(BOUNDED.format(first)), to, "Seed 3.")
    words = " ".join(word for word in text.split() if word != "%")
    assert ("Caution" in words) == (sizes is not None)
    if sizes is not None:
        assert f"Seed 3. Caution: on normally distributed gradients of standard deviation {sizes} its updates" in words


@pytest.mark.parametrize("name", optimizers)
def test_of_known_optimizers_there_is_nothing_to_warn(name):
    assert "Caution" not in export(optimizers[name], "python")


@pytest.mark.parametrize("to", RUNNERS)
def test_dead_statements_and_helpers_without_a_caller_are_not_written(to):
    assert "tan(" not in export(optimizers["lion_raw"], to).replace("arctan(", "")
    assert "cosine_sim" not in export(optimizers["lion_raw"], to)
    assert "clip_by_global_norm" not in export(optimizers["lion"], to)


def test_an_unknown_target_is_answered_with_the_nearest():
    with pytest.raises(ProgramError, match="unknown export target 'optaks'; did you mean 'optax'"):
        export(optimizers["lion"], "optaks")


@pytest.mark.parametrize("to", RUNNERS)
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


@pytest.mark.parametrize("name", ["adamw", "whole tree"])
@pytest.mark.parametrize("called", [False, True])
def test_in_optax_only_what_is_in_the_mask_decays(name, called):
    program = parse(WHOLE) if name == "whole tree" else optimizers[name]
    factory = load(program, "optax")["found_optimizer"]
    w = {"a": jnp.ones((3, 4)), "b": {"c": jnp.ones(2), "d": None}, "e": jnp.ones(())}
    g = jax.tree.map(lambda leaf: 0.5 * leaf, w)
    mask = {"a": True, "b": False, "e": np.True_}

    def updates(**options):
        optimizer = factory(0.1, **options)
        return jax.jit(optimizer.update)(g, optimizer.init(w), w)[0]

    found = updates(weight_decay=0.5, mask=(lambda params: mask) if called else mask)
    all_of_it, none = updates(weight_decay=0.5), updates(weight_decay=0.0)
    np.testing.assert_array_equal(found["a"], all_of_it["a"])
    np.testing.assert_array_equal(found["e"], all_of_it["e"])
    np.testing.assert_array_equal(found["b"]["c"], none["b"]["c"])
    assert np.all(found["a"] != none["a"]) and np.all(found["b"]["c"] != all_of_it["b"]["c"])


def test_in_optax_states_are_kept_in_the_dtype_that_is_asked_for():
    factory = load(optimizers["adamw"], "optax")["found_optimizer"]
    w, g = jnp.ones(3), jnp.array([0.1, -1.0, 3.0])
    optimizer, plain = factory(state_dtype=jnp.bfloat16), factory()
    state, expected = optimizer.init(w), plain.init(w)
    for _ in range(2):
        updates, state = optimizer.update(g, state, w)
        other, expected = plain.update(g, expected, w)
    assert state.m.dtype == state.v.dtype == jnp.bfloat16 and updates.dtype == jnp.float32
    np.testing.assert_allclose(updates, other, rtol=1e-2)
    assert not np.array_equal(updates, other)


def test_in_optax_hyper_parameters_are_arguments_that_can_be_injected():
    factory = load(optimizers["lion"], "optax")["found_optimizer"]
    optimizer = optax.inject_hyperparams(factory)(learning_rate=optax.linear_schedule(1.0, 0.0, 2), weight_decay=0.0)
    w, state = jnp.ones(2), optimizer.init(jnp.ones(2))
    for size in (1.0, 0.5, 0.0):
        updates, state = optimizer.update(jnp.ones(2), state, w)
        np.testing.assert_array_equal(updates, [-size] * 2)
    assert {"b1", "b2", "weight_decay"} <= state.hyperparams.keys()


def test_in_optax_parameters_are_there_where_the_program_has_them():
    def parameters(program):
        return list(inspect.signature(load(program, "optax")["found_optimizer"]).parameters)

    lion = ["learning_rate", "b1", "b2", "weight_decay", "mask", "state_dtype"]
    assert parameters(optimizers["lion"]) == lion
    assert parameters(optimizers["sgd"]) == ["learning_rate"]
    assert parameters(optimizers["rmsprop"]) == ["learning_rate", "b1", "state_dtype"]


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
