"""Exports a program to a gradient transformation of optax."""

from __future__ import annotations

from dsl.export.body import Body, translate
from dsl.export.layout import call, docstring, explain_betas, function, indent, literal
from dsl.export.parameters import WEIGHT_DECAY
from dsl.export.vocabulary import Vocabulary
from dsl.program import Program

_IMPORTS = """\
import jax
import jax.numpy as jnp
import optax
"""

# A state may not be called `count` or `index`: one is the step count, the other a method of every tuple.
_RESERVED = ("jax", "optax", "step", "count", "index", "like", "weight_decay")

_LIKE = '''\
def like(tree, model):
    """The tree with the dtypes of another."""
    return jax.tree.map(lambda leaf, other: jnp.asarray(leaf, jnp.result_type(other)), tree, model)
'''

_MASKED = """\
chosen = True if mask is None else mask(params) if callable(mask) else mask
decay = jax.tree.map(lambda on, part: jax.tree.map(lambda _: weight_decay if on else 0.0, part), chosen, params)"""


def write(program: Program, provenance: str) -> str:
    """A module with `found_optimizer(learning_rate, b1, ..., weight_decay, mask, state_dtype)`.

    It is a factory of gradient transformations. A mask and a weight decay are parameters where the program has a weight
    decay, a dtype where it has states.

    Args:
        program: any program.
        provenance: for the docstring.

    Raises:
        ProgramError: for a program that `dsl.check` does not accept.
    """
    body = translate(program, Vocabulary("jnp"), _RESERVED, beta="b", per_leaf=(WEIGHT_DECAY,))
    typing = ["Any"] * bool(body.states or body.weight_decay is not None) + ["NamedTuple"]
    imports = f"from typing import {', '.join(typing)}\n\n{_IMPORTS}"
    if body.weight_decay is not None:
        imports = f"from collections.abc import Callable\n{imports}"
    sections = [
        f"{docstring(provenance)}\n{imports}",
        _state_class(body),
        *body.helpers,
        *([_LIKE] if body.states else []),
        _factory(body),
    ]
    return "\n\n".join(sections)


def _state_class(body: Body) -> str:
    fields = ["count: jax.Array  # steps so far, int32"]
    fields += [f"{name}: optax.Updates  # shaped like the weights" for name in body.states]
    lines = indent(['"""What the optimizer remembers between steps."""', "", *fields])
    return "\n".join(["class FoundOptimizerState(NamedTuple):", *lines]) + "\n"


def _factory(body: Body) -> str:
    """The source of `found_optimizer`."""
    masked = body.weight_decay is not None
    rate = 1.0 if body.learning_rate is None else body.learning_rate
    parameters = [
        f"learning_rate: optax.ScalarOrSchedule = {literal(rate)}",
        *(f"{name}: float = {literal(value)}" for name, value in body.betas.items()),
    ]
    if body.weight_decay is not None:
        parameters.append(f"weight_decay: float = {literal(body.weight_decay)}")
        parameters.append("mask: Any | Callable[[optax.Params], Any] | None = None")
    parameters += ["state_dtype: Any | None = None"] * bool(body.states)
    results = "the update, to be subtracted from the weights" + (", and the new states" if body.states else "")
    about = f'"""One step {"of one leaf" if body.leafwise else "on lists of leaves"}: {results}."""'
    inputs = [*body.read_inputs, *["weight_decay"] * masked]
    negative = "jax.tree.map(jnp.negative, updates)"
    state = f"FoundOptimizerState(optax.safe_increment(state.count){', *states' if body.states else ''})"
    lines = [
        *_explain(body),
        "",
        function("step", inputs, [about, *body.statements], body.outputs, margin=4),
        *_init(body),
        "",
        function("update", ["grads", "state", "params=None"], _update(body), [negative, state], margin=4),
    ]
    header = call("def found_optimizer", parameters, " -> optax.GradientTransformation:")
    return "\n".join([*header, *indent([*lines, "return optax.GradientTransformation(init, update)"])]) + "\n"


def _explain(body: Body) -> list[str]:
    """The docstring of the factory."""
    if body.learning_rate is not None:
        rate = "learning_rate: a number, or a schedule."
    elif body.reads_rate:
        rate = "learning_rate: a factor, or a schedule with peak 1; the program holds the size of its steps."
    else:
        rate = "learning_rate: a factor, or a schedule with peak 1; the program does not depend on it."
    lines = [rate, *explain_betas(body.betas)]
    if body.weight_decay is not None:
        lines.append("weight_decay: how strongly the weights decay.")
        lines.append("mask: which weights decay: a tree of booleans like the weights, or a prefix of it, or a function")
        lines.append("    from the weights to one; by default all.")
    if body.states:
        lines.append("state_dtype: dtype of the states, by default that of the weights; a step is computed in that of")
        lines.append("    the gradients.")
    returned = "    A gradient transformation; its updates are to be added to the weights."
    about = '"""An optimizer found by evolving programs.'
    return [about, "", "Args:", *indent(lines), "", "Returns:", returned, '"""']


def _init(body: Body) -> list[str]:
    """The source of `init`."""
    count = "count=jnp.zeros([], jnp.int32)"
    if not body.states:
        return function("init", ["params"], [], [f"FoundOptimizerState({count})"]).splitlines()
    zeros = "return jax.tree.map(lambda leaf: jnp.zeros_like(leaf, dtype=state_dtype), params)"
    fields = [count, *(f"{name}=zeros()" for name in body.states)]
    made = call("return FoundOptimizerState", fields, margin=8)
    return ["def init(params):", *indent(["def zeros():", *indent([zeros]), "", *made])]


def _update(body: Body) -> list[str]:
    """The lines that compute `updates`, before their sign is changed, and the new `states`."""
    lines, masked = [], body.weight_decay is not None
    if body.reads_weights:
        lines.append("if params is None:")
        lines.append('    raise ValueError("this optimizer reads the weights: call update(grads, state, params)")')
    if body.states:
        lines.append("states = [like(old, grads) for old in state[1:]]")
    if body.reads_rate:
        # In the dtype of the gradients, so that updates keep theirs whatever a schedule returns.
        lines.append("lr = learning_rate(state.count) if callable(learning_rate) else learning_rate")
        lines.append("lr = jnp.asarray(lr, jnp.result_type(float, *jax.tree.leaves(grads)))")
    lines += [_MASKED] * masked
    rate = ", lr" if body.reads_rate else ""
    trees = ["params"] * body.reads_weights + ["grads"] + ["*states"] * bool(body.states)
    if body.leafwise:
        given = "leaf" if trees == ["grads"] else "*leaves"
        mapped = f"lambda {given}: step({given}{rate})" if rate else "step"
        if masked:
            mapped, trees = f"lambda decay, *leaves: step(*leaves{rate}, decay)", ["decay", *trees]
        name = "results" if body.states else "updates"
        lines.append(f"{name} = jax.tree.map({mapped}, {', '.join(trees)})")
        if body.states:
            each = "jax.tree.map(lambda _, result, i=i: result[i], grads, results)"
            lines.append(f"updates, *states = ({each} for i in range({1 + len(body.states)}))")
    else:
        lines.append("tree = jax.tree.structure(grads)")
        lists = f"tree.flatten_up_to(each) for each in ({', '.join(trees)}{',' * (len(trees) == 1)})"
        given = f"*lists{rate}{', tree.flatten_up_to(decay)' if masked else ''}"
        lines.append(f"lists = [{lists}]")
        if body.states:
            lines.append(f"updates, *states = (tree.unflatten(each) for each in step({given}))")
        else:
            lines.append(f"updates = tree.unflatten(step({given}))")
    if body.states:
        lines.append("states = [like(new, old) for new, old in zip(states, state[1:])]")
    return lines
