"""The functions of the language in one table: name, arity, type rule, meaning (arXiv 2302.06675, appendix; Hero).

A new function is one row here and its one-line kernel in each machine (`dsl/vm/`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from dsl.program import to_constant


class Rule(Enum):
    """How the type of a result follows from the types of the arguments."""

    ELEMENTWISE = "any types; the result is their join"
    NORM = "a TREE gives a LEAFWISE; a LEAFWISE or SCALAR keeps its type"
    WHOLE = "any type; the result is a SCALAR"
    PAIR = "two of the same type; the result is a SCALAR"
    CLIP = "any type and a SCALAR; the result has the type of the first"
    NEVER = "nothing: it is defined on integers only, remove the statement"


@dataclass(frozen=True)
class Function:
    """One row of the table.

    Attributes:
        name: as a program spells it.
        arity: number of arguments.
        rule: the type rule.
        meaning: on NumPy values, in the dtype it is given. ELEMENTWISE and NORM take one array for each argument
            and are applied leaf by leaf; the others take a list of leaves for each argument that may be a tree.
        formula: the same for people.
    """

    name: str
    arity: int
    rule: Rule
    meaning: Callable[..., Any]
    formula: str

    def usage(self, spelling: str = "") -> str:
        """As a program calls it, on x, y and a."""
        return (
            f"x {self.name} y" if self.name in "+-*/" else f"{spelling or self.name}({', '.join('xya'[: self.arity])})"
        )

    @property
    def types(self) -> str:
        """What it takes and gives."""
        return self.rule.value if self.arity else "no arguments; the result is a SCALAR"


DIVISION_EPSILON = 1e-8


def _dot(x: list, y: list) -> Any:
    return sum(np.sum(a * b) for a, b in zip(x, y, strict=True))


def _global_norm(x: list) -> Any:
    return np.sqrt(_dot(x, x))


def _clip(x: list, limit: Any) -> list:
    factor = np.minimum(limit.dtype.type(1), limit / _global_norm(x))
    return [factor * leaf for leaf in x]


def _invert(x: Any) -> Any:
    raise TypeError("invert has no meaning on floats")


_E, _N, _W, _P, _C, _X = Rule.ELEMENTWISE, Rule.NORM, Rule.WHOLE, Rule.PAIR, Rule.CLIP, Rule.NEVER

_ROWS = (
    # no argument: float32 numbers like all constants, for sin(get_pi()) must not depend on who folds it
    Function("get_pi", 0, _E, lambda: to_constant(math.pi), "pi"),
    Function("get_e", 0, _E, lambda: to_constant(math.e), "e"),
    Function("get_eps", 0, _E, lambda: to_constant(1e-8), "1e-8"),
    # one argument, element by element
    Function("abs", 1, _E, np.abs, "|x|"),
    Function("cos", 1, _E, np.cos, "cos x"),
    Function("sin", 1, _E, np.sin, "sin x"),
    Function("tan", 1, _E, np.tan, "tan x"),
    Function("arcsin", 1, _E, np.arcsin, "arcsin x, NaN outside [-1, 1]"),
    Function("arccos", 1, _E, np.arccos, "arccos x, NaN outside [-1, 1]"),
    Function("arctan", 1, _E, np.arctan, "arctan x"),
    Function("sinh", 1, _E, np.sinh, "sinh x"),
    Function("cosh", 1, _E, np.cosh, "cosh x"),
    Function("tanh", 1, _E, np.tanh, "tanh x"),
    Function("arcsinh", 1, _E, np.arcsinh, "arcsinh x"),
    Function("arccosh", 1, _E, np.arccosh, "arccosh x, NaN below 1"),
    Function("arctanh", 1, _E, np.arctanh, "arctanh x, NaN outside [-1, 1]"),
    Function("exp", 1, _E, np.exp, "e ^ x"),
    Function("exp2", 1, _E, np.exp2, "2 ^ x"),
    Function("exp10", 1, _E, lambda x: np.power(x.dtype.type(10), x), "10 ^ x"),
    Function("expm1", 1, _E, np.expm1, "e ^ x - 1"),
    Function("log", 1, _E, lambda x: np.log(np.abs(x)), "ln |x|"),
    Function("log10", 1, _E, lambda x: np.log10(np.abs(x)), "log10 |x|"),
    Function("log2", 1, _E, lambda x: np.log2(np.abs(x)), "log2 |x|"),
    Function("log1p", 1, _E, lambda x: np.log(np.abs(1 + x)), "ln |1 + x|"),
    Function("square", 1, _E, np.square, "x ^ 2"),
    Function("sqrt", 1, _E, lambda x: np.sqrt(np.abs(x)), "sqrt |x|"),
    Function("cube", 1, _E, lambda x: x * x * x, "x ^ 3"),
    Function("cbrt", 1, _E, np.cbrt, "x ^ (1/3), of the sign of x"),
    Function("sign", 1, _E, np.sign, "-1, 0 or 1"),
    Function("reciprocal", 1, _E, lambda x: 1 / x, "1 / x"),
    Function("invert", 1, _X, _invert, "bitwise not"),
    Function("negative", 1, _E, np.negative, "-x"),
    # one argument, reducing
    Function("norm", 1, _N, lambda x: np.sqrt(np.sum(x * x)), "L2 norm of each leaf"),
    Function("global_norm", 1, _W, _global_norm, "L2 norm over the whole tree"),
    # two arguments, element by element
    Function("+", 2, _E, np.add, "x + y"),
    Function("-", 2, _E, np.subtract, "x - y"),
    Function("*", 2, _E, np.multiply, "x * y"),
    Function("/", 2, _E, lambda x, y: x / (y + y.dtype.type(DIVISION_EPSILON)), "x / (y + 1e-8)"),
    Function("max", 2, _E, np.maximum, "the larger"),
    Function("min", 2, _E, np.minimum, "the smaller"),
    Function("power", 2, _E, np.power, "x ^ y, NaN for a negative x with a broken y"),
    # two arguments, reducing
    Function("dot", 2, _P, _dot, "sum of x * y over the whole tree"),
    Function("cosine_sim", 2, _P, lambda x, y: _dot(x, y) / (_global_norm(x) * _global_norm(y)), "dot over both norms"),
    # other
    Function("clip_by_global_norm", 2, _C, _clip, "x * min(1, y / global_norm(x))"),
    Function("interp", 3, _E, lambda x, y, a: (1 - a) * x + a * y, "(1 - a) * x + a * y"),
)

FUNCTIONS: dict[str, Function] = {row.name: row for row in _ROWS}

# Other spellings that the parser reads; a program is printed with the names of the table.
SPELLINGS = {"clip": "clip_by_global_norm", "interpolate": "interp"}
