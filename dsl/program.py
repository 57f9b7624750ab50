"""A program: inputs, statements and outputs, and the text it is printed as (arXiv 2302.06675, section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

Argument = str | float  # a variable, or a constant that float32 holds exactly


class Statement(NamedTuple):
    """`target = function(*arguments)`: the result of one call."""

    target: str
    function: str
    arguments: tuple[Argument, ...]

    def __str__(self) -> str:
        target, function, arguments = self
        shown = [a if isinstance(a, str) else format_argument(a) for a in arguments]
        if function in "+-*/":
            return f"{target} = {shown[0]} {function} {shown[1]}"
        return f"{target} = {function}({', '.join(shown)})"


@dataclass(frozen=True)
class Program:
    """One optimizer step. Frozen and hashable; two programs are equal when their texts are.

    Attributes:
        inputs: names of the weights, the gradient, the states and the learning rate, in this order.
        statements: what is computed, in order.
        outputs: names of the update and of the new states, in this order.
    """

    inputs: tuple[str, ...]
    statements: tuple[Statement, ...]
    outputs: tuple[str, ...]

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states among the inputs; each starts as zeros, shaped like the weights."""
        return self.inputs[2:-1]

    def __len__(self) -> int:
        return len(self.statements)

    def __str__(self) -> str:
        lines = [f"def train({', '.join(self.inputs)}):"]
        lines += ["  " + str(statement) for statement in self.statements]
        lines.append(f"  return {', '.join(self.outputs)}")
        return "\n".join(lines) + "\n"


def expect_program(given: object) -> None:
    """Refuses what is no program, above all the text of one.

    Raises:
        TypeError: that says what to pass instead.
    """
    if not isinstance(given, Program):
        remedy = ": pass dsl.parse(text)" if isinstance(given, str) else ""
        raise TypeError(f"expected a Program, got {type(given).__name__}{remedy}")


def format_argument(argument: Argument) -> str:
    """A variable's name, or the shortest decimal that reads back as the same float32."""
    if isinstance(argument, str):
        return argument
    return _decimal(argument) if argument else str(np.float32(argument))  # 0.0 == -0.0


@lru_cache(10_000)
def _decimal(c: float) -> str:
    return str(np.float32(c))


def to_constant(value: float) -> float:
    """The float32 nearest to `value`, as a Python float; denormals, which XLA flushes, become 0."""
    rounded = float(np.float32(value))
    return rounded if abs(rounded) >= 1.1754943508222875e-38 else 0.0
