"""A program as source text that stands on its own, without this project. A new target is one file and one line here."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from dsl.checker import check, nearest
from dsl.errors import ProgramError
from dsl.export import latex, optax, python, torch
from dsl.export.caution import caution
from dsl.program import Program

# For each target, its writer: of a program and of what the text shall say about its origin.
EXPORTERS: dict[str, Callable[[Program, str], str]] = {
    "optax": optax.write,
    "torch": torch.write,
    "python": python.write,
    "latex": latex.write,
}


def export(program: Program, to: str = "optax", provenance: str = "") -> str:
    """The source text of an optimizer, as a person would have written it.

    Only live statements and states are written. In Python, the hyper-parameters that `dsl.export.parameters` tells by
    their form are arguments, with what was found as their defaults. A learning rate that is one goes in the place of
    `lr * c`; else there is a factor, or a schedule, with peak 1.

    Constants are written as the program prints them, with the digits that float32 needs, so that double precision
    rounds them otherwise: `1 - 0.999` is 0.001 there, 0.00099998713 in float32. Weights are those of `dsl.step` within
    ten times what changes of 1e-7 in all numbers of the program make (random programs, five steps in float64), those of
    known optimizers within 1e-5 (20 steps in float64). In PyTorch, the sign of a NaN is 0.

    Behind its origin the text has a sentence of caution if updates are not finite on gradients of an ordinary size.

    Args:
        program: a program that `dsl.check` accepts.
        to: a key of `EXPORTERS`.
        provenance: where the program comes from, for the docstring of the text; any text.

    Returns:
        Source text; Python is formatted as `ruff format --line-length 120` leaves it.

    Raises:
        ProgramError: for an unknown target, or a program with wrong types.
    """
    if to not in EXPORTERS:
        hint = nearest(to, EXPORTERS) or f": use one of {', '.join(EXPORTERS)}"
        raise ProgramError(f"unknown export target {to!r}{hint}")
    check(program)
    about = "\n\n".join(text for text in (provenance, textwrap.fill(caution(program), 100)) if text)
    return EXPORTERS[to](program, about)
