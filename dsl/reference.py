"""The reference meaning of a program: one step, statement by statement, in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from dsl.functions import FUNCTIONS, Rule
from dsl.program import Program, expect_program


def step(program: Program, w: Any, g: Any, states: Sequence[Any], lr: Any) -> tuple[Any, tuple[Any, ...]]:
    """One optimizer step in the dtype of the arrays; every statement is executed, dead ones too.

    Args:
        program: a program that `dsl.check` accepts.
        w: the weights, an array or a pytree of arrays of floats; constants and lr take the dtype of the first.
        g: their gradient, of the same structure and shapes.
        states: one value of the same structure and shapes for each state of the program.
        lr: the learning rate, a number.

    Returns:
        (update, states): the update, to be subtracted from the weights, and the new states.

    Raises:
        ValueError: for a number of states other than the program's, or a gradient or state that is not like the
            weights.
        TypeError: for arrays that are not of floats.
    """
    expect_program(program)
    if len(states) != len(program.states):
        raise ValueError(f"the program has {len(program.states)} states, got {len(states)}: start with zeros like w")
    given = {"w": w, "g": g} | {f"states[{index}]": state for index, state in enumerate(states)}
    trees, unflatten = _leaves(given)
    for name, tree in zip(given, trees, strict=True):
        _expect_like(trees[0], tree, name)
    update, *after = map(unflatten, on_leaves(program, trees, lr))
    return update, tuple(after)


def on_leaves(program: Program, trees: Sequence[list], lr: Any) -> list[list]:
    """As `step`, unchecked: from the leaves of weights, gradient and states to those of update and new states."""
    number = trees[0][0].dtype.type
    values: dict[str, Any] = dict(zip(program.inputs, [*trees, number(lr)], strict=True))
    with np.errstate(all="ignore"):
        for statement in program.statements:
            arguments = [values[a] if isinstance(a, str) else number(a) for a in statement.arguments]
            values[statement.target] = apply(statement.function, arguments, number)
    return [values[name] for name in program.outputs]


def _leaves(given: dict[str, Any]) -> tuple[list[list[np.ndarray]], Callable[[list], Any]]:
    """The leaves of each tree, by the name of its argument, and what makes a tree of leaves; all have w's structure."""
    if all(isinstance(tree, np.ndarray) for tree in given.values()):
        return [[tree] for tree in given.values()], itemgetter(0)
    from jax import tree_util

    structures: dict[str, Any] = {name: tree_util.tree_structure(tree) for name, tree in given.items()}
    structure = structures["w"]
    if not structure.num_leaves:
        raise ValueError("w has no leaves: give an array, or a pytree of arrays")
    for name, found in structures.items():
        if found != structure:
            raise ValueError(
                f"{name} must have the structure of w: {found} is not {structure}; for one number each,"
                " build it with jax.tree.map over w"
            )
    leaves = [[np.asarray(leaf) for leaf in tree_util.tree_leaves(tree)] for tree in given.values()]
    return leaves, partial(tree_util.tree_unflatten, structure)


def _expect_like(weights: list[np.ndarray], tree: list[np.ndarray], name: str) -> None:
    """Refuses an argument whose leaves are not of floats, or not shaped like the weights."""
    for weight, leaf in zip(weights, tree, strict=True):
        if not _is_float(leaf.dtype):
            raise TypeError(
                f"{name} has dtype {leaf.dtype}, and must be of floats: convert each array with"
                " np.asarray(x, np.float32)"
            )
        if leaf.shape != weight.shape:
            raise ValueError(f"{name} must be shaped like w: {leaf.shape} is not {weight.shape}")


def _is_float(dtype: np.dtype) -> bool:
    if dtype.kind == "f":
        return True
    from jax import numpy as jnp

    return bool(jnp.issubdtype(dtype, np.floating))  # bfloat16, which NumPy alone takes for raw bytes


def apply(name: str, arguments: list, number: type = np.float64) -> Any:
    """One function on values: a scalar, or a list with one array (TREE) or one number (LEAFWISE) for each leaf."""
    function = FUNCTIONS[name]
    if function.rule in (Rule.ELEMENTWISE, Rule.NORM):
        count = max((len(a) for a in arguments if isinstance(a, list)), default=None)
        if count is None:
            return number(function.meaning(*arguments))
        columns = [a if isinstance(a, list) else [a] * count for a in arguments]
        return [function.meaning(*row) for row in zip(*columns, strict=True)]
    if function.rule is Rule.CLIP:
        tree, limit = arguments
        clipped = function.meaning(tree if isinstance(tree, list) else [tree], limit)
        return clipped if isinstance(tree, list) else clipped[0]
    return number(function.meaning(*(a if isinstance(a, list) else [a] for a in arguments)))
