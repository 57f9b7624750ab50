"""The functions of the language as Python source over arrays."""

from __future__ import annotations

from dataclasses import dataclass, field

_SAME_NAME = (
    "abs",
    "cos",
    "sin",
    "tan",
    "arcsin",
    "arccos",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "arcsinh",
    "arccosh",
    "arctanh",
    "exp",
    "exp2",
    "expm1",
    "square",
    "cbrt",
    "sign",
)

# {np} is the array module; {0}, {1} and {2} are variables or literals, which need no parentheses.
EXPRESSIONS: dict[str, str] = {
    **{name: f"{{np}}.{name}({{0}})" for name in _SAME_NAME},
    "exp10": "{np}.power(10.0, {0})",
    "log": "{np}.log({np}.abs({0}))",
    "log10": "{np}.log10({np}.abs({0}))",
    "log2": "{np}.log2({np}.abs({0}))",
    "log1p": "{np}.log({np}.abs(1 + {0}))",
    "sqrt": "{np}.sqrt({np}.abs({0}))",
    "cube": "{0} * {0} * {0}",
    "reciprocal": "1 / {0}",
    "negative": "-{0}",
    "norm": "{np}.sqrt({np}.sum({np}.square({0})))",
    "+": "{0} + {1}",
    "-": "{0} - {1}",
    "*": "{0} * {1}",
    "/": "{0} / ({1} + 1e-8)",
    "max": "{np}.maximum({0}, {1})",
    "min": "{np}.minimum({0}, {1})",
    "power": "{np}.power({0}, {1})",
    "interp": "(1 - {2}) * {0} + {2} * {1}",
}


# What is written otherwise, or of all leaves at once, where all arguments are single numbers.
OF_NUMBERS: dict[str, str] = {
    "norm": "abs({0})",
    "global_norm": "abs({0})",
    "dot": "{0} * {1}",
    "cosine_sim": "{0} * {1} / (abs({0}) * abs({1}))",
    "clip_by_global_norm": "{0} * {np}.minimum(1, {1} / abs({0}))",
}


@dataclass(frozen=True)
class Helper:
    """A function of all leaves at once: its source, and the helpers it calls. Arguments are lists of leaves."""

    source: str
    calls: tuple[str, ...] = ()


HELPERS: dict[str, Helper] = {
    "dot": Helper('''\
def dot(x, y):
    """The sum of x * y over all leaves."""
    return sum({np}.sum(a * b) for a, b in zip(x, y))
'''),
    "global_norm": Helper(
        '''\
def global_norm(x):
    """The L2 norm over all leaves."""
    return {np}.sqrt(dot(x, x))
''',
        ("dot",),
    ),
    "cosine_sim": Helper(
        '''\
def cosine_sim(x, y):
    """The cosine of the angle between two lists of leaves."""
    return dot(x, y) / (global_norm(x) * global_norm(y))
''',
        ("dot", "global_norm"),
    ),
    "clip_by_global_norm": Helper(
        '''\
def clip_by_global_norm(x, limit):
    """The leaves, scaled down where their global norm exceeds the limit."""
    factor = {np}.minimum(1, limit / global_norm(x))
    return [factor * leaf for leaf in x]
''',
        ("dot", "global_norm"),
    ),
}


@dataclass(frozen=True)
class Vocabulary:
    """What the functions are called in one framework.

    Attributes:
        module: the name of its array module in the exported text.
        expressions: for each function that works leaf by leaf, its source.
        helpers: for each function of all leaves, its source.
        of_numbers: the source of some functions where all their arguments are single numbers.
        with_number: the source of some functions where the second of their two arguments is no array.
        of_plain_numbers: functions whose source means the same on numbers of Python.
        limits_are_lists: whether the helper that clips takes one limit for each leaf.
    """

    module: str
    expressions: dict[str, str] = field(default_factory=lambda: EXPRESSIONS)
    helpers: dict[str, Helper] = field(default_factory=lambda: HELPERS)
    of_numbers: dict[str, str] = field(default_factory=lambda: OF_NUMBERS)
    with_number: dict[str, str] = field(default_factory=dict)
    of_plain_numbers: frozenset[str] = frozenset()
    limits_are_lists: bool = False
