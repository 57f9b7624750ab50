"""Ranges: between which bounds the values of a form lie, and whether they may be NaN.

A term may be erased (`x - x`, `0 * x`) only where it is finite, and `max(x, c)` is `x` only where x is never below c;
both are read off here. Weights, gradients and the learning rate are taken to be ordinary numbers; a state is what an
induction over the training steps shows it to be (`dsl/states.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from dsl.forms import ROUNDING, Form, Monomial
from dsl.functions import DIVISION_EPSILON

if TYPE_CHECKING:
    from dsl.graph import Atom

INFINITE = 3e38  # float32 holds little more
FLUSHED = 1e-37  # and little less
MOST_NUMBERS = 1e10  # weights of a model: what a sum over a tree may multiply


class Range(NamedTuple):
    """The values lie in [low, high], or are NaN where `nan` is set; they may be infinite where an end is."""

    low: float
    high: float
    nan: bool = False

    @property
    def tame(self) -> bool:
        """Never infinite; it may be NaN."""
        return -math.inf < self.low and self.high < math.inf

    @property
    def finite(self) -> bool:
        """Neither infinite nor NaN."""
        return self.tame and not self.nan

    @property
    def size(self) -> float:
        """The largest magnitude."""
        return max(-self.low, self.high)


ZERO, ONE = Range(0.0, 0.0), Range(1.0, 1.0)
UNKNOWN = Range(-math.inf, math.inf, True)
ORDINARY = Range(-1e12, 1e12)  # a weight or a gradient; a training that meets larger ones is lost anyway
LEARNING_RATE = Range(0.0, 1.0)  # the value of a schedule with peak 1


class Ranges:
    """The ranges of the atoms of a graph, each found once.

    Args:
        atoms: the atoms by digest; it may grow.
        assumed: ranges of the states by number, in place of those that the atoms are given.
        stateless: where the ranges of atoms that read no state are taken from, or None.
        finite: whether nothing is ever taken to be infinite or NaN.
    """

    def __init__(
        self,
        atoms: dict[int, Atom],
        assumed: dict[int, Range] | None = None,
        stateless: Ranges | None = None,
        finite: bool = False,
    ):
        self._atoms, self.assumed, self._stateless, self.finite = atoms, assumed or {}, stateless, finite
        self._known: dict[int, Range] = {}

    def of(self, form: Form) -> Range:
        """The range of a form."""
        return _finite(self._of(form)) if self.finite else self._of(form)

    def _of(self, form: Form) -> Range:
        if len(form.terms) == 1:
            ((monomial, c),) = form.terms.items()
            return _multiple(self._product(monomial), c) if c != 1.0 else self._product(monomial)
        result = ZERO
        for monomial, c in form.terms.items():
            result = _sum(result, _multiple(self._product(monomial), c))
        return result

    def _product(self, monomial: Monomial) -> Range:
        result: Range | None = None
        for atom, power in monomial:
            known = self.of_atom(atom)
            for factor in [known] if power == 1 else [_square(known)] * (power // 2) + [known] * (power % 2):
                result = factor if result is None else _times(result, factor)
        return result or ONE

    def of_atom(self, digest: int) -> Range:
        """The range of an atom."""
        waiting = [] if digest in self._known else [digest]
        while waiting:  # inner atoms first and without recursion: a program may nest a thousand deep
            inner = waiting[-1]
            atom = self._atoms[inner]
            if self._stateless is not None and not atom.reads:
                self._known[waiting.pop()] = self._stateless.of_atom(inner)
                continue
            monomials = (monomial for a in atom.arguments for monomial in a.terms)
            missing = [found for monomial in monomials for found, _ in monomial if found not in self._known]
            if missing:
                waiting += missing
            else:
                self._known[waiting.pop()] = self._range(atom)
        return self._known[digest]

    def _range(self, atom: Atom) -> Range:
        if atom.given is not None:
            return self.assumed[atom.number] if self.assumed and atom.reads else atom.given
        rule = _RULES.get(atom.op)
        found = rule(*map(self.of, atom.arguments)) if rule else UNKNOWN
        return _finite(found) if self.finite else found


def _finite(a: Range) -> Range:
    return Range(max(a.low, -INFINITE), min(a.high, INFINITE))


def _in_float32(low: float, high: float, nan: bool) -> Range:
    """A range, with an infinity for what float32 does not hold, and 0 for what it flushes to 0."""
    if low < -INFINITE:
        low = -math.inf
    elif low > INFINITE:
        low = INFINITE
    elif 0 < low < FLUSHED:
        low = 0.0
    if high > INFINITE:
        high = math.inf
    elif high < -INFINITE:
        high = -INFINITE
    elif -FLUSHED < high < 0:
        high = 0.0
    return Range(low, high, nan)


def _sum(a: Range, b: Range) -> Range:
    opposite = (a.high == math.inf and b.low == -math.inf) or (a.low == -math.inf and b.high == math.inf)
    return _in_float32(a.low + b.low, a.high + b.high, a.nan or b.nan or opposite)


def _times(a: Range, b: Range) -> Range:
    products = [x * y if x and y else 0.0 for x in a[:2] for y in b[:2]]
    lost = (not a.tame and b.low <= 0 <= b.high) or (not b.tame and a.low <= 0 <= a.high)  # infinity * 0
    return _in_float32(min(products), max(products), a.nan or b.nan or lost)


def _multiple(a: Range, c: float) -> Range:
    """c * a for a c that is not 0."""
    low, high = (a.low * c, a.high * c) if c > 0 else (a.high * c, a.low * c)
    return _in_float32(low or 0.0, high or 0.0, a.nan)


def _square(a: Range) -> Range:
    low, high = sizes(a)
    return _in_float32(low * low, high * high, a.nan)


def sizes(a: Range) -> tuple[float, float]:
    """The smallest and the largest magnitude."""
    return (0.0 if a.low <= 0 <= a.high else min(abs(a.low), abs(a.high))), a.size


def _inverse(a: Range) -> Range:
    if a.low <= 0 <= a.high:  # where it is 0, the result is of the sign of that zero, which nobody knows
        return Range(-math.inf, math.inf, a.nan)
    return _in_float32(1 / a.high, 1 / a.low, a.nan)


def _over(a: Range) -> Range:
    rounding = ROUNDING * DIVISION_EPSILON  # near -1e-8 it decides the sign
    return _inverse(Range(a.low + DIVISION_EPSILON - rounding, a.high + DIVISION_EPSILON + rounding, a.nan))


def _increasing(f: Callable[[float], float]) -> Callable[[Range], Range]:
    def rule(a: Range) -> Range:
        return _in_float32(_at(f, a.low), _at(f, a.high), a.nan)

    return rule


def _of_size(f: Callable[[float], float]) -> Callable[[Range], Range]:
    """For f(x) = f(|x|) that grows with |x|."""

    def rule(a: Range) -> Range:
        low, high = sizes(a)
        return _in_float32(_at(f, low), _at(f, high), a.nan)

    return rule


def _at(f: Callable[[float], float], x: float) -> float:
    try:
        return f(x)
    except OverflowError:
        return math.copysign(math.inf, x)


def _sine(shift: float) -> Callable[[Range], Range]:
    """sin(x + shift), which grows from -pi / 2 to pi / 2."""

    def rule(a: Range) -> Range:
        low, high = a.low + shift, a.high + shift
        if -math.pi / 2 <= low and high <= math.pi / 2:
            return Range(math.sin(low), math.sin(high), a.nan)
        return Range(-1.0, 1.0, a.nan or not a.tame)

    return rule


def _tan(a: Range) -> Range:
    return Range(math.tan(a.low), math.tan(a.high), a.nan) if a.size < 1.57 else UNKNOWN


def _log(f: Callable[[float], float]) -> Callable[[float], float]:
    return lambda x: f(x) if x else -math.inf


def _within(low: float, high: float, lowest: float, highest: float) -> Callable[[Range], Range]:
    """For values in [low, high] whatever the argument, and NaN for arguments outside [lowest, highest]."""
    return lambda a: Range(low, high, a.nan or a.low < lowest or a.high > highest)


def _clip(a: Range, limit: Range) -> Range:
    if limit.low <= 0:
        return Range(min(a.low, 0.0), max(a.high, 0.0), True) if limit.low == 0 else UNKNOWN
    most = 1.001 * limit.high  # a norm is at least as large as an element, but for its rounding
    return Range(max(min(a.low, 0.0), -most), min(max(a.high, 0.0), most), a.nan or limit.nan or not a.tame)


def _norm(a: Range) -> Range:
    return _in_float32(0.0, math.inf if a.size > 1e14 else a.size * MOST_NUMBERS**0.5, a.nan)


def _dot(a: Range, b: Range) -> Range:
    product = _times(a, b)
    size = max(abs(product.low), abs(product.high)) * MOST_NUMBERS
    return _in_float32(-size, size, product.nan or size > INFINITE)


def _interp(a: Range, b: Range, weight: Range) -> Range:
    return _sum(_times(_sum(ONE, _times(weight, Range(-1.0, -1.0))), a), _times(weight, b))


def _power(a: Range, b: Range) -> Range:
    if a.low <= 0:
        return Range(0.0 if a.low == 0 else -math.inf, math.inf, a.nan or b.nan or a.low < 0)
    return _exp(_times(_ln(a), b))


def _max(a: Range, b: Range) -> Range:
    return Range(max(a.low, b.low), max(a.high, b.high), a.nan or b.nan)


def _min(a: Range, b: Range) -> Range:
    return Range(min(a.low, b.low), min(a.high, b.high), a.nan or b.nan)


_exp = _increasing(math.exp)
_ln = _of_size(_log(math.log))

_RULES: dict[str, Callable[..., Range]] = {
    "abs": _of_size(abs),
    "cos": lambda a: _sine(math.pi / 2)(Range(-a.size, -sizes(a)[0], a.nan)),
    "sin": _sine(0.0),
    "tan": _tan,
    "arcsin": _within(-1.571, 1.571, -1.0, 1.0),
    "arccos": _within(0.0, 3.142, -1.0, 1.0),
    "arctan": _increasing(math.atan),
    "sinh": _increasing(math.sinh),
    "cosh": _of_size(math.cosh),
    "tanh": _increasing(math.tanh),
    "arcsinh": _increasing(math.asinh),
    "arccosh": lambda a: Range(0.0, math.inf, a.nan or a.low < 1.0),
    "exp": _exp,
    "exp2": _increasing(math.exp2),
    "exp10": _increasing(lambda x: 10.0**x),
    "expm1": _increasing(math.expm1),
    "log": _ln,
    "log10": _of_size(_log(math.log10)),
    "log2": _of_size(_log(math.log2)),
    "log1p": lambda a: _ln(_sum(Range(1 - 1e-7, 1 + 1e-7), a)),  # 1 + x is rounded
    "sqrt": _of_size(math.sqrt),
    "cbrt": _increasing(math.cbrt),
    "sign": _increasing(lambda x: float((x > 0) - (x < 0))),
    "reciprocal": _inverse,
    "norm": _norm,
    "global_norm": _norm,
    "+": _sum,
    "*": _times,
    "/": lambda a, b: _times(a, _over(b)),
    "max": _max,
    "min": _min,
    "power": _power,
    "dot": _dot,
    "cosine_sim": lambda a, b: Range(-1.001, 1.001, True),  # NaN where a tree is zero
    "clip_by_global_norm": _clip,
    "interp": _interp,
    "sum": lambda a: a,
    "zero": lambda a: Range(0.0, 0.0, not a.finite),
    "over": _over,
}
