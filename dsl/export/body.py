"""What the exporters to Python share: a program as the lines of a function body over arrays."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from dsl.checker import check, result_type
from dsl.export.layout import literal
from dsl.export.names import rename
from dsl.export.parameters import BETA, LEARNING_RATE, WEIGHT_DECAY, find
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
        program: the live part, with the names that the text has, and with names for its hyper-parameters.
        types: of its variables, those of the arguments of each statement.
        learning_rate: its default; None if the last input is a factor of it, from a schedule with peak 1.
        betas: name -> default of the weight of the past in each average.
        weight_decay: its default; None if there is none.
        reads_weights: whether the old weights matter.
        reads_gradient: whether the gradient does.
        reads_rate: whether the learning rate matters.
        plain_rate: whether the learning rate may be a number of Python; else functions of arrays are called on it.
        leafwise: whether the body is for one leaf at a time: its variables are arrays. Otherwise a TREE or LEAFWISE
            is a list with one array or number for each leaf.
        statements: one line each, not indented.
        helpers: source of each helper that the statements need.
    """

    program: Program
    types: tuple[tuple[Type, ...], ...]
    learning_rate: float | None
    betas: dict[str, float]
    weight_decay: float | None
    reads_weights: bool
    reads_gradient: bool
    reads_rate: bool
    plain_rate: bool
    leafwise: bool
    statements: tuple[str, ...]
    helpers: tuple[str, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The weights, the gradient, the states and the learning rate."""
        return self.program.inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        """The update and the new states."""
        return self.program.outputs

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states among the inputs."""
        return self.program.states

    @property
    def rate(self) -> str:
        """Name of the learning rate, or of its factor."""
        return self.inputs[-1]

    @property
    def read_inputs(self) -> tuple[str, ...]:
        """The inputs, without the weights and the learning rate where they do not matter."""
        return self.inputs[0 if self.reads_weights else 1 : None if self.reads_rate else -1]


@dataclass(frozen=True)
class _Operand:
    """A variable or constant.

    Attributes:
        text: its name, or a literal.
        type: in the program.
        listed: whether it is a list with one item for each leaf.
        plain: whether no array went into it: it is computed from constants and hyper-parameters.
        constant: whether it is a constant.
    """

    text: str
    type: Type
    listed: bool = False
    plain: bool = False
    constant: bool = False


def translate(
    program: Program,
    vocabulary: Vocabulary,
    reserved: Iterable[str] = (),
    rate: str = "lr",
    beta: str = "beta",
    per_leaf: Collection[str] = (),
) -> Body:
    """Writes the live part of a program.

    Args:
        program: any program.
        vocabulary: of the framework.
        reserved: names that the exported text uses, besides those of the vocabulary.
        rate: what a learning rate is called that was found.
        beta: what the betas are called, before their numbers.
        per_leaf: which of LEARNING_RATE, BETA and WEIGHT_DECAY are lists, with one number for each leaf, in a body
            that is not leafwise.

    Raises:
        ProgramError: for a program that `dsl.check` does not accept.
    """
    check(program)
    found = find(_fold(prune(program)))
    betas = {f"{beta}{i}": value for i, value in enumerate(found.betas, 1)}
    public = {f"{BETA}{i}": name for i, name in enumerate(betas, 1)}
    public |= {} if found.learning_rate is None else {LEARNING_RATE: rate}
    public |= {} if found.weight_decay is None else {WEIGHT_DECAY: "weight_decay"}
    taken = {vocabulary.module, *vocabulary.helpers, *_LEAF_NAMES, *reserved, *public.values()}
    live = _with_names(found.program, rename(found.program, taken) | public)
    types = _types(live)
    calls = [(s.function, given) for s, given in zip(live.statements, types, strict=True)]
    whole = {name for name, given in calls if _is_whole(name, given)}
    lists = {LEARNING_RATE: {live.inputs[-1]}, BETA: set(betas), WEIGHT_DECAY: {"weight_decay"}}
    listed = set[str]().union(*(lists[key] for key in per_leaf)) if whole else set()
    operands = {name: _Operand(name, TREE, listed=bool(whole)) for name in live.inputs[:-1]}
    numbers = (live.inputs[-1], *public.values())
    operands |= {name: _Operand(name, SCALAR, listed=name in listed, plain=True) for name in numbers}
    lines, plain_rate = [], True
    for target, function, arguments in live.statements:
        given = [operands[a] if isinstance(a, str) else _constant(a) for a in arguments]
        lines.append(f"{target} = {_expression(function, given, vocabulary)}")
        plain = all(operand.plain for operand in given)
        plain_rate &= not plain or function in vocabulary.of_plain_numbers
        reduced = _is_whole(function, [o.type for o in given]) and FUNCTIONS[function].rule is not Rule.CLIP
        spread = any(operand.listed for operand in given) and not reduced
        operands[target] = _Operand(target, _result(function, [o.type for o in given]), spread, plain)
    helpers = vocabulary.helpers
    needed = whole.union(*(helpers[name].calls for name in whole))
    read = _read_at_entry(live)
    return Body(
        program=live,
        types=types,
        learning_rate=found.learning_rate,
        betas=betas,
        weight_decay=found.weight_decay,
        reads_weights=live.inputs[0] in read,
        reads_gradient=live.inputs[1] in read,
        reads_rate=live.inputs[-1] in read,
        plain_rate=plain_rate,
        leafwise=not whole,
        statements=tuple(lines),
        helpers=tuple(h.source.format(np=vocabulary.module) for name, h in helpers.items() if name in needed),
    )


def _expression(name: str, given: list[_Operand], vocabulary: Vocabulary) -> str:
    """One call."""
    shown = [operand.text for operand in given]
    rule = FUNCTIONS[name].rule
    if _is_whole(name, [operand.type for operand in given]):
        if rule is Rule.CLIP and vocabulary.limits_are_lists and not given[1].listed:
            shown[1] = f"[{shown[1]}] * len({shown[0]})"
        return f"{name}({', '.join(shown)})"
    template = vocabulary.expressions.get(name)
    if all(operand.type is SCALAR for operand in given):
        template = vocabulary.of_numbers.get(name, template)
    if name in vocabulary.with_number:
        first, second = sorted(given, key=lambda operand: (operand.constant, operand.plain))
        if second.constant or (second.plain and not first.plain):
            template, shown = vocabulary.with_number[name], [first.text, second.text]
    assert template is not None, f"there is no expression for {name}"
    lists = list(dict.fromkeys(operand.text for operand in given if operand.listed))
    leaf = dict(zip(lists, _LEAF_NAMES, strict=False))
    expression = template.format(*(leaf.get(text, text) for text in shown), np=vocabulary.module)
    if not lists:
        return expression
    source = lists[0] if len(lists) == 1 else f"zip({', '.join(lists)})"
    return f"[{expression} for {', '.join(leaf.values())} in {source}]"


def _is_whole(name: str, given: Collection[Type]) -> bool:
    """Whether a call is of all leaves at once; of a single number, none is."""
    return FUNCTIONS[name].rule in _OF_ALL_LEAVES and next(iter(given)) is not SCALAR


def _result(name: str, given: list[Type]) -> Type:
    result = result_type(FUNCTIONS[name], given)
    assert result is not None, "check accepted the program"
    return result


def _types(program: Program) -> tuple[tuple[Type, ...], ...]:
    """The types of the arguments of each statement; what is no tree at entry is a number."""
    types: dict[str, Type] = dict.fromkeys(program.inputs[:-1], TREE)
    found = []
    for target, function, arguments in program.statements:
        found.append(tuple(types.get(a, SCALAR) if isinstance(a, str) else SCALAR for a in arguments))
        types[target] = _result(function, list(found[-1]))
    return tuple(found)


def _constant(value: float) -> _Operand:
    return _Operand(literal(value), SCALAR, plain=True, constant=True)


def _with_names(program: Program, names: dict[str, str]) -> Program:
    """The program with other names for its variables."""
    return Program(
        tuple(names[name] for name in program.inputs),
        tuple(
            Statement(names[s.target], s.function, tuple(names[a] if isinstance(a, str) else a for a in s.arguments))
            for s in program.statements
        ),
        tuple(names[name] for name in program.outputs),
    )


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
