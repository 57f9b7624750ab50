"""The identities of the normal form: one rule a function, from forms to a form.

An identity holds bitwise, up to the sign of zero, or up to rounding; or it fails only at inf or NaN, and the term it
erases is provably finite. Nothing else is merged: a merge of programs that differ gives one of them the other's
fitness in silence.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from dsl.functions import DIVISION_EPSILON, FUNCTIONS, Rule
from dsl.graph import LARGEST, SMALLEST, Form, Graph, constant, is_constant, key, split, typed, value
from dsl.types import LEAFWISE, SCALAR, Type

_ODD = ("sin", "tan", "arcsin", "arctan", "sinh", "tanh", "arcsinh", "arctanh")
_EVEN = ("cos", "cosh", "log", "log2", "log10")


def call(graph: Graph, name: str, arguments: tuple[Form, ...], type: Type) -> Form:
    """The normal form of `name(*arguments)`; `type` is the type that the checker gives the result."""
    if FUNCTIONS[name].rule is Rule.ELEMENTWISE and name != "/" and all(is_constant(a) for a in arguments):
        folded = _fold(name, arguments)
        if folded is not None:
            return constant(folded, type)
    rule = _RULES.get(name)
    result = rule(graph, *arguments) if rule else None
    return typed(result if result is not None else graph.call(name, arguments, type), type)


def _fold(name: str, arguments: tuple[Form, ...]) -> float | None:
    """A function of numbers, in float64; None where float32 would not hold the result."""
    with np.errstate(all="ignore"):
        c = float(FUNCTIONS[name].meaning(*(np.float64(value(a)) for a in arguments)))
    return c if c == 0.0 or SMALLEST < abs(c) < LARGEST else None


def _subtract(graph: Graph, a: Form, b: Form) -> Form:
    return graph.add(a, graph.scale(b, -1.0))


def _divide(graph: Graph, a: Form, b: Form) -> Form:
    if is_constant(b):
        denominator = float(np.float32(value(b)) + np.float32(DIVISION_EPSILON))  # as a machine adds: 1 + 1e-8 is 1
        # near -1e-8 little of the denominator is left, beyond LARGEST its reciprocal is 0
        if not 1e-3 * DIVISION_EPSILON < abs(denominator) < LARGEST:
            return graph.call("/", (a, b), max(a.type, b.type))
        return graph.scale(a, 1 / (value(b) + DIVISION_EPSILON if is_constant(a) else denominator))
    return graph.multiply(a, graph.call("over", (b,), b.type))


def _interp(graph: Graph, a: Form, b: Form, weight: Form) -> Form | None:
    if is_constant(weight):
        return graph.add(graph.scale(a, 1 - value(weight)), graph.scale(b, value(weight)))
    return a if key(a) == key(b) and graph.tame(a) and graph.finite(weight) else None


def _square(graph: Graph, a: Form) -> Form:
    return graph.multiply(a, a)


def _cube(graph: Graph, a: Form) -> Form:
    a = graph.factor(a) if a.terms else a
    return graph.multiply(graph.multiply(a, a), a)


def _power(graph: Graph, a: Form, b: Form) -> Form | None:
    if not is_constant(b):
        return None
    exponent = float(np.float32(value(b)))  # as it is written: a folded 1.00000001 is 1
    if exponent == 0.0:
        return constant(1.0)
    if exponent == -1.0:
        return _reciprocal(graph, a)
    return {1.0: lambda: a, 2.0: lambda: _square(graph, a), 3.0: lambda: _cube(graph, a)}.get(exponent, lambda: None)()


def _sqrt(graph: Graph, a: Form) -> Form:
    if not a.terms:
        return a
    outer, unit = split(a)
    root = math.sqrt(abs(outer))
    ((monomial, _),) = unit.terms.items() if len(unit.terms) == 1 else ((None, 0),)
    if monomial and all(power % 2 == 0 for _, power in monomial):
        result = constant(root)
        for digest, power in monomial:
            base = graph.absolute(graph.form_of(digest))
            for _ in range(power // 2):
                result = graph.multiply(result, base)
        return result
    if monomial and len(monomial) == 1 and monomial[0][1] == 1 and graph.atoms[monomial[0][0]].op == "abs":
        return graph.scale(_sqrt(graph, graph.atoms[monomial[0][0]].arguments[0]), root)
    return graph.scale(graph.call("sqrt", (unit,), a.type), root)


def _scaled(name: str, of_scale: Callable[[float], float]) -> Callable[[Graph, Form], Form]:
    """f(c x) = of_scale(c) f(x)."""

    def rule(graph: Graph, a: Form) -> Form:
        if not a.terms:
            return a
        outer, unit = split(a)
        return graph.scale(graph.call(name, (unit,), a.type), of_scale(outer))

    return rule


def _sign(graph: Graph, a: Form) -> Form:
    if not a.terms:
        return a
    outer, unit = split(a)
    monomial = next(iter(unit.terms))
    idempotent = len(unit.terms) == 1 and len(monomial) == 1 and graph.atoms[monomial[0][0]].op == "sign"
    if idempotent and monomial[0][1] == 1:
        return graph.scale(unit, math.copysign(1.0, outer))
    return graph.scale(graph.call("sign", (unit,), a.type), math.copysign(1.0, outer))


def _reciprocal(graph: Graph, a: Form) -> Form:
    if is_constant(a):
        return graph.call("reciprocal", (a,), a.type)
    outer, unit = split(a)
    return graph.scale(graph.call("reciprocal", (unit,), a.type), 1 / outer)


def _symmetric(name: str, sign: float) -> Callable[[Graph, Form], Form]:
    """f(-x) = sign * f(x)."""

    def rule(graph: Graph, a: Form) -> Form:
        if a.terms and split(a)[0] < 0:
            return graph.scale(graph.call(name, (graph.scale(a, -1.0),), a.type), sign)
        return graph.call(name, (a,), a.type)

    return rule


def _norm(graph: Graph, a: Form) -> Form:
    if a.type <= LEAFWISE:
        return graph.absolute(a)
    return _length(graph, "norm", a, LEAFWISE)


def _global_norm(graph: Graph, a: Form) -> Form:
    return graph.absolute(a) if a.type is SCALAR else _length(graph, "global_norm", a, SCALAR)


def _length(graph: Graph, name: str, a: Form, type: Type) -> Form:
    if not a.terms:
        return Form({}, type)
    outer, unit = split(a)
    return graph.scale(graph.call(name, (unit,), type), abs(outer))


def _dot(graph: Graph, a: Form, b: Form) -> Form | None:
    if a.type is SCALAR:
        return graph.multiply(a, b)
    if not a.terms or not b.terms:
        return Form({}, SCALAR) if graph.finite(a) and graph.finite(b) else None
    (outer_a, a), (outer_b, b) = split(a), split(b)
    return graph.scale(graph.scale(graph.call("dot", (a, b), SCALAR), outer_a), outer_b)


def _cosine_sim(graph: Graph, a: Form, b: Form) -> Form | None:
    if not a.terms or not b.terms:
        return None
    (outer_a, a), (outer_b, b) = split(a), split(b)
    return graph.scale(graph.call("cosine_sim", (a, b), SCALAR), math.copysign(1.0, outer_a * outer_b))


def _extreme(graph: Graph, a: Form, b: Form) -> Form | None:
    return a if key(a) == key(b) else None


_RULES: dict[str, Callable[..., Form | None]] = {
    "+": Graph.add,
    "-": _subtract,
    "*": Graph.multiply,
    "/": _divide,
    "negative": lambda graph, a: graph.scale(a, -1.0),
    "interp": _interp,
    "square": _square,
    "cube": _cube,
    "power": _power,
    "abs": Graph.absolute,
    "sqrt": _sqrt,
    "cbrt": _scaled("cbrt", np.cbrt),
    "sign": _sign,
    "reciprocal": _reciprocal,
    "norm": _norm,
    "global_norm": _global_norm,
    "dot": _dot,
    "cosine_sim": _cosine_sim,
    "max": _extreme,
    "min": _extreme,
    **{name: _symmetric(name, -1.0) for name in _ODD},
    **{name: _symmetric(name, 1.0) for name in _EVEN},
}
