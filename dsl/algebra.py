"""The identities of the normal form: one rule a function, from forms to a form.

An identity holds bitwise, up to the sign of zero, or up to rounding; or it fails only at inf or NaN, and the term it
erases is provably finite. Nothing else is merged: a merge of programs that differ gives one of them the other's
fitness in silence.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from dsl.checker import result_type
from dsl.forms import (
    LARGEST,
    ROUNDING,
    SMALLEST,
    Form,
    common,
    constant,
    is_constant,
    rounded,
    single,
    split,
    typed,
    value,
    without,
)
from dsl.functions import DIVISION_EPSILON, FUNCTIONS, Rule
from dsl.graph import Graph
from dsl.ranges import sizes
from dsl.types import LEAFWISE, SCALAR, Type

LARGEST_WEIGHT = 100.0
MOST_PARTS = 8  # a max or min of more is one part of another, for max(x, c x) nested has 2^n
_ODD = ("sin", "tan", "arcsin", "arctan", "sinh", "tanh", "arcsinh", "arctanh")
_SIGNED = ("sinh", "arctan", "tanh", "arcsinh", "cbrt", "expm1")  # of the sign of the argument
_EVEN = ("cos", "cosh", "log", "log2", "log10")
_OPPOSITE = {"max": "min", "min": "max"}
_OF_SIGNS = (*_SIGNED, *_OPPOSITE, "abs", "sqrt")  # whose sign is decided by those of the arguments


def call(graph: Graph, name: str, *arguments: Form) -> Form:
    """The normal form of `name(*arguments)`, of the type that the checker gives the result; found once in a graph."""
    known = graph.calls.get((name, *arguments))
    if known is None:
        known = graph.calls[name, *arguments] = _call(graph, name, arguments)
    return known


def _call(graph: Graph, name: str, arguments: tuple[Form, ...]) -> Form:
    type = result_type(FUNCTIONS[name], [a.type for a in arguments])
    assert type is not None, f"{name} was not checked"
    if FUNCTIONS[name].rule is Rule.ELEMENTWISE and name != "/" and all(map(is_constant, arguments)):
        folded = _fold(name, arguments)
        if folded is not None:
            return constant(folded, type)
    result = _of_step(graph, name, *arguments) if len(arguments) == 1 else None
    rule = _RULES.get(name)
    if result is None and rule:
        result = rule(graph, *arguments)
    return typed(result if result is not None else graph.atom(name, arguments, type), type)


def rebuild(graph: Graph, op: str, arguments: tuple[Form, ...]) -> Form:
    """An atom's operation on other arguments."""
    result = call(graph, op, *arguments) if op in FUNCTIONS else _RULES[op](graph, *arguments)
    assert result is not None  # an operation that is no function always has a form
    return result


def _of_step(graph: Graph, name: str, a: Form) -> Form | None:
    """f(c sign(x)) is f(c) sign(x) for an odd f, f(c) sign(x)^2 for an even one with f(0) = 0; f(0 x) is f(0) + 0 x."""
    atom = single(a)
    op = graph.atoms[atom].op if atom is not None else None
    if op not in ("sign", "zero") or FUNCTIONS[name].rule is not Rule.ELEMENTWISE:
        return None
    ((monomial, c),) = a.terms.items()
    with np.errstate(all="ignore"):
        up, zero, down = (float(FUNCTIONS[name].meaning(np.float64(x))) for x in (c, 0.0, -c))
    if op == "zero":
        return graph.add(constant(zero), a) if abs(zero) < LARGEST else None
    if zero != 0.0 or abs(up) != abs(down) or not SMALLEST < abs(up) < LARGEST:
        return None
    step = Form({monomial: 1.0}, a.type)
    return graph.scale(step if up == -down else graph.multiply(step, step), up)


def _fold(name: str, arguments: tuple[Form, ...]) -> float | None:
    """A function of numbers, in float64; None where float32 would not hold the result."""
    with np.errstate(all="ignore"):
        c = float(FUNCTIONS[name].meaning(*(np.float64(value(a)) for a in arguments)))
    return c if c == 0.0 or SMALLEST < abs(c) < LARGEST else None


def _subtract(graph: Graph, a: Form, b: Form) -> Form:
    return graph.add(a, graph.scale(b, -1.0))


def _divide(graph: Graph, a: Form, b: Form) -> Form:
    if not is_constant(b):
        if graph.drops_epsilon and (signed := _over_its_size(graph, a, b)):
            return signed
        return graph.multiply(a, graph.atom("over", (b,), b.type))
    c = value(b)
    if not (abs(math.frexp(c)[0]) == 0.5 and abs(c) >= 0.25):  # to these, 1e-8 adds nothing in float32
        c += DIVISION_EPSILON
    # near -1e-8 little of the denominator is left, beyond LARGEST its reciprocal is 0
    if not 1e-3 * DIVISION_EPSILON < abs(c) < LARGEST:
        return graph.atom("/", (a, b), max(a.type, b.type))
    return graph.scale(a, 1 / c)


def _multiply(graph: Graph, a: Form, b: Form) -> Form:
    product = graph.multiply(a, b)
    if graph.drops_epsilon and len(product.terms) == 1:
        ((monomial, c),) = product.terms.items()
        for over in [atom for atom, power in monomial if graph.atoms[atom].op == "over" and power == 1]:
            rest = without(monomial, ((over, 1),))
            numerator = Form({rest: c}, graph.type_of(rest))
            if signed := _over_its_size(graph, numerator, *graph.atoms[over].arguments):
                return signed
    return product


def _over_its_size(graph: Graph, a: Form, b: Form) -> Form | None:
    """x y / (c |x|) as sign(x) y / c, where the 1e-8 is left out, for an x of any factors; None for others."""
    if len(b.terms) != 1 or not a.terms:
        return None
    ((sizes, scale),) = b.terms.items()
    ((monomial, c),) = graph.factor(a).terms.items()
    signs = constant(1.0)
    for size, power in sizes:
        (x,) = graph.atoms[size].arguments if graph.atoms[size].op == "abs" else (graph.form_of(size),)
        digest = single(x)
        factor = ((graph.digest("sum", x) if digest is None else digest, 1),)
        if power != 1 or graph.ranges.of_atom(size).low < 0 or common([monomial, factor]) != factor:
            return None
        monomial, signs = without(monomial, factor), graph.multiply(signs, call(graph, "sign", x))
    result = graph.multiply(Form({monomial: c}, graph.type_of(monomial)), signs)
    return graph.scale(result, 1 / scale)


def _interp(graph: Graph, a: Form, b: Form, weight: Form) -> Form | None:
    if is_constant(weight):
        return graph.add(graph.scale(a, 1 - value(weight)), graph.scale(b, value(weight)))
    bounds = graph.ranges.of(weight)
    if not a.terms and bounds.finite:
        return graph.multiply(weight, b)
    # by a large weight, both halves are large and cancel
    return a if a.key == b.key and graph.ranges.of(a).tame and bounds.finite and bounds.size < LARGEST_WEIGHT else None


def _square(graph: Graph, a: Form) -> Form:
    return graph.multiply(a, a)


def _cube(graph: Graph, a: Form) -> Form:
    a = graph.factor(a) if a.terms else a
    return graph.multiply(graph.multiply(a, a), a)


def _power(graph: Graph, a: Form, b: Form) -> Form | None:
    if is_constant(a) and value(a) == 1.0:
        return a
    if not is_constant(b):
        return None
    exponent = rounded(value(b))
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
    return graph.scale(graph.atom("sqrt", (unit,), a.type), root)


def _scaled(name: str, of_scale: Callable[[float], float]) -> Callable[[Graph, Form], Form]:
    """f(c x) = of_scale(c) f(x)."""

    def rule(graph: Graph, a: Form) -> Form:
        if not a.terms:
            return a
        outer, unit = split(a)
        return graph.scale(graph.atom(name, (unit,), a.type), of_scale(outer))

    return rule


def _sign(graph: Graph, a: Form) -> Form:
    """sign(x y) is sign(x) sign(y), and sign(f(x)) is sign(x) where f keeps the sign."""
    waiting = [(inner, False) for inner in _deciding(graph, a)]
    while waiting:  # inner signs first and without recursion: a program may nest a thousand deep
        inner, complete = waiting.pop()
        if complete:
            call(graph, "sign", inner)
        elif ("sign", inner) not in graph.calls:
            waiting += [(inner, True), *[(deeper, False) for deeper in _deciding(graph, inner)]]
    return _product_of_signs(graph, a)


def _deciding(graph: Graph, a: Form) -> list[Form]:
    """The forms whose signs `_sign_of` asks for."""
    atoms = [graph.atoms[digest] for monomial in a.terms for digest, _ in monomial]
    return [argument for atom in atoms if atom.op in _OF_SIGNS for argument in atom.arguments]


def _product_of_signs(graph: Graph, a: Form) -> Form:
    if not a.terms:
        return a
    bounds = graph.ranges.of(a)
    rounding = ROUNDING * max(map(abs, a.terms.values())) if len(a.terms) > 1 else 0.0
    if not bounds.nan and (bounds.low > rounding or bounds.high < -rounding):
        return constant(math.copysign(1.0, bounds.low))
    ((monomial, c),) = graph.factor(a).terms.items()
    if len(monomial) > 1 and not all(graph.ranges.of_atom(digest).tame for digest, _ in monomial):
        whole = graph.atom("sign", (Form({monomial: 1.0}, a.type),), a.type)  # 0 * inf is NaN, sign(0) * sign(inf) is 0
        return graph.scale(whole, math.copysign(1.0, c))
    result = constant(math.copysign(1.0, c))
    for digest, power in monomial:
        sign = _sign_of(graph, digest)
        for _ in range(power):
            result = graph.multiply(result, sign)
    return result


def _sign_of(graph: Graph, digest: int) -> Form:
    op, arguments, type = graph.atoms[digest][:3]
    if op == "sign":
        return graph.form_of(digest)
    if op in _SIGNED:
        return call(graph, "sign", *arguments)
    if op in _OPPOSITE:
        extreme = _extreme(op)(graph, *[call(graph, "sign", a) for a in arguments])
        if len(_parts(graph, op, extreme)) == 1:  # one of the signs never counts
            return extreme
    if op in ("abs", "sqrt"):
        return _square(graph, call(graph, "sign", *arguments))
    return graph.atom("sign", (graph.form_of(digest),), type)


def _reciprocal(graph: Graph, a: Form) -> Form:
    if is_constant(a):
        return graph.atom("reciprocal", (a,), a.type)
    outer, unit = split(a)
    if outer < 0 and len(a.terms) > 1:  # x - x is +0 whichever is the first, and -(x - x) is -0
        outer, unit = -outer, graph.scale(unit, -1.0)
    return graph.scale(graph.atom("reciprocal", (unit,), a.type), 1 / outer)


def _symmetric(name: str, sign: float) -> Callable[[Graph, Form], Form]:
    """f(-x) = sign * f(x)."""

    def rule(graph: Graph, a: Form) -> Form:
        if a.terms and split(a)[0] < 0:
            return graph.scale(graph.atom(name, (graph.scale(a, -1.0),), a.type), sign)
        return graph.atom(name, (a,), a.type)

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
    return graph.scale(graph.atom(name, (unit,), type), abs(outer))


def _dot(graph: Graph, a: Form, b: Form) -> Form | None:
    if a.type is SCALAR:
        return graph.multiply(a, b)
    if not a.terms or not b.terms:
        return Form({}, SCALAR) if graph.ranges.of(a).finite and graph.ranges.of(b).finite else None
    (outer_a, a), (outer_b, b) = split(a), split(b)
    return graph.scale(graph.scale(graph.atom("dot", (a, b), SCALAR), outer_a), outer_b)


def _clip(graph: Graph, a: Form, limit: Form) -> Form | None:
    """Zeros are never clipped, nor is a number that never exceeds the limit; one that always does becomes the limit."""
    bounds, most = graph.ranges.of(a), graph.ranges.of(limit)
    smallest, largest = sizes(bounds)
    if bounds.nan or most.nan or most.low < 0 or not (smallest or most.low) or not (a.type is SCALAR or largest == 0):
        return None
    if largest <= most.low:
        return a
    return graph.scale(limit, math.copysign(1.0, bounds.low)) if smallest >= most.high and bounds.tame else None


def _cosine_sim(graph: Graph, a: Form, b: Form) -> Form | None:
    if not a.terms or not b.terms:
        return None
    if a.type is SCALAR and is_constant(a) and is_constant(b):
        return constant(math.copysign(1.0, value(a) * value(b)))
    (outer_a, a), (outer_b, b) = split(a), split(b)
    return graph.scale(graph.atom("cosine_sim", (a, b), SCALAR), math.copysign(1.0, outer_a * outer_b))


def _extreme(name: str) -> Callable[[Graph, Form, Form], Form]:
    """max or min of any number of forms, the largest of them times 1; one that never counts goes."""

    def rule(graph: Graph, a: Form, b: Form) -> Form:
        parts = {part.key: part for x in (a, b) for part in _parts(graph, name, x)}
        for key, part in list(parts.items()):
            if any(_is_beaten(graph, name, part, other) for other_key, other in parts.items() if other_key != key):
                del parts[key]
        leaders = [(-abs(scale), unit.key, scale) for scale, unit in map(split, parts.values()) if () not in unit.terms]
        scale = min(leaders)[2] if leaders else 1.0
        if any(map(is_constant, parts.values())):  # arcsin(min(1, c x)): c * (1 / c) may round to more than 1
            scale = math.copysign(1.0, scale)
        function = name if scale > 0 else _OPPOSITE[name]
        units = sorted((graph.scale(part, 1 / scale) for part in parts.values()), key=lambda unit: unit.key)
        result = units[0]
        for unit in units[1:]:
            result = graph.atom(function, (result, unit), max(result.type, unit.type))
        return graph.scale(result, scale)

    return rule


def _parts(graph: Graph, name: str, a: Form) -> list[Form]:
    """What the form is the max or min of: c max(x, y) is max(c x, c y), or min(c x, c y) where c is negative."""
    waiting, parts = [a], list[Form]()
    while waiting:
        if len(waiting) + len(parts) > MOST_PARTS:
            return [a]
        part = waiting.pop()
        atom = single(part)
        scale = next(iter(part.terms.values())) if atom is not None else 1.0
        if atom is not None and graph.atoms[atom].op == (name if scale > 0 else _OPPOSITE[name]):
            waiting += [graph.scale(inner, scale) for inner in graph.atoms[atom].arguments]
        else:
            parts.append(part)
    return parts


def _is_beaten(graph: Graph, name: str, a: Form, b: Form) -> bool:
    """Whether a is never NaN and never beyond b: in max(b, a), as a = min(b, c) is.

    What min(x, y) beats is found for b = min(x, y), too.
    """
    if graph.ranges.of(a).nan:
        return False
    parts, others = ({part.key for part in _parts(graph, _OPPOSITE[name], x)} for x in (a, b))
    if others <= parts:
        return True
    ahead = graph.ranges.of(graph.add(b, graph.scale(a, -1.0)))
    return ahead.low >= 0 if name == "max" else ahead.high <= 0


_RULES: dict[str, Callable[..., Form | None]] = {
    "+": Graph.add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "negative": lambda graph, a: graph.scale(a, -1.0),
    "interp": _interp,
    "square": _square,
    "cube": _cube,
    "power": _power,
    "abs": Graph.absolute,
    "sqrt": _sqrt,
    "cbrt": _scaled("cbrt", math.cbrt),
    "sign": _sign,
    "reciprocal": _reciprocal,
    "norm": _norm,
    "global_norm": _global_norm,
    "dot": _dot,
    "cosine_sim": _cosine_sim,
    "max": _extreme("max"),
    "min": _extreme("min"),
    "over": lambda graph, a: _divide(graph, constant(1.0), a),
    "sum": lambda graph, a: a,
    "zero": lambda graph, a: graph.scale(a, 0.0),
    "clip_by_global_norm": _clip,
    **{name: _symmetric(name, -1.0) for name in _ODD},
    **{name: _symmetric(name, 1.0) for name in _EVEN},
}
