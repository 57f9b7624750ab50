"""Abstract execution, first pass: the type of every variable, or the error (arXiv 2302.06675, section 2.2)."""

from __future__ import annotations

import difflib

from dsl.errors import ProgramError
from dsl.functions import FUNCTIONS, Function, Rule
from dsl.program import Program, Statement
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
    types: dict[str, Type] = dict.fromkeys(program.inputs, TREE)
    types[program.inputs[-1]] = SCALAR
    for index, statement in enumerate(program.statements):
        types[statement.target] = _result(statement, types, index)
    if len(program.outputs) != len(program.states) + 1:
        raise ProgramError(
            f"returns {len(program.outputs)} values for an update and {len(program.states)} states:"
            f" return {', '.join(['update', *program.states])};"
            f" the last argument, {program.inputs[-1]}, is the learning rate"
        )
    for name in program.outputs:
        if types.get(name) is not TREE:
            found = f"is a {types[name].name}" if name in types else "was never set"
            raise ProgramError(
                f"the output {name!r} {found}: the update and the states must be shaped like the weights"
            )
    return types


def is_valid(program: Program) -> bool:
    """Whether `check` accepts the program, without the words: what a search asks of every proposal."""
    types: dict[str, Type] = dict.fromkeys(program.inputs, TREE)
    types[program.inputs[-1]] = SCALAR
    for target, name, arguments in program.statements:
        function = FUNCTIONS.get(name)
        given = [types.get(a) if isinstance(a, str) else SCALAR for a in arguments]
        if function is None or len(given) != function.arity or None in given:
            return False
        result = result_type(function, given)  # type: ignore[arg-type]
        if result is None:
            return False
        types[target] = result
    complete = len(program.outputs) == len(program.states) + 1
    return complete and all(types.get(name) is TREE for name in program.outputs)


def _result(statement: Statement, types: dict[str, Type], index: int) -> Type:
    function = FUNCTIONS.get(statement.function)
    if function is None:
        hint = nearest(statement.function, FUNCTIONS) or ": use one of dsl.functions.FUNCTIONS"
        raise ProgramError(f"unknown function {statement.function!r}{hint}", statement=index)
    if len(statement.arguments) != function.arity:
        raise ProgramError(
            f"{function.name} takes {function.arity} arguments, got {len(statement.arguments)}", statement=index
        )
    given = []
    for argument in statement.arguments:
        if isinstance(argument, str):
            if argument not in types:
                hint = nearest(argument, types) or f": set it before, or use one of {', '.join(list(types)[:8])}"
                raise ProgramError(f"{argument!r} is read before it is set{hint}", statement=index)
            given.append(types[argument])
        else:
            given.append(SCALAR)
    result = result_type(function, given)
    if result is None:
        shown = ", ".join(t.name for t in given)
        raise ProgramError(f"{function.name}({shown}) has no meaning; it takes {function.rule.value}", statement=index)
    return result


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


def nearest(name: str, known) -> str:
    """`, did you mean 'x'?` for the nearest known name, or nothing."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""
