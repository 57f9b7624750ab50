"""Reads a program from its text (arXiv 2302.06675, section 2): Python's grammar, few of its nodes, nothing executed.

A nested expression becomes one statement for each call. There is no copy function: `x = y` and `x = 0.5` only change
what the name `x` stands for.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import math
import re
import textwrap
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dsl.checker import check, nearest
from dsl.errors import ProgramError
from dsl.functions import FUNCTIONS, SPELLINGS
from dsl.program import Argument, Program, Statement, to_constant

MOST_CHARACTERS = 200_000  # for as many of the worst kind Python itself takes half a second
MOST_BRACES = 1_000  # for each one in an f-string Python reads the whole string
MOST_STATEMENTS = 10_000
MOST_NESTING = 100
MOST_NAME = 100
MOST_HINTS = 200  # known names that a misspelt one is compared with

_SHAPE = "def train(w, g, m, v, lr): ..., with lines `x = sqrt(v)` and a final `return update, m, v`"
_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "power"}
_TOO_LARGE = "the constant is too large for float32: write one below 3.4e38"
_TOO_DEEP = f"the expression nests more than {MOST_NESTING} deep: give its inner parts lines of their own"
_NO_BRANCH = "branches are not allowed: compute both sides and combine them, say with sign, max and min"
_NO_LOOP = "loops are not allowed: write out each statement"
_NO_IMPORT = "imports are not allowed: the functions of the language are always there, remove this line"
_FORBIDDEN: dict[type[ast.AST], str] = {
    ast.Import: _NO_IMPORT,
    ast.ImportFrom: _NO_IMPORT,
    **dict.fromkeys((ast.For, ast.AsyncFor, ast.While), _NO_LOOP),
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), _NO_LOOP),
    **dict.fromkeys((ast.If, ast.IfExp, ast.Match), _NO_BRANCH),
    ast.AugAssign: "augmented assignment is not allowed: write x = x + y",
    ast.AnnAssign: "annotations are not allowed: write x = ... without the type",
    ast.FunctionDef: "a program is one function: remove this one",
    ast.AsyncFunctionDef: "async functions are not allowed: write def train(...)",
    ast.Expr: "the result of this line is not used: write x = ..., or remove the line",
    ast.Assign: "assignments stand in the body of train: move this line there",
    ast.Return: "return stands at the end of the body of train: move this line there",
    ast.Subscript: "subscripts are not allowed: a variable is used as a whole, remove [...]",
    ast.Compare: "comparisons are not allowed: use sign(x - y), max or min",
}
_WORDS: dict[type[ast.AST], str] = {  # what people call the rest
    ast.ClassDef: "a class",
    ast.Delete: "del",
    ast.With: "with",
    ast.AsyncWith: "async with",
    ast.Raise: "raise",
    ast.Try: "try",
    ast.TryStar: "try",
    ast.Assert: "assert",
    ast.Global: "global",
    ast.Nonlocal: "nonlocal",
    ast.Pass: "pass",
    ast.Break: "break",
    ast.Continue: "continue",
    ast.BoolOp: "and / or",
    ast.NamedExpr: "an assignment inside an expression",
    ast.Lambda: "lambda",
    ast.List: "a list [x, y]",
    ast.Tuple: "a tuple (x, y)",
    ast.Set: "a set {x, y}",
    ast.Dict: "a dictionary {x: y}",
    ast.Starred: "a star before a value",
    ast.JoinedStr: "an f-string",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.YieldFrom: "yield from",
}
_OTHER_OPERATORS: dict[type[ast.AST], str] = {
    ast.BitXor: "a power is x ** y, not x ^ y",
    ast.MatMult: "write dot(x, y) for x @ y",
    ast.FloorDiv: "write x / y, for nothing rounds",
    ast.Mod: "nothing gives a remainder",
}
_ELSEWHERE = {  # names of NumPy
    **{"pi": "get_pi", "e": "get_e", "eps": "get_eps", "maximum": "max", "minimum": "min"},
    **{"absolute": "abs", "neg": "negative", "ln": "log"},
    **{f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
}


def parse(text: str) -> Program:
    """The program that a text describes; the text is never executed.

    Args:
        text: one Python function `def train(w, g, states..., lr)` with any argument names, any number of states and
            any indentation: assignments of expressions of functions, `+ - * / **`, variables and numbers, and a final
            `return update, states...`. Comments and a docstring may stand in it.

    Returns:
        The program, one call for each statement: `parse(str(program)) == program`. The values of nested calls are
        named t1, t2, ..., without the names of the text; the other names are kept, but for those of copies.

    Raises:
        ProgramError: for anything else, with line, column and what to write instead; wrong types are found, too.

    >>> print(parse("def train(w, g, lr): return sign(g) * lr"), end="")
    def train(w, g, lr):
      t1 = sign(g)
      t2 = t1 * lr
      return t2
    """
    source = _Source.of(text)
    try:
        function = _find_function(source, source.tree())
        inputs = _read_signature(source, function)
        lines, final = _read_lines(source, function)
        body = _Body(source, inputs, _names(source, function))
        for line in lines:
            body.assign(line)
        outputs = body.outputs(final)
        program = Program(inputs, tuple(body.statements), outputs)
    except (RecursionError, MemoryError, SystemError):  # a SystemError where Python trips over its own MemoryError
        raise source.too_deep() from None
    try:
        check(program)
    except ProgramError as error:
        node = final if error.statement is None else body.nodes[error.statement]
        raise source.error(error.message, node) from None
    length = len(str(program))
    if length > MOST_CHARACTERS:  # nested calls and copies are printed at length, and what is printed must be read
        message = f"the program takes {length} characters to print: shorten it or its names to {MOST_CHARACTERS}"
        raise source.error(message, function)
    return program


@dataclass(frozen=True)
class _Source:
    """The text without its common indentation, and where in the original a node stands.

    Attributes:
        lines: without the common indentation.
        margin: the number of characters of the common indentation.
    """

    lines: list[str]
    margin: int

    @classmethod
    def of(cls, text: str) -> _Source:
        """Refuses what Python's parser does not take or would take too long for."""
        if not isinstance(text, str):
            raise ProgramError(f"a program is a str, not {type(text).__name__}: pass the text itself", 1, 1)
        if len(text) > MOST_CHARACTERS:
            raise ProgramError(f"the text has {len(text)} characters: shorten it to {MOST_CHARACTERS}", 1, 1)
        # Files written on other systems may start with a byte order mark and end their lines otherwise.
        text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        stray = re.search("[\0\ufeff\ud800-\udfff]", text)  # NUL, a mark inside, half of a surrogate pair
        if stray:
            raise _at(text, stray.start(), f"the character {stray.group()!r} is not text: remove it")
        if text.count("{") > MOST_BRACES:
            message = f"the text has more than {MOST_BRACES} braces, and a program needs none: remove them"
            raise _at(text, text.index("{"), message)
        original, lines = text.split("\n"), textwrap.dedent(text).split("\n")
        first = next((i for i, line in enumerate(original) if line.strip()), None)
        if first is None:
            raise ProgramError(f"the text is empty: write {_SHAPE}", 1, 1)
        return cls(lines, len(original[first]) - len(lines[first]))

    def tree(self) -> ast.Module:
        """Python's syntax tree of the text."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a docstring may hold backslashes
                # To quote a wrong line Python opens the file: by default one called `<unknown>`, with this name none.
                return ast.parse("\n".join(self.lines), filename="")
        except (SyntaxError, ValueError) as error:
            line = min(max(getattr(error, "lineno", None) or 1, 1), len(self.lines))
            column = max(getattr(error, "offset", None) or 1, 1) + self.margin
            reason = getattr(error, "msg", None) or str(error)
            message = f"not Python's syntax ({reason}): write {_SHAPE}"
            if "integer string conversion" in reason:  # Python does not say where
                digits = max(re.finditer(r"[\d_]*", self.lines[line - 1]), key=lambda found: len(found[0]))
                message, column = _TOO_LARGE, digits.start() + self.margin + 1
            elif "too many nested" in reason:
                message = _TOO_DEEP
            raise ProgramError(message, line, column) from None

    def error(self, message: str, node: ast.expr | ast.stmt | ast.arg) -> ProgramError:
        """An error that points at `node`."""
        # Python counts columns in bytes, people do not; within f-strings it may count wrongly.
        before = self.lines[node.lineno - 1].encode()[: node.col_offset].decode(errors="ignore")
        return ProgramError(message, node.lineno, len(before) + self.margin + 1)

    def too_deep(self, node: ast.expr | None = None) -> ProgramError:
        """The error for an expression that nests too deeply; without a node, on the longest line: Python tells none."""
        if node is not None:
            return self.error(_TOO_DEEP, node)
        longest = max(range(len(self.lines)), key=lambda i: len(self.lines[i]))
        return ProgramError(_TOO_DEEP, longest + 1, self.margin + 1)


def _at(text: str, index: int, message: str) -> ProgramError:
    """An error that points at a character of the text."""
    before = text[:index].split("\n")
    return ProgramError(message, len(before), len(before[-1]) + 1)


def _find_function(source: _Source, tree: ast.Module) -> ast.FunctionDef:
    function = None
    for node in _skip_docstring(tree.body):
        if not isinstance(node, ast.FunctionDef) or function is not None:
            raise _forbidden(source, node)
        function = node
    if function is None:
        raise ProgramError(f"the text has no function: write {_SHAPE}", 1, 1)
    if function.name != "train":
        raise source.error(f"the function is called {function.name[:MOST_NAME]!r}: call it train", function)
    if function.decorator_list:
        raise source.error("decorators are not allowed: remove it", function.decorator_list[0])
    if function.returns is not None:
        raise source.error("annotations are not allowed: remove -> ...", function.returns)
    if getattr(function, "type_params", None):  # Python 3.12 and later
        raise source.error("type parameters are not allowed: remove [...]", function)
    return function


def _skip_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    has_one = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return body[1:] if has_one else body


def _read_signature(source: _Source, function: ast.FunctionDef) -> tuple[str, ...]:
    given = function.args
    for default in (*given.defaults, *(d for d in given.kw_defaults if d is not None)):
        raise source.error("default values are not allowed: write the number in the body", default)
    for argument in (*given.posonlyargs, *given.kwonlyargs, given.vararg, given.kwarg):
        if argument is not None:
            raise source.error("only plain arguments are allowed: write def train(w, g, m, v, lr)", argument)
    names: dict[str, None] = {}
    for argument in given.args:
        if argument.annotation is not None:
            raise source.error(f"annotations are not allowed: write {argument.arg[:MOST_NAME]}", argument.annotation)
        if argument.arg in names:
            raise source.error(f"the argument {argument.arg[:MOST_NAME]!r} stands twice: rename one of them", argument)
        names[argument.arg] = None
    if len(names) < 3:
        raise source.error(
            f"train has {len(names)} arguments; it takes the weights, the gradient, any states and the learning rate:"
            " write def train(w, g, lr) or def train(w, g, m, v, lr)",
            function,
        )
    return tuple(names)


def _read_lines(source: _Source, function: ast.FunctionDef) -> tuple[list[ast.Assign], ast.Return]:
    """The statements of the body: assignments, then a return."""
    lines = _skip_docstring(function.body)
    if len(lines) > MOST_STATEMENTS + 1:
        raise source.error(f"more than {MOST_STATEMENTS} statements: shorten the program", lines[MOST_STATEMENTS])
    assignments = []
    for node in lines:
        if isinstance(node, ast.Assign):
            assignments.append(node)
        elif not isinstance(node, ast.Return):
            raise _forbidden(source, node)
        elif node is lines[-1]:
            return assignments, node
        else:
            raise source.error("there are lines after return: remove them, or this return", node)
    raise source.error("return is missing: end with `return update` and the states", function.body[-1])


def _names(source: _Source, function: ast.FunctionDef) -> set[str]:
    """All names in the text, checked."""
    names = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name | ast.arg):
            name = node.id if isinstance(node, ast.Name) else node.arg
            if name.startswith("__"):
                raise source.error("names may not start with two underscores: rename it", node)
            if keyword.iskeyword(name):  # in other letters: Python's parser takes a wide `if` for a name and narrows it
                raise source.error(f"{name!r} is a word of Python, in whatever letters: rename it", node)
            if len(name) > MOST_NAME:
                raise source.error(f"the name has {len(name)} characters: shorten it to {MOST_NAME}", node)
            names.add(name)
    return names


def _forbidden(source: _Source, node: ast.expr | ast.stmt) -> ProgramError:
    """The error for a part of Python that the language lacks."""
    message = _FORBIDDEN.get(type(node))
    if isinstance(node, ast.BinOp | ast.UnaryOp):
        repair = _OTHER_OPERATORS.get(type(node.op), "write the expression with them")
        message = f"the operators are + - * / **: {repair}"
    elif isinstance(node, ast.Attribute):
        name = _ELSEWHERE.get(node.attr, node.attr)
        known = name in FUNCTIONS or name in SPELLINGS
        repair = f", {_usage(name)}" if known else " of a variable or a function; `optsearch functions` lists those"
        message = f"attributes are not allowed: write the bare name{repair}"
    elif message is None:
        allowed = "assignments x = ... and one return of variables, numbers, + - * / ** and calls such as sqrt(x)"
        message = f"{_WORDS.get(type(node), 'this part of Python')} is not allowed: write {allowed}"
    return source.error(message, node)


class _Body:
    """The statements so far, and what each name of the text stands for.

    Attributes:
        statements: what the lines read so far compute.
        nodes: the expression that each statement comes from.
        meaning: for each name of the text, a variable of the program or a constant.
        holders: for each variable of the program, how many names of the text stand for it.
    """

    def __init__(self, source: _Source, inputs: tuple[str, ...], names: set[str]):
        self.source = source
        self.statements: list[Statement] = []
        self.nodes: list[ast.expr] = []
        self.meaning: dict[str, Argument] = {name: name for name in inputs}
        self.holders = Counter(inputs)
        self.fresh = _fresh_names(names)

    def assign(self, line: ast.Assign) -> None:
        """Reads `name = expression`."""
        target = line.targets[0]
        if len(line.targets) > 1 or not isinstance(target, ast.Name):
            raise self.source.error("assign to one name at a time: write x = ... on a line for each", target)
        result = self.read(line.value, target.id)
        before = self.meaning.get(target.id)
        if isinstance(before, str):
            self.holders[before] -= 1
        if isinstance(result, str):
            self.holders[result] += 1
        self.meaning[target.id] = result

    def outputs(self, line: ast.Return) -> tuple[str, ...]:
        """Reads `return update, states...`; the checker counts them."""
        values = line.value.elts if isinstance(line.value, ast.Tuple) else [line.value] if line.value else []
        names = []
        for value in values:
            result = self.read(value)
            if not isinstance(result, str):
                raise self.source.error(
                    "a constant is returned, but the update and the states must be shaped like the weights:"
                    " add it to a tree of zeros, such as x - x for a tree x",
                    value,
                )
            names.append(result)
        return tuple(names)

    def read(self, node: ast.expr, target: str | None = None, depth: int = 0) -> Argument:
        """Appends the statements of an expression, the last one for `target`; returns what holds the value."""
        if depth > MOST_NESTING:
            raise self.source.too_deep(node)
        if isinstance(node, ast.Constant):
            return self._constant(node)
        if isinstance(node, ast.Name):
            return self._variable(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd):
            return self.read(node.operand, target, depth + 1)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            operand = self.read(node.operand, None, depth + 1)
            if not isinstance(operand, str):
                return to_constant(-operand)
            return self._append(target, "negative", (operand,), node)
        function, operands = self._call(node)
        arguments = tuple(self.read(operand, None, depth + 1) for operand in operands)
        return self._append(target, function, arguments, node)

    def _append(self, target: str | None, function: str, arguments: tuple[Argument, ...], node: ast.expr) -> str:
        if len(self.statements) == MOST_STATEMENTS:
            raise self.source.error(f"more than {MOST_STATEMENTS} calls: shorten the program", node)
        # A variable that a copy still stands for may not be overwritten.
        if target is None or self.holders[target] > (self.meaning.get(target) == target):
            target = next(self.fresh)
        self.statements.append(Statement(target, function, arguments))
        self.nodes.append(node)
        return target

    def _constant(self, node: ast.Constant) -> float:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise self.source.error("only int and float constants are allowed: write a number, say 1.0", node)
        try:
            value = float(node.value)
        except OverflowError:
            value = math.inf
        with np.errstate(over="ignore"):
            constant = to_constant(value)
        if not math.isfinite(constant):
            raise self.source.error(_TOO_LARGE, node)
        return constant

    def _variable(self, node: ast.Name) -> Argument:
        if node.id in self.meaning:
            return self.meaning[node.id]
        if node.id in FUNCTIONS or node.id in SPELLINGS:
            raise self.source.error(f"{node.id!r} is a function: call it, {_usage(node.id)}", node)
        if node.id in _ELSEWHERE:
            repair = f"write {_usage(_ELSEWHERE[node.id])}, or set it on a line above"
            raise self.source.error(f"{node.id!r} is read before it is set: {repair}", node)
        known = list(self.meaning)[:MOST_HINTS]
        hint = nearest(node.id, known) or f": set it on a line above, or use one of {', '.join(known[:8])}"
        raise self.source.error(f"{node.id!r} is read before it is set{hint}", node)

    def _call(self, node: ast.expr) -> tuple[str, list[ast.expr]]:
        """The function that an operation or a call names, and its operands."""
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)], [node.left, node.right]
        if not isinstance(node, ast.Call):
            raise _forbidden(self.source, node)
        if isinstance(node.func, ast.Attribute):
            raise _forbidden(self.source, node.func)
        if not isinstance(node.func, ast.Name):
            message = "only the functions of the language can be called: write sqrt(x), or x * y for a product"
            raise self.source.error(message, node.func)
        name = node.func.id
        function = FUNCTIONS.get(SPELLINGS.get(name, name))
        if function is None:
            message = f"unknown function {name!r}; {_nearest(name)}`optsearch functions` lists all there are"
            raise self.source.error(message, node)
        if node.keywords:
            raise self.source.error(f"keyword arguments are not allowed: write {_usage(name)}", node.keywords[0].value)
        if len(node.args) != function.arity:
            raise self.source.error(
                f"{name} takes {function.arity} arguments, got {len(node.args)}: write {_usage(name)}", node
            )
        return function.name, node.args


def _nearest(name: str) -> str:
    """`did you mean 'x'? `, the function that a name was likely to be, or nothing."""
    known = [*FUNCTIONS, *SPELLINGS]
    # Below 0.7 chance decides: power would be near where, tan near mean.
    near = [_ELSEWHERE[name]] if name in _ELSEWHERE else difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f"did you mean {near[0]!r}? " if near else ""


def _usage(name: str) -> str:
    return FUNCTIONS[SPELLINGS.get(name, name)].usage(name)


def _fresh_names(taken: set[str]) -> Iterator[str]:
    """t1, t2, ... without the names taken."""
    number = 0
    while True:
        number += 1
        if f"t{number}" not in taken:
            yield f"t{number}"
