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

# `count` and `index` would hide what a state class needs; the others are modules of the exported text.
_RESERVED = ("jax", "optax", "step", "count", "index")

_PARAMS_CHECK = """\
if params is None:
    raise ValueError("this optimizer reads the weights: pass them, update(grads, state, params)")"""


def write(program: Program, provenance: str) -> str:
    """A module with `found_optimizer(learning_rate)`, a factory of gradient transformations.

    Args:
        program: any program.
        provenance: for the docstring.

    Raises:
        ProgramError: for a program that `dsl.check` does not accept.
    """
    body = translate(program, Vocabulary("jnp"), reserved=_RESERVED)
    where = "of one leaf" if body.leafwise else "on lists of leaves"
    what = "the update, to be subtracted from the weights" + (", and the new states" if body.states else "")
    lines = [f'"""One step {where}: {what}."""', *body.statements]
    sections = [
        f"{docstring(provenance)}\n{_IMPORTS}",
        _state_class(body),
        *body.helpers,
        function("step", (*body.trees, body.inputs[-1]), lines, body.outputs),
        _factory(body),
    ]
    return "\n\n".join(sections)


def _state_class(body: Body) -> str:
    states = [f"    {name}: optax.Updates  # shaped like the weights" for name in body.states]
    lines = [
        "class FoundOptimizerState(NamedTuple):",
        '    """The state between steps."""',
        "",
        "    count: jax.Array  # steps so far, int32",
        *states,
    ]
    return "\n".join(lines) + "\n"


def _factory(body: Body) -> str:
    unread = "" if body.reads_rate else " This one does not depend on it."
    lines = [
        f'''\
"""An optimizer found by evolving programs.

Args:
    learning_rate: a factor, or a schedule with peak 1: the size of the steps is a constant of the program.{unread}

Returns:
    A gradient transformation; its updates are added to the weights.
"""
''',
        *function("init", ["params"], _init(body), [])
    ]
    return ""
