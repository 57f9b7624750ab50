"""What exported optimizers make of weights: each target runs as a user would run its text."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dsl.export import export
from dsl.liveness import prune
from dsl.program import Program
from dsl.reference import step

NO_TORCH = "PyTorch is not installed: pip install '.[torch]'"
STEPS = 20
Advance = Callable  # (weights, gradients, number of steps before) -> update, to be subtracted


def as_tree(vector):
    """18 numbers as a tree with leaves of two, one and no dimensions."""
    return {"a": np.asarray(vector[:12]).reshape(3, 4), "b": [np.asarray(vector[12:17]), np.asarray(vector[17])]}


def as_vector(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def rate(t):
    return 1 - t / 64


def descend(advance: Advance) -> np.ndarray:
    """The weights after each of some steps down a noisy quadratic, one row for each step."""
    rng = np.random.default_rng(0)
    w, trajectory = rng.normal(size=18), []
    for t in range(STEPS):
        with np.errstate(all="ignore"):
            w = w - as_vector(advance(as_tree(w), as_tree(w + rng.normal(size=18)), t))
        trajectory.append(w)
    return np.array(trajectory)


def load(program: Program, to: str, provenance: str = "") -> dict:
    """What a user has after importing the exported text."""
    if to == "torch":
        pytest.importorskip("torch", reason=NO_TORCH)
    namespace: dict = {"__name__": "found"}
    exec(compile(export(program, to, provenance), to, "exec"), namespace)
    return namespace


def default(factory: Callable, parameter: str) -> float:
    """The default of a learning rate; 1 where the text has a factor in its stead."""
    found = inspect.signature(factory).parameters.get(parameter)
    return 1.0 if found is None else found.default


def by_reference(program: Program, rate: Callable) -> Advance:
    states: list = []

    def advance(w, g, t):
        before = states or [jax.tree.map(np.zeros_like, w) for _ in program.states]
        update, states[:] = step(program, w, g, before, rate(t))
        return update

    return advance


def by_optax(program: Program, rate: Callable, compiled: bool = True) -> Advance:
    """In float64."""
    factory = load(program, "optax")["found_optimizer"]
    peak = default(factory, "learning_rate")
    optimizer = factory(lambda count: peak * rate(count))
    update, state = jax.jit(optimizer.update) if compiled else optimizer.update, None

    def advance(w, g, t):
        nonlocal state
        with jax.enable_x64(True):
            w, g = jax.tree.map(jnp.asarray, (w, g))
            updates, state = update(g, optimizer.init(w) if state is None else state, w)
            return jax.tree.map(lambda leaf: -np.asarray(leaf), updates)

    return advance


def by_python(program: Program, rate: Callable) -> Advance:
    train = load(program, "python")["train"]
    peak = default(train, "learning_rate")
    states = None

    def advance(w, g, t):
        nonlocal states
        leaves, tree = jax.tree.flatten(w)
        if states is None:
            states = [[np.zeros_like(leaf) for leaf in leaves]] * len(prune(program).states)
        results = train(leaves, jax.tree.leaves(g), *states, peak * rate(t))
        update, *states = results if states else (results,)
        return jax.tree.unflatten(tree, update)

    return advance


def by_torch(program: Program, rate: Callable, **options) -> Advance:
    """A step from weights that it is given, each of whose leaves is a parameter in a group of its own."""
    make = load(program, "torch")["FoundOptimizer"]
    import torch

    optimizer = None

    def advance(w, g, t):
        nonlocal optimizer
        leaves, tree = jax.tree.flatten(w)
        if optimizer is None:
            groups = [{"params": [torch.nn.Parameter(torch.from_numpy(np.array(leaf)))]} for leaf in leaves]
            optimizer = make(groups, **options)
        update = []
        for group, leaf, gradient in zip(optimizer.param_groups, leaves, jax.tree.leaves(g), strict=True):
            (param,) = group["params"]
            param.data.copy_(torch.from_numpy(np.array(leaf)))
            param.grad = torch.from_numpy(np.array(gradient))
            group["lr"] = default(make, "lr") * rate(t)
        optimizer.step()
        for group, leaf in zip(optimizer.param_groups, leaves, strict=True):
            update.append(leaf - group["params"][0].detach().numpy())
        return jax.tree.unflatten(tree, update)

    return advance


RUNNERS: dict[str, Callable[[Program, Callable], Advance]] = {
    "optax": by_optax,
    "torch": by_torch,
    "python": by_python,
}
