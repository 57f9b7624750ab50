"""What makes one of two equal programs the shorter, down to the digits of its constants."""

from __future__ import annotations

from collections.abc import Sequence

from dsl.program import Program, Statement, format_argument, to_constant

# A constant that was folded of others is taken for one of so many digits beside it, if they differ by this, relative:
# 1 - 0.999 is 0.00099998713 in float32.
TIDIED = {1: 2e-5, 2: 2e-5, 3: 5e-7, 4: 5e-7, 5: 5e-7}


def size(program: Program) -> tuple[int, int, int, int]:
    """States, statements, arguments, digits of constants: the smaller is the shorter."""
    return (len(program.states), *length(program.statements))


def length(statements: Sequence[Statement]) -> tuple[int, int, int]:
    """The same of statements alone."""
    arguments = [a for statement in statements for a in statement.arguments]
    return len(statements), len(arguments), sum(digits(a) for a in arguments if isinstance(a, float))


def digits(c: float) -> int:
    """Significant digits of the shortest decimal that reads back as the same float32."""
    return len(format_argument(c).partition("e")[0].replace(".", "").replace("-", "").strip("0"))


def tidy(c: float, is_weight: bool = False) -> float:
    """The number of few digits that differs by a few roundings of float32 only, if there is one.

    Of the weight of an interp, 1 less it counts as much.
    """
    size = min(abs(c), abs(1 - c)) if is_weight else abs(c)
    for count, most in TIDIED.items():
        short = to_constant(float(f"{c:.{count}g}"))
        if abs(short - c) <= most * size:
            return short
    return c
