"""What the exporters to Python share: a program as the lines of a function body over arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dsl.checker import check, result_type
from dsl.export.layout import literal
from dsl.export.names import rename
from dsl.export.vocabulary import Vocabulary
from dsl.functions import FUNCTIONS, Rule
from dsl.liveness import prune
from dsl.program import Argument, Program, Statement
from dsl.reference import apply
from dsl.types import SCALAR, TREE, Type

_LEAF_NAMES = ("x", "y", "z")
_OF_ALL_LEAVES = (Rule.WHOLE, Rule.PAIR, Rule.CLIP)


@dataclass(frozen=True)
class Body:
    """The live part of a program as the body of a function.

    Attributes:
        inputs: the weights, the gradient, the states and the learning rate, renamed.
        reads_weights: whether the old weights matter.
        reads_rate: whether the learning rate matters.
        leafwise: whether the body is for one leaf at a time: its variables are arrays. Otherwise a TREE or LEAFWISE
            is a list with one array or number for each leaf.
        statements: one line each, not indented.
        outputs: the update and the new states.
        helpers: source of each helper that the statements need.
    """

    inputs: tuple[str, ...]
    reads_weights: bool
    reads_rate: bool
    leafwise: bool
    statements: tuple[str, ...]
    outputs: tuple[str, ...]
    helpers: tuple[str, ...]

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states among the inputs."""
        return self.inputs[2:-1]

    @property
    def read_inputs(self) -> tuple[str, ...]:
        """The inputs, without the weights and the learning rate where they do not matter."""
        return self.inputs[0 if self.reads_weights else 1 : None if self.reads_rate else -1]


def translate(program: Program, vocabulary: Vocabulary, reserved: Iterable[str] = ()) -> Body:
    """Writes the live part of a program.

    Args:
        program: any program.
        vocabulary: of the framework.
        reserved: names that the exported text uses, besides those of the vocabulary.

    Raises:
        ProgramError: for a program that `dsl.check` does not accept.
    """
    check(program)
    program = _fold(prune(program))
    used = {statement.function for statement in program.statements}
    leafwise = not any(FUNCTIONS[name].rule in _OF_ALL_LEAVES for name in used)
    names = rename(program, {vocabulary.module, *vocabulary.helpers, *_LEAF_NAMES, *reserved})
    types: dict[str, Type] = dict.fromkeys(program.inputs, TREE)
    types[program.inputs[-1]] = SCALAR
    lines = []
    for target, function, arguments in program.statements:
        given = [types[a] if isinstance(a, str) else SCALAR for a in arguments]
        shown = [names[a] if isinstance(a, str) else literal(a) for a in arguments]
        lines.append(f"{names[target]} = {_expression(function, shown, given, leafwise, vocabulary)}")
        result = result_type(FUNCTIONS[function], given)
        assert result is not None, "check accepted the program"
        types[target] = result
    helpers = vocabulary.helpers
    needed = used.union(*(helpers[name].calls for name in used if name in helpers))
    read = _read_at_entry(program)
    return Body(
        inputs=tuple(names[name] for name in program.inputs),
        reads_weights=program.inputs[0] in read,
        reads_rate=program.inputs[-1] in read,
        leafwise=leafwise,
        statements=tuple(lines),
        outputs=tuple(names[name] for name in program.outputs),
        helpers=tuple(h.source.format(np=vocabulary.module) for name, h in helpers.items() if name in needed),
    )


def _expression(name: str, shown: list[str], given: list[Type], leafwise: bool, vocabulary: Vocabulary) -> str:
    """One call; `shown` are the names or literals of its arguments, `given` their types."""
    rule = FUNCTIONS[name].rule
    if rule in _OF_ALL_LEAVES:
        lists = [f"[{a}]" if t is SCALAR else a for a, t in zip(shown, given, strict=True)]
        if rule is not Rule.CLIP:
            return f"{name}({', '.join(lists)})"
        return f"{name}({lists[0]}, {shown[1]})" + ("[0]" if given[0] is SCALAR else "")
    # The norm of a single number is its absolute value.
    template = vocabulary.expressions["abs" if name == "norm" and given[0] is not TREE else name]
    lists = [] if leafwise else list(dict.fromkeys(a for a, t in zip(shown, given, strict=True) if t is not SCALAR))
    leaf = dict(zip(lists, _LEAF_NAMES, strict=False))
    expression = template.format(*(leaf.get(a, a) for a in shown), np=vocabulary.module)
    if not lists:
        return expression
    source = lists[0] if len(lists) == 1 else f"zip({', '.join(lists)})"
    return f"[{expression} for {', '.join(leaf.values())} in {source}]"


def _fold(program: Program) -> Program:
    """The program with its value, in float32, in the place of each variable that no input reaches.

    Such a value would be computed anew in every step, in NumPy in double precision, and 1 / 0 stops plain Python.
    """
    values: dict[str, float] = {}
    statements = []
    for target, function, given in program.statements:
        arguments: tuple[Argument, ...] = tuple(values.get(a, a) if isinstance(a, str) else a for a in given)
        constants = [np.float32(a) for a in arguments if not isinstance(a, str)]
        if len(constants) == len(arguments):
            with np.errstate(all="ignore"):
                values[target] = float(apply(function, constants, np.float32))
        else:
            values.pop(target, None)
            statements.append(Statement(target, function, arguments))
    return Program(program.inputs, tuple(statements), program.outputs)


def _read_at_entry(program: Program) -> set[str]:
    """The names that are read before they are assigned."""
    read: set[str] = set()
    assigned: set[str] = set()
    for statement in program.statements:
        read.update(a for a in statement.arguments if isinstance(a, str) and a not in assigned)
        assigned.add(statement.target)
    return read.union(name for name in program.outputs if name not in assigned)
