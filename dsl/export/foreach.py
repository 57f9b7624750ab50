"""A leafwise program on lists of tensors at once, by PyTorch's functions whose names begin with `_foreach_`."""

from __future__ import annotations

from collections.abc import Sequence

from dsl.export.body import Body
from dsl.export.layout import call, literal
from dsl.types import SCALAR, TREE, Type

# {f} begins the name of a function; {0} and {1} are lists. `norm`, arcsinh, arccosh, arctanh and cbrt have none.
_OF_LISTS: dict[str, str] = {
    "abs": "{f}abs({0})",
    "cos": "{f}cos({0})",
    "sin": "{f}sin({0})",
    "tan": "{f}tan({0})",
    "arcsin": "{f}asin({0})",
    "arccos": "{f}acos({0})",
    "arctan": "{f}atan({0})",
    "sinh": "{f}sinh({0})",
    "cosh": "{f}cosh({0})",
    "tanh": "{f}tanh({0})",
    "exp": "{f}exp({0})",
    "exp2": "{f}pow(2.0, {0})",
    "exp10": "{f}pow(10.0, {0})",
    "expm1": "{f}expm1({0})",
    "log": "{f}log({f}abs({0}))",
    "log10": "{f}log10({f}abs({0}))",
    "log2": "{f}log2({f}abs({0}))",
    "log1p": "{f}log({f}abs({f}add({0}, 1)))",
    "square": "{f}mul({0}, {0})",
    "sqrt": "{f}sqrt({f}abs({0}))",
    "cube": "{f}mul({f}mul({0}, {0}), {0})",
    "sign": "{f}sign({0})",
    "reciprocal": "{f}reciprocal({0})",
    "negative": "{f}neg({0})",
    "+": "{f}add({0}, {1})",
    "-": "{f}sub({0}, {1})",
    "*": "{f}mul({0}, {1})",
    "/": "{f}div({0}, {f}add({1}, 1e-8))",
    "max": "{f}maximum({0}, {1})",
    "min": "{f}minimum({0}, {1})",
    "power": "{f}pow({0}, {1})",
}
# {0} is a list, {1} a constant.
_OF_LIST_AND_NUMBER = {name: _OF_LISTS[name] for name in ("+", "-", "*", "max", "min", "power")} | {
    "/": "{f}div({0}, {1} + 1e-8)"
}
# {0} is a constant, {1} a list.
_OF_NUMBER_AND_LIST = {name: _OF_LISTS[name].replace("{0}, {1}", "{1}, {0}") for name in ("+", "*", "max", "min")} | {
    "-": "{f}add({f}neg({1}), {0})",
    "power": _OF_LISTS["power"],
}


def foreach(body: Body) -> list[str] | None:
    """The statements on lists of tensors; None where PyTorch lacks a function for one of them.

    The learning rate, which may be a tensor of PyTorch, is only multiplied with a list, and betas only weigh two.
    """
    if not (body.leafwise and body.plain_rate):
        return None
    lines = []
    for statement, text, types in zip(body.program.statements, body.statements, body.types, strict=True):
        line = text if all(type is SCALAR for type in types) else _line(*statement, types, tuple(body.betas))
        if line is None:
            return None
        lines.append(line)
    return lines


def _line(
    target: str, name: str, arguments: Sequence[str | float], types: Sequence[Type], betas: Sequence[str]
) -> str | None:
    shown = [a if isinstance(a, str) else literal(a) for a in arguments]
    known = [type is TREE or name == "*" or not isinstance(a, str) for a, type in zip(arguments, types, strict=True)]
    if name == "interp":
        first, second, weight = shown
        if types[0] is not TREE or types[1] is not TREE or not (weight in betas or not isinstance(arguments[2], str)):
            return None
        weighed = [f"torch._foreach_mul({second}, {weight})", first, f"alpha=1 - {weight}"]
        return "\n".join(call(f"{target} = torch._foreach_add", weighed, margin=4))
    lists = (types[0] is TREE, types[-1] is TREE)
    table = {(True, False): _OF_LIST_AND_NUMBER, (False, True): _OF_NUMBER_AND_LIST}.get(lists, _OF_LISTS)
    if name not in table or not all(known):
        return None
    return f"{target} = {table[name].format(*shown, f='torch._foreach_')}"
