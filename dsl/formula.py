"""A program as formulas on one line, for lists and pictures: what is used once stands where it is used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from dsl.program import Argument, Program, Statement, expect_program, format_argument

MOST_NESTING = 20  # calls within calls that can still be read
MOST_LONGER = 2.0
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}
_ATOM = 3


@dataclass(frozen=True)
class _Text:
    """An expression, how tightly it holds together, the variables that it reads, and how deep it nests."""

    shown: str
    precedence: int = _ATOM
    reads: frozenset[str] = frozenset()
    depth: int = 0

    def within(self, least: int) -> str:
        """In parentheses where it holds together less than what is around it asks for."""
        return self.shown if self.precedence >= least else f"({self.shown})"


def formula(program: Program) -> str:
    """The program in the language itself, joined by `; `: it reads back as a program that computes the same.

    The update stands first and then the states, each from what a step is given, where these formulas mean the same in
    turn and are not much longer than the statements in their order. The return is left out where it says no more than
    that `update` is the update and that states keep their names. Operands keep their order.

    Args:
        program: any program.

    >>> import dsl
    >>> formula(dsl.optimizers["lion"])
    'update = (sign(interp(g, m, 0.9)) + w * 0.1) * (lr * 1e-04); m = interp(g, m, 0.99)'
    """
    expect_program(program)
    lines = [f"{target} = {text.shown}" for target, text in _lines(program.statements, program.outputs)]
    if program.outputs != ("update", *program.states):
        lines.append(f"return {', '.join(program.outputs)}")
    in_order = "; ".join(lines)
    parts = _parts(program)
    if "update" not in program.states and _in_turn(program, parts):
        names = ("update", *program.states)
        in_turn = "; ".join(f"{name} = {text.shown}" for name, ((_, text),) in zip(names, parts, strict=True))
        if len(in_turn) <= MOST_LONGER * len(in_order):
            return in_turn
    return in_order


def formulas(program: Program) -> dict[str, str]:
    """What the update and each new state are, from what a step is given: "update" or the state's name -> formula.

    Of what is used more than once, `name = formula; ` stands before. Beside a state of that name the update is called
    `update_`.

    Args:
        program: any program.

    >>> import dsl
    >>> formulas(dsl.simplify(dsl.optimizers["rmsprop"]))["v"]
    'interp(square(g), v, 0.9)'
    """
    expect_program(program)
    update = "update" if "update" not in program.states else "update_"
    found = {}
    for name, (*before, (_, text)) in zip((update, *program.states), _parts(program), strict=True):
        found[name] = "; ".join([*(f"{target} = {given.shown}" for target, given in before), text.shown])
    return found


def _parts(program: Program) -> list[list[tuple[str, _Text]]]:
    """For each output the lines that lead to it alone."""
    return [
        _lines(_needed(program.statements, output), (output,)) or [(output, _argument(output, {}))]
        for output in program.outputs
    ]


def _in_turn(program: Program, parts: Sequence[Sequence[tuple[str, _Text]]]) -> bool:
    """Whether each output is one formula, and none reads a state that was set before it."""
    if any(len(lines) > 1 for lines in parts):
        return False
    reads = [lines[0][1].reads for lines in parts[1:]]
    return not any(state in later for place, state in enumerate(program.states) for later in reads[place + 1 :])


def _needed(statements: Sequence[Statement], output: str) -> list[Statement]:
    """The statements that an output needs."""
    needed: set[Argument] = {output}
    kept = []
    for statement in reversed(statements):
        if statement.target in needed:
            kept.append(statement)
            needed = needed - {statement.target} | set(statement.arguments)
    return kept[::-1]


def _lines(statements: Sequence[Statement], outputs: Sequence[str]) -> list[tuple[str, _Text]]:
    """(target, expression) of each statement whose result does not stand where it is used."""
    users = _users(statements, outputs)
    known: dict[str, _Text] = {}  # what is written where a variable is used, if that is not its name
    lines = []
    for index, statement in enumerate(statements):
        text = _call(statement, [_argument(argument, known) for argument in statement.arguments])
        if _moves(statements, index, users[index], text):
            known[statement.target] = text
        else:
            lines.append((statement.target, text))
            known.pop(statement.target, None)
    return lines


def _users(statements: Sequence[Statement], outputs: Sequence[str]) -> dict[int, list[int]]:
    """Statement -> the statements that use its result, once for each use; an output has the number after the last."""
    users: dict[int, list[int]] = defaultdict(list)
    current: dict[Argument, int] = {}
    for index, statement in enumerate(statements):
        for argument in statement.arguments:
            if argument in current:
                users[current[argument]].append(index)
        current[statement.target] = index
    for output in outputs:
        if output in current:
            users[current[output]].append(len(statements))
    return users


def _moves(statements: Sequence[Statement], index: int, users: list[int], text: _Text) -> bool:
    """Whether the text of a statement may stand where its result is used: its variables mean the same there."""
    if len(users) != 1 or users[0] == len(statements) or text.depth >= MOST_NESTING or not text.reads:
        return False
    return text.reads.isdisjoint(other.target for other in statements[index + 1 : users[0]])


def _argument(argument: Argument, known: dict[str, _Text]) -> _Text:
    if isinstance(argument, str):
        return known.get(argument, _Text(argument, reads=frozenset([argument])))
    return _Text(format_argument(argument))


def _call(statement: Statement, given: list[_Text]) -> _Text:
    name = statement.function
    reads, depth = frozenset[str]().union(*(text.reads for text in given)), 1 + max((t.depth for t in given), default=0)
    if name not in _PRECEDENCE:
        return _Text(f"{name}({', '.join(text.shown for text in given)})", reads=reads, depth=depth)
    precedence = _PRECEDENCE[name]
    left, right = given[0].within(precedence), given[1].within(precedence + 1)
    return _Text(f"{left} {name} {right}", precedence, reads, depth)
