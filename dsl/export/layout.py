"""Exported text laid out as `ruff format --line-length 120` leaves it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

_WIDTH = 120


def literal(value: float) -> str:
    """A constant as Python source: the shortest decimal that reads back as the same float32."""
    if not math.isfinite(value):
        return f'float("{value}")'
    digits, _, exponent = str(np.float32(value)).partition("e")
    return f"{digits}e{int(exponent)}" if exponent else digits


def docstring(provenance: str) -> str:
    """The docstring of a module, with any text in it."""
    lines = ["".join(c for c in line if c.isprintable()).rstrip() for line in provenance.expandtabs(4).splitlines()]
    text = "\n".join(lines).strip().replace("\\", "\\\\").replace('"""', "'''")
    title = "An optimizer found by evolving programs."
    return f'"""{title}\n\n{text}\n"""\n' if text else f'"""{title}"""\n'


def function(name: str, parameters: Sequence[str], lines: Iterable[str], outputs: Sequence[str]) -> str:
    """The source of a function.

    Args:
        name: of the function.
        parameters: names of its parameters.
        lines: its body without the return, not indented; an item may hold several lines.
        outputs: what it returns.
    """
    text = call(f"def {name}", parameters, ":")
    text += indent(lines)
    returned = f"    return {', '.join(outputs)}"
    text += [returned] if len(returned) <= _WIDTH else ["    return (", *(f"        {o}," for o in outputs), "    )"]
    return "\n".join(text) + "\n"


def call(before: str, arguments: Sequence[str], after: str = "", margin: int = 0) -> list[str]:
    """`before(arguments)after`: on one line, else the arguments on a line of their own, else each on one.

    Args:
        before: what stands before the parenthesis.
        arguments: what stands in it.
        after: what stands behind it.
        margin: how far the lines will be indented.
    """
    joined = ", ".join(arguments)
    if margin + len(f"{before}({joined}){after}") <= _WIDTH:
        return [f"{before}({joined}){after}"]
    if margin + 4 + len(joined) <= _WIDTH:
        return [f"{before}(", f"    {joined}", f"){after}"]
    return [f"{before}(", *(f"    {argument}," for argument in arguments), f"){after}"]


def indent(lines: Iterable[str], by: int = 4) -> list[str]:
    """Each line of each item, indented; empty ones stay empty."""
    return [" " * by + line if line else line for text in lines for line in text.split("\n")]
