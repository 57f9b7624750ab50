"""Exported text laid out as `ruff format --line-length 120` leaves it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

import numpy as np

_WIDTH = 120
_TITLE = "An optimizer found by evolving programs."


def literal(value: float) -> str:
    """A constant as Python source: the shortest decimal that reads back as the same float32."""
    if not math.isfinite(value):
        return f'float("{value}")'
    digits, _, exponent = str(np.float32(value)).partition("e")
    return f"{digits}e{int(exponent)}" if exponent else digits


def assignments(defaults: dict[str, float | None]) -> list[str]:
    """`name=default` for each parameter, or its name alone; as arguments of `function` or `call`."""
    return [name if default is None else f"{name}={literal(default)}" for name, default in defaults.items()]


def explain_betas(betas: Collection[str], name: str = "") -> list[str]:
    """The lines of a docstring that say what these parameters, or one of this name, are; none if there are no betas."""
    if not betas:
        return []
    first, *others = betas
    names = first if not others else f"{first}, {others[0]}" if len(others) == 1 else f"{first} to {others[-1]}"
    return [f"{name or names}: the weight of the past in {'the average' if not others else 'each average'}."]


def docstring(provenance: str) -> str:
    """The docstring of a module, with any text in it."""
    text = _printable(provenance).replace("\\", "\\\\").replace('"""', "'''")
    return f'"""{_TITLE}\n\n{text}\n"""\n' if text else f'"""{_TITLE}"""\n'


def comment(text: str) -> str:
    """Any text as a comment of LaTeX."""
    return "".join(f"% {line}".rstrip() + "\n" for line in _printable(text).splitlines())


def title(provenance: str) -> str:
    """The comment of LaTeX that a text begins with."""
    return comment(f"{_TITLE}\n\n{provenance}")


def _printable(text: str) -> str:
    lines = ["".join(c for c in line if c.isprintable()).rstrip() for line in text.expandtabs(4).splitlines()]
    return "\n".join(lines).strip()


def function(
    name: str, parameters: Sequence[str], lines: Iterable[str], outputs: Sequence[str], margin: int = 0
) -> str:
    """The source of a function.

    Args:
        name: of the function.
        parameters: names of its parameters.
        lines: its body without the return, not indented; an item may hold several lines.
        outputs: what it returns; if nothing, it has no return.
        margin: how far it will be indented.
    """
    text = call(f"def {name}", parameters, ":", margin)
    text += indent(lines)
    if not outputs:
        return "\n".join(text) + "\n"
    returned = f"    return {', '.join(outputs)}"
    if margin + len(returned) > _WIDTH:
        returned = "\n".join(["    return (", *(f"        {output}," for output in outputs), "    )"])
    text.append(returned)
    return "\n".join(text) + "\n"


def call(before: str, arguments: Sequence[str], after: str = "", margin: int = 0) -> list[str]:
    """`before(arguments)after`: on one line, else the arguments on a line of their own, else each on one.

    Args:
        before: what stands before the parenthesis.
        arguments: what stands in it; one may hold several lines.
        after: what stands behind it.
        margin: how far the lines will be indented.
    """
    joined = ", ".join(arguments)
    if "\n" not in joined:
        if margin + len(f"{before}({joined}){after}") <= _WIDTH:
            return [f"{before}({joined}){after}"]
        if margin + 4 + len(joined) <= _WIDTH:
            return [f"{before}(", f"    {joined}", f"){after}"]
    return [f"{before}(", *indent(f"{argument}," for argument in arguments), f"){after}"]


def indent(lines: Iterable[str], by: int = 4) -> list[str]:
    """Each line of each item, indented; empty ones stay empty."""
    return [" " * by + line if line else line for text in lines for line in text.split("\n")]
