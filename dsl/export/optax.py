"""Exports a program to a gradient transformation of optax."""

from __future__ import annotations

from dsl.export.body import Body, translate
from dsl.export.layout import docstring, function, indent
from dsl.export.vocabulary import Vocabulary
from dsl.program import Program

_IMPORTS = """\
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
"""

# A state may not be called `count` or `index`: one is the step count, the other a method of every tuple.
_RESERVED = ("jax", "optax", "step", "count", "index")

_FACTORY = '''\
def found_optimizer(learning_rate: optax.ScalarOrSchedule = 1.0) -> optax.GradientTransformation:
    """An optimizer found by evolving programs.

    Args:
        learning_rate: a factor, or a schedule with peak 1; {rate}.

    Returns:
        A gradient transformation; its updates are to be added to the weights.
    """

    def init(params):
        return FoundOptimizerState({zeros})

    def update(grads, state, params=None):
{update}
        return jax.tree.map(jnp.negative, updates), FoundOptimizerState(optax.safe_increment(count){states})

    return optax.GradientTransformation(init, update)
'''


def write(program: Program, provenance: str) -> str:
    """A module with `found_optimizer(learning_rate)`, a factory of gradient transformations.

    Args:
        program: any program.
        provenance: for the docstring.

    Raises:
        ProgramError: for a program that `dsl.check` does not accept.
    """
    body = translate(program, Vocabulary("jnp"), reserved=_RESERVED)
    results = "the update, to be subtracted from the weights" + (", and the new states" if body.states else "")
    about = f'"""One step {"of one leaf" if body.leafwise else "on lists of leaves"}: {results}."""'
    sections = [
        f"{docstring(provenance)}\n{_IMPORTS}",
        _state_class(body),
        *body.helpers,
        function("step", body.read_inputs, [about, *body.statements], body.outputs),
        _factory(body),
    ]
    return "\n\n".join(sections)


def _state_class(body: Body) -> str:
    fields = ["count: jax.Array  # steps so far, int32"]
    fields += [f"{name}: optax.Updates  # shaped like the weights" for name in body.states]
    lines = indent(['"""What the optimizer remembers between steps."""', "", *fields])
    return "\n".join(["class FoundOptimizerState(NamedTuple):", *lines]) + "\n"


def _factory(body: Body) -> str:
    zeros = "count=jnp.zeros([], jnp.int32)"
    if body.states:
        fields = [f"{name}=jax.tree.map(jnp.zeros_like, params)" for name in body.states]
        zeros = "\n".join(["", *indent([f"{field}," for field in (zeros, *fields)], 12), " " * 8])
    rate = "the program holds the size of its steps" if body.reads_rate else "the program does not depend on it"
    states = ", *states" if body.states else ""
    return _FACTORY.format(rate=rate, zeros=zeros, update="\n".join(indent(_update(body), 8)), states=states)


def _update(body: Body) -> list[str]:
    """The lines that compute `updates`, before their sign is changed, and the new `states`."""
    lines = []
    if body.reads_weights:
        lines.append("if params is None:")
        lines.append('    raise ValueError("this optimizer reads the weights: call update(grads, state, params)")')
    lines.append("count, *states = state" if body.states else "count = state.count")
    if body.reads_rate:
        # In the dtype of the gradients, so that the states keep theirs whatever a schedule returns.
        lines.append("lr = learning_rate(count) if callable(learning_rate) else learning_rate")
        lines.append("lr = jnp.asarray(lr, jnp.result_type(float, *jax.tree.leaves(grads)))")
    rate = ", lr" if body.reads_rate else ""
    trees = ["params"] * body.reads_weights + ["grads"] + ["*states"] * bool(body.states)
    if body.leafwise:
        given = "leaf" if trees == ["grads"] else "*leaves"
        mapped = f"lambda {given}: step({given}{rate})" if rate else "step"
        name = "results" if body.states else "updates"
        lines.append(f"{name} = jax.tree.map({mapped}, {', '.join(trees)})")
        if body.states:
            each = "jax.tree.map(lambda _, result, i=i: result[i], grads, results)"
            lines.append(f"updates, *states = ({each} for i in range({1 + len(body.states)}))")
        return lines
    lines.append("tree = jax.tree.structure(grads)")
    lines.append(f"lists = [tree.flatten_up_to(each) for each in ({', '.join(trees)}{',' * (len(trees) == 1)})]")
    if body.states:
        lines.append(f"updates, *states = (tree.unflatten(each) for each in step(*lists{rate}))")
    else:
        lines.append(f"updates = tree.unflatten(step(*lists{rate}))")
    return lines
