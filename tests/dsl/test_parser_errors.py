"""Reading programs: how everything that is none is refused."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from dsl.checker import check
from dsl.errors import ProgramError
from dsl.parser import MOST_CHARACTERS, MOST_STATEMENTS, parse
from dsl.program import Program, Statement


def body(*lines: str, signature: str = "w, g, m, lr") -> str:
    """A text with these lines as the body of train."""
    return "\n".join([f"def train({signature}):", *(f"  {line}" for line in lines)]) + "\n"


REFUSED: dict[str, tuple[Any, int, int | None, str]] = {
    # name: (text, line, column or None, part of the message)
    "a number instead of text": (5, 1, 1, "pass the text"),
    "nothing": (None, 1, 1, "pass the text"),
    "bytes": (b"def train(w, g, lr): return g", 1, 1, "pass the text"),
    "empty text": ("", 1, 1, "empty: write def train"),
    "white space": (" \n\t\n", 1, 1, "empty: write def train"),
    "comments only": ("# here\n# nothing", 1, 1, "write def train"),
    "a NUL byte": (body("x = w\0", "return x, m"), 2, 8, "remove it"),
    "half a surrogate pair": (body("x = w", "return \ud800, m"), 3, 10, "remove it"),
    "prose": ("please optimize this", 1, None, "write def train"),
    "a path": ("lion.py", 1, 1, "remove the line"),
    "an open parenthesis": (body("x = sqrt(w", "return x, m"), 2, 11, "never closed"),
    "an indented syntax error": ("\n    def train(w, g, lr):\n      x = w $ g\n      return x", 3, 13, "write def"),
    "a missing colon": ("def train(w, g, lr)\n  return g", 1, 20, "expected ':'"),
    "bad indentation": (body("x = w", "    y = x", "return x, m"), 3, None, "unexpected indent"),
    "no body": ("def train(w, g, lr):\n", 1, None, "expected an indented block"),
    "an import before": ("import os\n" + body("return g, m"), 1, 1, "remove this line"),
    "an import inside": (body("from os import path", "return g, m"), 2, 3, "remove this line"),
    "an assignment outside": ("x = 1\n" + body("return g, m"), 1, 1, "move this line"),
    "two functions": (body("return g, m") + body("return g, m"), 3, 1, "remove this one"),
    "an inner function": (body("def f(x): return x", "return g, m"), 2, 3, "remove this one"),
    "an async function": ("async " + body("return g, m"), 1, 1, "write def train"),
    "a class": ("class A: pass\n", 1, 1, "ClassDef is not allowed: write"),
    "another name": (body("return g, m").replace("train", "step"), 1, 1, "call it train"),
    "a decorator": ("@jit\n" + body("return g, m"), 1, 2, "remove it"),
    "a return annotation": (body("return g").replace(":", " -> float:"), 1, None, "remove ->"),
    "an annotated argument": (body("return g, m", signature="w, g: float, m, lr"), 1, 17, "write g"),
    "a default": (body("return g, m", signature="w, g, m, lr=0.1"), 1, 23, "in the body"),
    "a keyword default": (body("return g, m", signature="w, g, m, *, lr=0.1"), 1, 26, "in the body"),
    "star arguments": (body("return g", signature="w, g, *states"), 1, 18, "only plain arguments"),
    "double star arguments": (body("return g", signature="w, g, **states"), 1, 19, "only plain arguments"),
    "positional only arguments": (body("return g", signature="w, g, /, lr"), 1, 11, "only plain arguments"),
    "two equal arguments": (body("return g, m", signature="w, g, g, lr"), 1, 17, "rename"),
    "too few arguments": (body("return g", signature="w, g"), 1, 1, "write def train(w, g, lr)"),
    "no arguments": (body("return g", signature=""), 1, 1, "write def train(w, g, lr)"),
    "a lambda": (body("x = lambda y: y", "return x, m"), 2, 7, "Lambda is not allowed: write"),
    "a comprehension": (body("x = [y for y in w]", "return x, m"), 2, 7, "ListComp is not allowed: write"),
    "a generator": (body("x = sqrt(y for y in w)", "return x, m"), 2, 11, "GeneratorExp is not allowed: write"),
    "an f-string": (body("x = f'{w}'", "return x, m"), 2, 7, "JoinedStr is not allowed: write"),
    "a string": (body("x = 'w'", "return x, m"), 2, 7, "write a number"),
    "a string in the middle": (body("x = w", "'w'", "return x, m"), 3, 3, "remove the line"),
    "a boolean": (body("x = w * True", "return x, m"), 2, 11, "write a number"),
    "None": (body("x = None", "return g, m"), 2, 7, "write a number"),
    "a complex number": (body("x = w * 2j", "return x, m"), 2, 11, "write a number"),
    "an attribute": (body("x = np.sqrt(w)", "return x, m"), 2, 7, "write the bare name"),
    "an attribute target": (body("w.x = g", "return g, m"), 2, 3, "one name at a time"),
    "a subscript": (body("x = w[0]", "return x, m"), 2, 7, "remove [...]"),
    "a subscript target": (body("w[0] = g", "return g, m"), 2, 3, "one name at a time"),
    "a call of a call": (body("x = sqrt(w)(g)", "return x, m"), 2, 7, "is not allowed: write"),
    "a comparison": (body("x = w * (g > 0)", "return x, m"), 2, 12, "use sign"),
    "a boolean operation": (body("x = w and g", "return x, m"), 2, 7, "BoolOp is not allowed: write"),
    "not": (body("x = not w", "return x, m"), 2, 7, "the operators are"),
    "bitwise not": (body("x = ~w", "return x, m"), 2, 7, "the operators are"),
    "floor division": (body("x = w // g", "return x, m"), 2, 7, "the operators are"),
    "matrix product": (body("x = w @ g", "return x, m"), 2, 7, "the operators are"),
    "a conditional expression": (body("x = w if g else m", "return x, m"), 2, 7, "compute both"),
    "an if": (body("if w: x = g", "return x, m"), 2, 3, "compute both"),
    "a for": (body("for i in w: x = g", "return x, m"), 2, 3, "write out"),
    "a while": (body("while 1: x = g", "return x, m"), 2, 3, "write out"),
    "pass": (body("pass", "return g, m"), 2, 3, "Pass is not allowed: write"),
    "augmented assignment": (body("m += g", "return g, m"), 2, 3, "x = x + y"),
    "annotated assignment": (body("x: float = g", "return x, m"), 2, 3, "without the type"),
    "tuple assignment": (body("x, y = w, g", "return x, m"), 2, 3, "one name at a time"),
    "a chain of assignments": (body("x = y = g", "return x, m"), 2, 3, "one name at a time"),
    "a walrus": (body("x = (y := g)", "return x, m"), 2, 8, "NamedExpr is not allowed: write"),
    "an unused result": (body("sqrt(w)", "return g, m"), 2, 3, "write x = "),
    "a tuple": (body("x = (w, g)", "return x, m"), 2, 7, "Tuple is not allowed: write"),
    "a star": (body("x = sqrt(*w)", "return x, m"), 2, 12, "Starred is not allowed: write"),
    "a star in return": (body("return *g, m"), 2, 10, "Starred is not allowed: write"),
    "a keyword argument": (body("x = interp(w, g, a=0.9)", "return x, m"), 2, 22, "write interp(x, y, a)"),
    "a hidden name": (body("x = __import__('os').system('true')", "return x, m"), 2, 7, "two underscores"),
    "a hidden target": (body("__x = w", "return g, m"), 2, 3, "two underscores"),
    "a hidden argument": (body("return g", signature="w, g, __lr"), 1, 17, "two underscores"),
    "a long name": (body("x" * 101 + " = w", "return g, m"), 2, 3, "shorten it"),
    "eval": (body("x = eval('1')", "return x, m"), 2, 7, "unknown function 'eval'"),
    "an unknown function": (body("x = w + sqr(w)", "return x, m"), 2, 11, "did you mean 'sqrt'?"),
    "an unknown spelling": (body("x = interpolat(w, g, 0.9)", "return x, m"), 2, 7, "did you mean 'interpolate'?"),
    "a function like no other": (body("x = zzzz(w)", "return x, m"), 2, 7, "use one of those"),
    "too many operands": (body("x = sqrt(w, g)", "return x, m"), 2, 7, "write sqrt(x)"),
    "too few operands": (body("x = clip(w)", "return x, m"), 2, 7, "write clip(x, y)"),
    "operands of a constant": (body("x = get_pi(w)", "return x, m"), 2, 7, "write get_pi()"),
    "an unset variable": (body("update = g", "return updat, m"), 3, 10, "did you mean 'update'?"),
    "an unset variable like no other": (body("x = qqq * w", "return x, m"), 2, 7, "use one of w, g, m, lr"),
    "a variable set later": (body("x = y * w", "y = w", "return x, m"), 2, 7, "before it is set"),
    "a variable read in its own first line": (body("x = x + w", "return x, m"), 2, 7, "before it is set"),
    "a function as a variable": (body("x = w * sqrt", "return x, m"), 2, 11, "call it, sqrt(x)"),
    "an infinite float": (body("x = w * 1e999", "return x, m"), 2, 11, "write one below"),
    "a float beyond float32": (body("x = w * -3.5e38", "return x, m"), 2, 12, "write one below"),
    "an int beyond float32": (body(f"x = w * 1{'0' * 39}", "return x, m"), 2, 11, "write one below"),
    "an int beyond float64": (body(f"x = w * 1{'0' * 400}", "return x, m"), 2, 11, "write one below"),
    "an int beyond int": (body(f"x = w * 1{'0' * 5000}", "return x, m"), 2, None, "write one below"),
    "no return": (body("x = w"), 2, 3, "return is missing"),
    "only a docstring": (body("'''Nothing.'''"), 2, 3, "return is missing"),
    "an early return": (body("return g, m", "x = w"), 2, 3, "lines after return"),
    "an empty return": (body("return"), 2, 3, "return update, m"),
    "too few returned": (body("return g"), 2, 3, "return update, m"),
    "too many returned": (body("x = w", "return x, m, g"), 3, 3, "return update, m"),
    "a returned constant": (body("x = 0.5", "return x, m"), 3, 10, "shaped like the weights"),
    "a returned number": (body("return g, -1"), 2, 13, "shaped like the weights"),
    "a returned scalar": (body("x = global_norm(g)", "return x, m"), 3, 3, "shaped like the weights"),
    "types that do not fit": (body("x = w * g", "y = sqrt(dot(w, lr))", "return x, m"), 3, 12, "dot(TREE, SCALAR)"),
    "invert": (body("x = invert(w)", "return x, m"), 2, 7, "no meaning"),
    "types that do not fit, unicode": (body("é = w", "x = é * é + norm(dot(é, lr))", "return x, m"), 3, 20, "dot("),
    "types that do not fit, indented": ("   def train(w, g, lr):\n      x = clip(g, g)\n      return x", 2, 11, "clip"),
    "nested parentheses": (body(f"x = {'(' * 10000}w{')' * 10000}", "return x, m"), 2, None, "lines of their own"),
    "nested calls": (body(f"x = {'sqrt(' * 150}w{')' * 150}", "return x, m"), 2, None, "lines of their own"),
    "a long sum": (body(f"x = {'w + ' * 150}w", "return x, m"), 2, 7, "lines of their own"),
    "a very long sum": (body(f"x = {'w + ' * 50000}w", "return x, m"), 2, None, "lines of their own"),
    "nested signs": (body("y = w", f"x = {'-' * 100000}w", "return x, m"), 3, None, "lines of their own"),
    "nested powers": (body(f"x = w * {'9**' * 10000}9", "return x, m"), 2, None, "lines of their own"),
    "a long chain of attributes": (body(f"x = w{'.a' * 50000}", "return x, m"), 2, None, "lines of their own"),
    "too many statements": (body(*["x = w"] * (MOST_STATEMENTS + 1), "return x, m"), 10002, 3, "shorten"),
    "too many calls": (body(*["x = sqrt(sqrt(w))"] * 6000, "return x, m"), 5002, 12, "shorten"),
    "too much text": ("#" * (MOST_CHARACTERS + 1), 1, 1, "shorten"),
    "a tuple too large": (body("x = " + "w," * 140000 + " $"), 2, None, "write def"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_program_is_refused_with_its_place_and_a_repair(name):
    text, line, column, part = REFUSED[name]
    with pytest.raises(ProgramError) as caught:
        parse(text)
    error = caught.value
    assert error.line == line
    assert error.column == column or (column is None and error.column is not None and error.column >= 1)
    assert part in error.message
    assert str(error).startswith(f"line {line}, column {error.column}: ")


WINNER = """
    def train(w, g, m, v, lr):            # the winner, shortened
      g = clip(g, lr)
      m = interp(g, v, 0.899)
      v = interp(g, m, 1.109)
      abs_m = sqrt(m * m)
      update = m / abs_m + w * 0.4602
      lr = lr * 0.0002
      update = update * lr
      return update, m, v
"""


@pytest.mark.parametrize("seed", range(20))
def test_broken_texts_raise_nothing_but_program_errors(seed):
    rng = np.random.default_rng(seed)
    for _ in range(50):
        broken = list(WINNER)
        for _ in range(rng.integers(1, 5)):
            place = rng.integers(len(broken))
            broken[place : place + rng.integers(3)] = str(rng.choice(list("()=,:*-+.\n #'\"[]{}@!~\\\0é1")))
        text = "".join(broken)
        try:
            assert parse(str(parse(text))) == parse(text)
        except ProgramError as error:
            assert error.line in range(1, text.count("\n") + 2)
            assert error.column is not None and error.column >= 1


def test_text_is_never_executed(monkeypatch):
    ran = []
    monkeypatch.setattr("builtins.print", lambda *_: ran.append(True))
    for text in ("print(1)", body("x = print(w)", "return g, m"), body("return g", signature="w, g, lr=print()")):
        with pytest.raises(ProgramError):
            parse(text)
    assert ran == []


def test_the_error_of_a_program_without_text_names_the_statement():
    program = Program(("w", "g", "lr"), (Statement("x", "sqrt", ("w",)), Statement("y", "dot", ("x", "lr"))), ("x",))
    with pytest.raises(ProgramError, match="^statement 2: dot") as caught:
        check(program)
    assert (caught.value.statement, caught.value.line) == (1, None)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
