"""Exports a program to LaTeX: the step as a display of equations, for a paper."""

from __future__ import annotations

import re
import textwrap

from dsl.checker import check, result_type
from dsl.export.layout import comment, title
from dsl.export.names import rename
from dsl.functions import FUNCTIONS
from dsl.liveness import prune
from dsl.program import Program, format_argument
from dsl.types import SCALAR, TREE, Type

# {0}, {1} and {2} are variables or numbers; {p0} and {p1} the same with parentheses where they are negative, {b0} also
# where it is a product.
FORMULAS: dict[str, str] = {
    "get_pi": r"\pi",
    "get_e": r"\mathrm{{e}}",
    "get_eps": r"\epsilon",
    "abs": r"|{0}|",
    "cos": r"\cos({0})",
    "sin": r"\sin({0})",
    "tan": r"\tan({0})",
    "arcsin": r"\arcsin({0})",
    "arccos": r"\arccos({0})",
    "arctan": r"\arctan({0})",
    "sinh": r"\sinh({0})",
    "cosh": r"\cosh({0})",
    "tanh": r"\tanh({0})",
    "arcsinh": r"\operatorname{{arsinh}}({0})",
    "arccosh": r"\operatorname{{arcosh}}({0})",
    "arctanh": r"\operatorname{{artanh}}({0})",
    "exp": r"\exp({0})",
    "exp2": r"2^{{{0}}}",
    "exp10": r"10^{{{0}}}",
    "expm1": r"\exp({0}) - 1",
    "log": r"\ln |{0}|",
    "log10": r"\log_{{10}} |{0}|",
    "log2": r"\log_2 |{0}|",
    "log1p": r"\ln |1 + {p0}|",
    "square": r"{b0}^2",
    "sqrt": r"\sqrt{{|{0}|}}",
    "cube": r"{b0}^3",
    "cbrt": r"\sqrt[3]{{{0}}}",
    "sign": r"\operatorname{{sign}}({0})",
    "reciprocal": r"\frac{{1}}{{{0}}}",
    "negative": r"-{p0}",
    "norm": r"\lVert {0} \rVert_{{\mathrm{{leaf}}}}",
    "global_norm": r"\lVert {0} \rVert",
    "+": r"{0} + {p1}",
    "-": r"{0} - {p1}",
    "*": r"{0} \cdot {p1}",
    "/": r"\frac{{{0}}}{{{1} + \epsilon}}",
    "max": r"\max({0}, {1})",
    "min": r"\min({0}, {1})",
    "power": r"{b0}^{{{1}}}",
    "dot": r"\langle {0}, {1} \rangle",
    "cosine_sim": r"\frac{{\langle {0}, {1} \rangle}}{{\lVert {0} \rVert \, \lVert {1} \rVert}}",
    "clip_by_global_norm": r"{0} \cdot \min\left(1, \frac{{{1}}}{{\lVert {0} \rVert}}\right)",
    "interp": r"(1 - {p2}) \cdot {p0} + {p2} \cdot {p1}",
}
_RATE = r"\eta_t"
_LEAF_NORM = r"\lVert \cdot \rVert_{\mathrm{leaf}}"


def write(program: Program, provenance: str) -> str:
    """An `align*` with one line for each live statement, for a document that uses amsmath.

    The weights and the states have the index t - 1 before the step and t after it, the gradient and the learning rate
    have t; other names stand for what they were set to last. Constants are those of the program. A sentence behind the
    display says what the symbols are.

    Args:
        program: any program.
        provenance: for the comment at the beginning.

    Raises:
        ProgramError: for a program that `dsl.check` does not accept.
    """
    check(program)
    program = prune(program)
    reserved = {"t", *(f"{state}0" for state in program.states)}  # m0 would read as m at the start
    names = {variable: _symbol(name) for variable, name in rename(program, reserved).items()}
    weights, gradient, rate = program.inputs[0], program.inputs[1], program.inputs[-1]
    shown = {name: _indexed(names[name], "t-1") for name in (weights, *program.states)}
    shown |= {gradient: _indexed(names[gradient], "t"), rate: _RATE}
    types: dict[str, Type] = dict.fromkeys(program.inputs[:-1], TREE)
    after = dict(zip(program.states, program.outputs[1:], strict=True))
    last = {statement.target: index for index, statement in enumerate(program.statements)}
    lines = []
    for index, (target, function, arguments) in enumerate(program.statements):
        given = [types.get(a, SCALAR) if isinstance(a, str) else SCALAR for a in arguments]
        formula = _formula(function, [shown[a] if isinstance(a, str) else _number(a) for a in arguments], given)
        renews = after.get(target) == target and last[target] == index
        shown[target] = _indexed(names[target], "t") if renews else names[target]
        lines.append(f"{shown[target]} &\\gets {formula}")
        result = result_type(FUNCTIONS[function], given)
        assert result is not None, "check accepted the program"
        types[target] = result
    renewed = {name: _indexed(names[name], "t") for name in program.states}
    lines += [f"{renewed[name]} &\\gets {shown[new]}" for name, new in after.items() if shown[new] != renewed[name]]
    before, new = _indexed(names[weights], "t-1"), _indexed(names[weights], "t")
    lines.append(f"{new} &\\gets {before} - {shown[program.outputs[0]]}")
    text = " \\\\\n".join(f"  {line}" for line in lines)
    legend = [f"${new}$ are the weights", f"${_indexed(names[gradient], 't')}$ is their gradient"]
    legend += [f"${_RATE}$ is the value of a learning-rate schedule with peak 1"] if _RATE in text else []
    legend += [f"${' = '.join(_indexed(names[name], '0') for name in program.states)} = 0$"] if after else []
    legend += [rf"${_LEAF_NORM}$ is the norm of each parameter"] if r"_{\mathrm{leaf}}" in text else []
    legend += [r"$\epsilon = 10^{-8}$"] if r"\epsilon" in text else []
    sentence = f"Here {', '.join(legend[:-1])}, and {legend[-1]}."
    sentence = textwrap.fill(sentence, 100, break_long_words=False, break_on_hyphens=False)
    needs = comment("Needs \\usepackage{amsmath}.")
    return f"{title(provenance)}{needs}\\begin{{align*}}\n{text}\n\\end{{align*}}\n{sentence}\n"


def _formula(name: str, shown: list[str], given: list[Type]) -> str:
    """One call; `shown` are the symbols or numbers of its arguments, `given` their types."""
    if given and given[0] is SCALAR:
        name = {"norm": "abs", "global_norm": "abs", "dot": "*"}.get(name, name)
    closed = {f"p{i}": f"({text})" if text.startswith("-") else text for i, text in enumerate(shown)}
    base = {f"b{i}": f"({text})" if re.match(r"-|.*(\\cdot|\^)", text) else text for i, text in enumerate(shown)}
    return FORMULAS[name].format(*shown, **closed, **base)


def _symbol(name: str) -> str:
    """A letter, a letter with digits for an index, or a word."""
    if match := re.fullmatch(r"([A-Za-z])(\d*)", name):
        letter, digits = match.groups()
        return f"{letter}_{{{digits}}}" if digits else letter
    return f"\\mathrm{{{name.replace('_', chr(92) + '_')}}}"


def _indexed(symbol: str, index: str) -> str:
    """A symbol at a step, after the index that it has already."""
    if symbol.endswith("}") and "_{" in symbol:
        return f"{symbol[:-1]},{index}}}"
    return f"{symbol}_{{{index}}}" if len(index) > 1 else f"{symbol}_{index}"


def _number(value: float) -> str:
    """A constant with the digits that the program is printed with."""
    digits, _, exponent = format_argument(value).partition("e")
    if digits.lstrip("-") in ("inf", "nan"):
        return digits.replace("inf", r"\infty").replace("nan", r"\mathrm{NaN}")
    if not exponent:
        return digits
    power = f"10^{{{int(exponent)}}}"
    return {"1": power, "-1": f"-{power}"}.get(digits, f"{digits} \\cdot {power}")
