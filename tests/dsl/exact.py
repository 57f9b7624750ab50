"""The judge: programs executed in 50-digit arithmetic, where float64 cannot say whether two of them are the same.

The meanings are those of `dsl/functions.py`, written again with mpmath; constants, the 1e-8 of division, weights,
gradients and learning rates are the same 64-bit numbers. A number is an mpf, a LEAFWISE a list of them, a TREE a list
with one flat list for each leaf. What differs from NumPy:

- A zero has no sign: 1 / 0 is +inf, and so is 0 to a negative power.
- A result is inf beyond 2^16610 (10^5000) and 0 below 2^-16610, which no product of a few float32 numbers reaches and
  towers of exponentials do; what may grow that fast is decided before it is computed.
- What float32 does not see is not there: 1e-8 is not added to a denominator that is 0.25, 0.5, 1, 2, ... in float64.
- The sine of a huge number is that of its digits, right in all its own: a finite number, as NumPy has it. At the end
  of the range that takes half a millisecond. Two programs that differ by rounding have nothing in common there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mpmath import MPContext

from dsl.functions import DIVISION_EPSILON, FUNCTIONS, Rule
from dsl.program import Program, to_constant

DIGITS = 50
MOST_BITS = 16610  # of the exponent of a number

mp = MPContext()  # not mpmath's own: the precision of that one is everybody's
mp.dps = DIGITS
ROUNDING = mp.mpf(10) ** (5 - DIGITS)  # what may be left of weights around 1 that cancel

Number = Any  # an mp.mpf
Trajectory = list[list[Number]]  # [steps][weights]


def train(
    program: Program,
    w: Sequence[np.ndarray],
    gradients: Sequence[Sequence[np.ndarray]],
    lrs: Sequence[float],
    digits: int = DIGITS,
) -> Trajectory:
    """Trains from states of zeros; every statement is executed, dead ones too.

    Args:
        program: a program that `dsl.check` accepts.
        w: the starting weights, one array for each leaf.
        gradients: for each step, one array for each leaf.
        lrs: the learning rate of each step.
        digits: of the arithmetic. What only rounding makes differ comes together with more of them.

    Returns:
        The weights after each step, leaf after leaf.
    """
    with mp.workdps(digits):
        weights = _tree(w)
        states = [[[mp.zero] * len(leaf) for leaf in weights] for _ in program.states]
        trajectory = []
        for gradient, lr in zip(gradients, lrs, strict=True):
            update, *states = step(program, weights, _tree(gradient), states, mp.mpf(float(lr)))
            weights = apply("-", [weights, update])
            trajectory.append(_numbers(weights))
        return trajectory


def step(program: Program, w: list, g: list, states: Sequence[list], lr: Number) -> list[list]:
    """The update and the new states of one optimizer step, all of them trees."""
    values = dict(zip(program.inputs, [w, g, *states, lr], strict=True))
    for statement in program.statements:
        arguments = [values[a] if isinstance(a, str) else mp.mpf(a) for a in statement.arguments]
        values[statement.target] = apply(statement.function, arguments)
    return [values[name] for name in program.outputs]


def apply(name: str, arguments: list) -> Any:
    """One function on numbers, LEAFWISEs and TREEs of a type that its rule allows."""
    rule = FUNCTIONS[name].rule
    if rule is Rule.ELEMENTWISE:
        return _each(MEANINGS[name], arguments)
    if rule is Rule.NORM and isinstance(arguments[0], list):
        return [_norm(_numbers(leaf)) for leaf in arguments[0]]
    if rule is Rule.CLIP:
        whole, limit = arguments
        factor = _smaller(mp.one, _over(limit, _norm(_numbers(whole))))
        return _each(MEANINGS["*"], [factor, whole])
    return REDUCTIONS[name](*map(_numbers, arguments))


def agree(a: Trajectory, b: Trajectory, tolerance: float, start: Sequence[float] | None = None) -> bool:
    """Whether all weights are the same, NaN and infinities too, up to `tolerance` of their size.

    Given the weights that both start from, of the largest size they have had: w - 1.000000000001 * w is as good as 0.
    """
    largest = [mp.mpf(abs(w)) for w in start or []]
    for one, other in zip(a, b, strict=True):
        sizes = [_size(x, y) for x, y in zip(one, other, strict=True)]
        largest = sizes if start is None else [max(pair) for pair in zip(largest, sizes, strict=True)]
        if not all(map(_same, one, other, [tolerance * size for size in largest])):
            return False
    return True


def _size(x: Number, y: Number) -> Number:
    return max([abs(z) for z in (x, y) if mp.isfinite(z)], default=mp.zero)


def _same(x: Number, y: Number, difference: Number) -> bool:
    if mp.isnan(x) or mp.isnan(y):
        return mp.isnan(x) and mp.isnan(y)
    if mp.isinf(x) or mp.isinf(y):
        return x == y
    return abs(x - y) <= max(difference, ROUNDING)


def _tree(leaves: Sequence[np.ndarray]) -> list[list[Number]]:
    return [[mp.mpf(x) for x in np.ravel(leaf).tolist()] for leaf in leaves]


def _numbers(value: Any) -> list[Number]:
    return [number for part in value for number in _numbers(part)] if isinstance(value, list) else [value]


def _each(meaning: Callable[..., Number], arguments: list) -> Any:
    """`meaning` number by number; what is not a list goes with every number of the others."""
    count = next((len(a) for a in arguments if isinstance(a, list)), None)
    if count is None:
        return _in_range(meaning(*arguments))
    columns = [a if isinstance(a, list) else [a] * count for a in arguments]
    return [_each(meaning, list(row)) for row in zip(*columns, strict=True)]


def _in_range(x: Number) -> Number:
    bits = mp.mag(x)  # -inf for 0, and NaN for NaN, which no comparison holds for
    if bits > MOST_BITS:
        return -mp.inf if x < 0 else mp.inf
    return mp.zero if bits < -MOST_BITS else x


def _over(x: Number, y: Number) -> Number:
    if y != 0:
        return x / y
    return x * mp.inf  # NaN for 0 / 0


def _absorbs(y: Number) -> bool:
    """Whether y is a power of two from 0.25 on, to which 1e-8 adds nothing in float32: there x / y is x * (1 / y)."""
    rounded = float(y)  # as 1.00000000000000005, what cosh(1e-8) is
    return abs(rounded) >= 0.25 and abs(math.frexp(rounded)[0]) == 0.5


def _exp(x: Number) -> Number:
    if abs(x) > MOST_BITS:
        return mp.inf if x > 0 else mp.zero
    return mp.exp(x)


def _power(x: Number, y: Number) -> Number:
    """As numpy.power, all of whose special cases are here but those of a negative zero."""
    if y == 0 or x == 1:
        return mp.one
    if mp.isnan(x) or mp.isnan(y):
        return mp.nan
    if mp.isinf(y):
        return mp.one if x == -1 else mp.inf if (abs(x) > 1) == (y > 0) else mp.zero
    if x < 0 and not mp.isinf(x) and not mp.isint(y):
        return mp.nan
    odd = mp.isint(y) and not mp.isint(y / 2)
    if x == 0 or mp.isinf(x):
        size = mp.inf if (x == 0) == (y < 0) else mp.zero
    else:
        with mp.extraprec(40):  # an error in the exponent, which reaches 2^14, is one of the result
            size = _exp(y * mp.log(abs(x)))
    return -size if x < 0 and odd else +size


def _expm1(x: Number) -> Number:
    return _exp(x) - 1 if abs(x) > MOST_BITS else mp.expm1(x)


def _log1p(x: Number) -> Number:
    if mp.mag(x) < -mp.prec:
        return x
    with mp.extraprec(mp.prec + 10):  # 1 + x keeps all digits of x
        result = mp.log(abs(1 + x))
    return +result


def _arccosh(x: Number) -> Number:
    if not x >= 1:
        return mp.nan
    with mp.extraprec(mp.prec):  # mpmath loses half of the digits close to 1
        result = mp.acosh(x)
    return +result


def _larger(x: Number, y: Number) -> Number:
    return mp.nan if mp.isnan(x) or mp.isnan(y) else max(x, y)


def _smaller(x: Number, y: Number) -> Number:
    return mp.nan if mp.isnan(x) or mp.isnan(y) else min(x, y)


def _dot(x: list[Number], y: list[Number]) -> Number:
    return _in_range(sum((_in_range(a * b) for a, b in zip(x, y, strict=True)), mp.zero))


def _norm(x: list[Number]) -> Number:
    return mp.sqrt(_dot(x, x))


MEANINGS: dict[str, Callable[..., Number]] = {
    "get_pi": lambda: mp.mpf(to_constant(math.pi)),
    "get_e": lambda: mp.mpf(to_constant(math.e)),
    "get_eps": lambda: mp.mpf(to_constant(1e-8)),
    "abs": abs,
    "cos": mp.cos,
    "sin": mp.sin,
    "tan": mp.tan,
    "arcsin": lambda x: mp.asin(x) if abs(x) <= 1 else mp.nan,
    "arccos": lambda x: mp.acos(x) if abs(x) <= 1 else mp.nan,
    "arctan": mp.atan,
    "sinh": lambda x: x * mp.inf if abs(x) > MOST_BITS else mp.sinh(x),
    "cosh": lambda x: mp.inf if abs(x) > MOST_BITS else mp.cosh(x),
    "tanh": mp.tanh,
    "arcsinh": mp.asinh,
    "arccosh": _arccosh,
    "arctanh": lambda x: mp.atanh(x) if abs(x) <= 1 else mp.nan,
    "exp": _exp,
    "exp2": lambda x: _power(mp.mpf(2), x),
    "exp10": lambda x: _power(mp.mpf(10), x),
    "expm1": _expm1,
    "log": lambda x: mp.log(abs(x)),
    "log10": lambda x: mp.log(abs(x)) / mp.log(10),
    "log2": lambda x: mp.log(abs(x)) / mp.log(2),
    "log1p": _log1p,
    "square": lambda x: x * x,
    "sqrt": lambda x: mp.sqrt(abs(x)),
    "cube": lambda x: x * x * x,
    "cbrt": lambda x: mp.cbrt(x) if x > 0 else -mp.cbrt(-x),
    "sign": mp.sign,
    "reciprocal": lambda x: _over(mp.one, x),
    "negative": lambda x: -x,
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: _over(x, y if _absorbs(y) else y + DIVISION_EPSILON),
    "max": _larger,
    "min": _smaller,
    "power": _power,
    "interp": lambda x, y, a: (1 - a) * x + a * y,
}

REDUCTIONS: dict[str, Callable[..., Number]] = {
    "norm": _norm,
    "global_norm": _norm,
    "dot": _dot,
    "cosine_sim": lambda x, y: _over(_dot(x, y), _norm(x) * _norm(y)),
}
