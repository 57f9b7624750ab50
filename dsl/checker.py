"""Abstract execution, first pass: the type of every variable, or the error (arXiv 2302.06675, section 2.2)."""

from __future__ import annotations

import difflib
from itertools import product

from dsl.errors import ProgramError
from dsl.functions import FUNCTIONS, Function, Rule
from dsl.program import Program, Statement, expect_program
from dsl.types import SCALAR, TREE, Type


def check(program: Program) -> dict[str, Type]:
    """Types every statement, dead ones too, and the outputs.

    Args:
        program: any program, of any origin.

    Returns:
        The type of each variable at the end of the program.

    Raises:
        ProgramError: for an unknown function, a wrong number of arguments, a variable read before it is set,
            argument types the function does not take, or an update or state that is not a TREE.
    """
    expect_program(program)
    types, typed = _types(program)
    if typed < len(program.statements):
        raise _refusal(program.statements[typed], types, typed)
    if len(program.outputs) != len(program.states) + 1:
        raise ProgramError(
            f"returns {len(program.outputs)} values for an update and {len(program.states)} states:"
            f" return {', '.join(['update', *program.states[:8]])}{', ...' * (len(program.states) > 8)};"
            f" the last argument, {program.inputs[-1]}, is the learning rate"
        )
    for name in program.outputs:
        if types.get(name) is not TREE:
            found, repair = "was never set", ""
            if name in types:
                found = f"is a {types[name].name}"
                tree = next((n for n in program.inputs if types[n] is TREE), None)
                repair = f"; add it to a tree of zeros, {tree} - {tree}" if tree else ""
            raise ProgramError(
                f"the output {name!r} {found}: the update and the states must be shaped like the weights{repair}"
            )
    return types


def is_valid(program: Program) -> bool:
    """Whether `check` accepts the program, without the words: what a search asks of every proposal."""
    types, typed = _types(program)
    outputs = program.outputs
    complete = typed == len(program.statements) and len(outputs) == len(program.inputs) - 2
    return complete and all([types.get(name) is TREE for name in outputs])


def _types(program: Program) -> tuple[dict[str, Type], int]:
    """The types of the variables, and how many statements could be typed."""
    inputs = program.inputs
    types: dict[str, Type] = dict.fromkeys(inputs, TREE)
    types[inputs[-1]] = SCALAR
    for index, (target, name, arguments) in enumerate(program.statements):
        result = RESULTS.get((name, *[types.get(a) if a.__class__ is str else SCALAR for a in arguments]))  # type: ignore
        if result is None:
            return types, index
        types[target] = result
    return types, len(program.statements)


def _refusal(statement: Statement, types: dict[str, Type], index: int) -> ProgramError:
    """What is wrong with a statement that has no type, and how to mend it."""
    function = FUNCTIONS.get(statement.function)
    if function is None:
        hint = nearest(statement.function, FUNCTIONS) or ": use one of dsl.functions.FUNCTIONS"
        return ProgramError(f"unknown function {statement.function!r}{hint}", statement=index)
    if len(statement.arguments) != function.arity:
        return ProgramError(
            f"{function.name} takes {function.arity} arguments, got {len(statement.arguments)}", statement=index
        )
    for argument in statement.arguments:
        if isinstance(argument, str) and argument not in types:
            hint = nearest(argument, types) or f": set it before, or use one of {', '.join(list(types)[:8])}"
            return ProgramError(f"{argument!r} is read before it is set{hint}", statement=index)
    shown = ", ".join([types[a].name if isinstance(a, str) else SCALAR.name for a in statement.arguments])
    return ProgramError(f"{function.name}({shown}) has no meaning; it takes {function.rule.value}", statement=index)


def result_type(function: Function, given: list[Type]) -> Type | None:
    """The type of `function` on arguments of these types, or None where the rule forbids them."""
    rule = function.rule
    if rule is Rule.ELEMENTWISE:
        return max(given, default=SCALAR)
    if rule is Rule.NORM:
        return min(given[0], Type.LEAFWISE)
    if rule is Rule.WHOLE:
        return SCALAR
    if rule is Rule.PAIR:
        return SCALAR if given[0] is given[1] else None
    if rule is Rule.CLIP:
        return given[0] if given[1] is SCALAR else None
    return None


# (function, type of each argument) -> type of the result, for what has a meaning.
RESULTS: dict[tuple[str | Type, ...], Type] = {
    (function.name, *given): result
    for function in FUNCTIONS.values()
    for given in product(Type, repeat=function.arity)
    if (result := result_type(function, list(given))) is not None
}


def nearest(name: str, known) -> str:
    """`, did you mean 'x'?` for the nearest known name, or nothing."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""
