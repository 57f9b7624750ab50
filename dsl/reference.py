"""The reference meaning of a program: one step, statement by statement, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dsl.functions import FUNCTIONS, Rule
from dsl.program import Program


def step(program: Program, w: Any, g: Any, states: Sequence[Any], lr: Any) -> tuple[Any, tuple[Any, ...]]:
    """One optimizer step in the dtype of the weights; every statement is executed, dead ones too.

    Args:
        program: a program that `dsl.check` accepts.
        w: the weights, an array or a pytree of arrays, all of one float dtype.
        g: their gradient, of the same structure.
        states: one value of the same structure for each state of the program.
        lr: the learning rate, a number.

    Returns:
        (update, states): the update, to be subtracted from the weights, and the new states.

    Raises:
        ValueError: for a number of states other than the program's.
    """
    if len(states) != len(program.states):
        raise ValueError(f"the program has {len(program.states)} states, got {len(states)}: start with zeros like w")
    if isinstance(w, np.ndarray):
        flatten, unflatten = (lambda tree: [tree]), (lambda leaves: leaves[0])
    else:
        from jax import tree_util

        structure = tree_util.tree_structure(w)
        flatten, unflatten = tree_util.tree_leaves, lambda leaves: tree_util.tree_unflatten(structure, leaves)
    trees = [[np.asarray(leaf) for leaf in flatten(tree)] for tree in (w, g, *states)]
    number = trees[0][0].dtype.type
    values: dict[str, Any] = dict(zip(program.inputs, [*trees, number(lr)], strict=True))
    with np.errstate(all="ignore"):
        for statement in program.statements:
            arguments = [values[a] if isinstance(a, str) else number(a) for a in statement.arguments]
            values[statement.target] = apply(statement.function, arguments, number)
    update, *after = (unflatten(values[name]) for name in program.outputs)
    return update, tuple(after)


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
