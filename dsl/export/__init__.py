"""A program as source text that stands on its own, without this project. A new target is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable

from dsl.checker import nearest
from dsl.errors import ProgramError
from dsl.export import optax, python
from dsl.program import Program

# For each target, its writer: of a program and of what the text shall say about its origin.
EXPORTERS: dict[str, Callable[[Program, str], str]] = {
    "optax": optax.write,
    "python": python.write,
}


def export(program: Program, to: str = "optax", provenance: str = "") -> str:
    """The source text of an optimizer, as a person would have written it.

    Only live statements and states are written. Constants are written as the program prints them, with the digits that
    float32 needs, so that double precision rounds them otherwise: `1 - 0.999` is 0.001 there, 0.00099998713 in float32.

    Args:
        program: a program that `dsl.check` accepts.
        to: a key of `EXPORTERS`.
        provenance: where the program comes from, for the docstring of the text; any text.

    Returns:
        Source text, formatted as `ruff format --line-length 120` leaves it.

    Raises:
        ProgramError: for an unknown target, or a program with wrong types.
    """
    if to not in EXPORTERS:
        hint = nearest(to, EXPORTERS) or f": use one of {', '.join(EXPORTERS)}"
        raise ProgramError(f"unknown export target {to!r}{hint}")
    return EXPORTERS[to](program, provenance)
