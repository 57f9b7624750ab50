"""Reading programs: how mistakes are refused; `test_parser_hostile.py` has the attacks."""

from __future__ import annotations

import ast
import pickle
import re
from typing import Any

import numpy as np
import pytest

from dsl.checker import check
from dsl.errors import ProgramError
from dsl.functions import FUNCTIONS, SPELLINGS
from dsl.parser import MOST_CHARACTERS, MOST_STATEMENTS, parse
from dsl.program import Program, Statement
from dsl.types import TREE


def body(*lines: str, signature: str = "w, g, m, lr") -> str:
    """A text with these lines as the body of train."""
    return "\n".join([f"def train({signature}):", *(f"  {line}" for line in lines)]) + "\n"


REFUSED: dict[str, tuple[Any, int, int | None, str]] = {
    # name: (text, line, column or None where it is for Python to say, part of the message)
    "a number instead of text": (5, 1, 1, "pass the text"),
    "nothing": (None, 1, 1, "pass the text"),
    "bytes": (b"def train(w, g, lr): return g", 1, 1, "pass the text"),
    "empty text": ("", 1, 1, "empty: write def train"),
    "white space": (" \n\t\n", 1, 1, "empty: write def train"),
    "comments only": ("# here\n# nothing", 1, 1, "write def train"),
    "a NUL byte": (body("x = w\0", "return x, m"), 2, 8, "remove it"),
    "half a surrogate pair": (body("x = w", "return \ud800, m"), 3, 10, "remove it"),
    "prose": ("please optimize this", 1, 8, "write def train"),
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
    "a class": ("class A: pass\n", 1, 1, "a class is not allowed: write"),
    "another name": (body("return g, m").replace("train", "step"), 1, 1, "call it train"),
    "a decorator": ("@jit\n" + body("return g, m"), 1, 2, "remove it"),
    "a return annotation": (body("return g").replace(":", " -> float:"), 1, 27, "remove ->"),
    "an annotated argument": (body("return g, m", signature="w, g: float, m, lr"), 1, 17, "write g"),
    "a default": (body("return g, m", signature="w, g, m, lr=0.1"), 1, 23, "in the body"),
    "a keyword default": (body("return g, m", signature="w, g, m, *, lr=0.1"), 1, 26, "in the body"),
    "star arguments": (body("return g", signature="w, g, *states"), 1, 18, "only plain arguments"),
    "double star arguments": (body("return g", signature="w, g, **states"), 1, 19, "only plain arguments"),
    "positional only arguments": (body("return g", signature="w, g, /, lr"), 1, 11, "only plain arguments"),
    "two equal arguments": (body("return g, m", signature="w, g, g, lr"), 1, 17, "rename"),
    "too few arguments": (body("return g", signature="w, g"), 1, 1, "write def train(w, g, lr)"),
    "no arguments": (body("return g", signature=""), 1, 1, "write def train(w, g, lr)"),
    "a lambda": (body("x = lambda y: y", "return x, m"), 2, 7, "lambda is not allowed: write"),
    "a comprehension": (body("x = [y for y in w]", "return x, m"), 2, 7, "write out"),
    "a generator": (body("x = sqrt(y for y in w)", "return x, m"), 2, 11, "write out"),
    "an f-string": (body("x = f'{w}'", "return x, m"), 2, 7, "an f-string is not allowed: write"),
    "a string": (body("x = 'w'", "return x, m"), 2, 7, "write a number"),
    "a string in the middle": (body("x = w", "'w'", "return x, m"), 3, 3, "remove the line"),
    "a boolean": (body("x = w * True", "return x, m"), 2, 11, "write a number"),
    "None": (body("x = None", "return g, m"), 2, 7, "write a number"),
    "a complex number": (body("x = w * 2j", "return x, m"), 2, 11, "write a number"),
    "an attribute": (body("x = np.sqrt(w)", "return x, m"), 2, 7, "write the bare name"),
    "an attribute target": (body("w.x = g", "return g, m"), 2, 3, "one name at a time"),
    "a subscript": (body("x = w[0]", "return x, m"), 2, 7, "remove [...]"),
    "a subscript target": (body("w[0] = g", "return g, m"), 2, 3, "one name at a time"),
    "a call of a call": (body("x = sqrt(w)(g)", "return x, m"), 2, 7, "can be called: write sqrt(x)"),
    "a comparison": (body("x = w * (g > 0)", "return x, m"), 2, 12, "use sign"),
    "a boolean operation": (body("x = w and g", "return x, m"), 2, 7, "and / or is not allowed: write"),
    "not": (body("x = not w", "return x, m"), 2, 7, "the operators are"),
    "bitwise not": (body("x = ~w", "return x, m"), 2, 7, "the operators are"),
    "floor division": (body("x = w // g", "return x, m"), 2, 7, "write x / y"),
    "matrix product": (body("x = w @ g", "return x, m"), 2, 7, "the operators are + - * / **: write dot(x, y)"),
    "a conditional expression": (body("x = w if g else m", "return x, m"), 2, 7, "compute both"),
    "an if": (body("if w: x = g", "return x, m"), 2, 3, "compute both"),
    "a for": (body("for i in w: x = g", "return x, m"), 2, 3, "write out"),
    "a while": (body("while 1: x = g", "return x, m"), 2, 3, "write out"),
    "pass": (body("pass", "return g, m"), 2, 3, "pass is not allowed: write"),
    "augmented assignment": (body("m += g", "return g, m"), 2, 3, "x = x + y"),
    "annotated assignment": (body("x: float = g", "return x, m"), 2, 3, "without the type"),
    "tuple assignment": (body("x, y = w, g", "return x, m"), 2, 3, "one name at a time"),
    "a chain of assignments": (body("x = y = g", "return x, m"), 2, 3, "one name at a time"),
    "a walrus": (body("x = (y := g)", "return x, m"), 2, 8, "an assignment inside an expression is not allowed: write"),
    "an unused result": (body("sqrt(w)", "return g, m"), 2, 3, "write x = "),
    "a tuple": (body("x = (w, g)", "return x, m"), 2, 7, "a tuple (x, y) is not allowed: write"),
    "a star": (body("x = sqrt(*w)", "return x, m"), 2, 12, "a star before a value is not allowed: write"),
    "a star in return": (body("return *g, m"), 2, 10, "a star before a value is not allowed: write"),
    "a keyword argument": (body("x = interp(w, g, a=0.9)", "return x, m"), 2, 22, "write interp(x, y, a)"),
    "a hidden name": (body("x = __import__('os').system('true')", "return x, m"), 2, 7, "two underscores"),
    "a hidden target": (body("__x = w", "return g, m"), 2, 3, "two underscores"),
    "a hidden argument": (body("return g", signature="w, g, __lr"), 1, 17, "two underscores"),
    "a long name": (body("x" * 101 + " = w", "return g, m"), 2, 3, "shorten it"),
    "eval": (body("x = eval('1')", "return x, m"), 2, 7, "unknown function 'eval'"),
    "an unknown function": (body("x = w + sqr(w)", "return x, m"), 2, 11, "did you mean 'sqrt'?"),
    "an unknown spelling": (body("x = interpolat(w, g, 0.9)", "return x, m"), 2, 7, "did you mean 'interpolate'?"),
    "a function like no other": (body("x = zzzz(w)", "return x, m"), 2, 7, "'zzzz'; `optsearch functions` lists all"),
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
    "an int beyond int": (body(f"x = w * 1{'0' * 5000}", "return x, m"), 2, 11, "write one below"),
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
    "nested calls": (body(f"x = {'sqrt(' * 150}w{')' * 150}", "return x, m"), 2, 512, "lines of their own"),
    "a long sum": (body(f"x = {'w + ' * 150}w", "return x, m"), 2, 7, "lines of their own"),
    "a very long sum": (body(f"x = {'w + ' * 40_000}w", "return x, m"), 2, None, "lines of their own"),
    "nested signs": (body("y = w", f"x = {'-' * 100000}w", "return x, m"), 3, None, "lines of their own"),
    "nested powers": (body(f"x = w * {'9**' * 10000}9", "return x, m"), 2, None, "lines of their own"),
    "a long chain of attributes": (body(f"x = w{'.a' * 50000}", "return x, m"), 2, None, "lines of their own"),
    "too many statements": (body(*["x = w"] * (MOST_STATEMENTS + 1), "return x, m"), 10002, 3, "shorten"),
    "too many calls": (body(*["x = sqrt(sqrt(w))"] * 6000, "return x, m"), 5002, 12, "shorten"),
    "too much text": ("#" * (MOST_CHARACTERS + 1), 1, 1, "shorten"),
    "a tuple too large": (body("x = " + "w," * 90_000 + " $"), 2, None, "write def"),
    # Text that is no program
    "a program in a string": ("'def train(w, g, lr): return g'", 1, 1, "no function: write def train"),
    "a program in a Markdown fence": ("```python\n" + body("return g, m") + "```\n", 1, 1, "write def train"),
    "a program behind prompts": (">>> " + body("return g, m"), 1, 1, "write def train"),
    "a merge conflict": ("<<<<<<< HEAD\n" + body("return g, m") + "=======\n", 1, 1, "write def train"),
    "JSON": ('{"train": ["w", "g", "lr"]}', 1, 1, "remove the line"),
    "a list of lines": ([body("return g, m")], 1, 1, "pass the text"),
    "a program that is read already": (Program(("w", "g", "lr"), (), ("g",)), 1, 1, "pass the text"),
    # Python's syntax
    "a misspelt def": (body("return g, m").replace("def", "dfe"), 1, 5, "write def train"),
    "no name": (body("return g, m").replace("train", ""), 1, 5, "write def train"),
    "no argument list": ("def train: return g", 1, 10, "write def train"),
    "an unclosed argument list": ("def train(w, g, lr:\n  return g", 1, 10, "write def train"),
    "two commas": (body("return g", signature="w, , lr"), 1, 14, "write def train"),
    "a number as an argument": (body("return g", signature="w, g, 1"), 1, 17, "write def train"),
    "a tuple as an argument": (body("return g", signature="(w, g), lr"), 1, 11, "write def train"),
    "a word of Python as an argument": (body("return g", signature="w, g, lambda"), 1, 17, "write def train"),
    "a plain argument after a default": (body("return g", signature="w=1, g, lr"), 1, None, "write def train"),
    "a comment as the body": ("def train(w, g, lr):\n  # to come\n", 2, None, "expected an indented block"),
    "a body that starts beside def": ("def train(w, g, lr): x = w\n  return x", 2, None, "unexpected indent"),
    "a body without indentation": ("def train(w, g, lr):\nreturn g", 2, 1, "expected an indented block"),
    "a dedent to nowhere": ("def train(w, g, lr):\n    x = w\n  return x", 3, None, "unindent"),
    "tabs and spaces": ("def train(w, g, lr):\n\tx = w\n        return x", 3, None, "tabs"),
    "a parenthesis too many": (body("x = sqrt(w))", "return x, m"), 2, 14, "unmatched ')'"),
    "the wrong bracket": (body("x = sqrt(w]", "return x, m"), 2, 13, "does not match"),
    "a missing comma": (body("x = interp(w g, 0.9)", "return x, m"), 2, None, "write def train"),
    "a missing operand": (body("x = w +", "return x, m"), 2, 10, "write def train"),
    "a missing value": (body("x =", "return x, m"), 2, 6, "write def train"),
    "a missing operator": (body("x = w g", "return x, m"), 2, 9, "write def train"),
    "a lone semicolon": (body(";", "return g, m"), 2, 3, "write def train"),
    "an else without an if": (body("else: x = w", "return x, m"), 2, 3, "write def train"),
    "a blank after a backslash": (body("x = w + \\ ", "g", "return x, m"), 2, 12, "line continuation"),
    "an open string": (body("x = 'w", "return x, m"), 2, 7, "unterminated"),
    "an open docstring": (body("'''Says nothing.", "return g, m"), 2, None, "unterminated"),
    "a docstring in typographic quotes": (body("“Says nothing.”", "return g, m"), 2, 3, "invalid character"),
    "a minus of a word processor": (body("x = w − g", "return x, m"), 2, 9, "invalid character"),
    "a times sign": (body("x = w × g", "return x, m"), 2, 9, "invalid character"),
    "a superscript": (body("x = w²", "return x, m"), 2, 8, "invalid character"),
    "wide parentheses": (body("x = sqrt（w）", "return x, m"), 2, 11, "invalid character"),
    "a space that does not break": (body("x =\xa0w", "return x, m"), 2, 6, "invalid non-printable character"),
    "an assignment to a call": (body("sqrt(x) = w", "return g, m"), 2, 3, "cannot assign"),
    "an assignment to a sum": (body("x + y = w", "return g, m"), 2, 3, "cannot assign"),
    "an assignment to a number": (body("1 = w", "return g, m"), 2, 3, "cannot assign"),
    "an assignment to None": (body("None = w", "return g, m"), 2, 3, "cannot assign"),
    "an assignment to a word of Python": (body("in = w", "return g, m"), 2, 3, "write def train"),
    "a print statement": (body("print w", "return g, m"), 2, 3, "write def train"),
    "an increment": (body("m++", "return g, m"), 2, 6, "write def train"),
    "another language's condition": (body("x = w ? g : m", "return x, m"), 2, 9, "write def train"),
    "another language's and": (body("x = w && g", "return x, m"), 2, 10, "write def train"),
    "another language's not": (body("x = !w", "return x, m"), 2, 7, "write def train"),
    "another language's comment": (body("x = w  // the weights", "return x, m"), 2, None, "write def train"),
    # The function and what stands beside it
    "lines without a function": ("x = w * g\nreturn x", 1, 1, "move this line"),
    "a return without a function": ("return g", 1, 1, "move this line there"),
    "a lambda as the program": ("train = lambda w, g, lr: g", 1, 1, "move this line"),
    "a main guard": (body("return g, m") + "if __name__ == '__main__': train()", 3, 1, "compute both"),
    "a call beside the function": (body("return g, m") + "train(1, 2, 3, 4)", 3, 1, "remove the line"),
    "a future import": ("from __future__ import annotations\n" + body("return g, m"), 1, 1, "remove this line"),
    "a relative import": (body("from . import functions", "return g, m"), 2, 3, "remove this line"),
    "a star import": ("from math import *\n" + body("return g, m"), 1, 1, "remove this line"),
    "a capital": (body("return g, m").replace("train", "Train"), 1, 1, "call it train"),
    "a keyword-only argument": (body("return g", signature="w, g, *, lr"), 1, 20, "only plain arguments"),
    "a method": (body("return g", signature="self, w, g, lr"), 2, 3, "the last argument, lr, is the learning rate"),
    # Statements
    "a try": (body("try: x = w", "except E: x = g", "return x, m"), 2, 3, "try is not allowed: write"),
    "a with": (body("with w: x = g", "return x, m"), 2, 3, "with is not allowed: write"),
    "a del": (body("del m", "return g, m"), 2, 3, "del is not allowed: write"),
    "a global": (body("global m", "return g, m"), 2, 3, "global is not allowed: write"),
    "a nonlocal": (body("nonlocal m", "return g, m"), 2, 3, "nonlocal is not allowed: write"),
    "an assert": (body("assert m", "return g, m"), 2, 3, "assert is not allowed: write"),
    "a break": (body("break", "return g, m"), 2, 3, "break is not allowed: write"),
    "a continue": (body("continue", "return g, m"), 2, 3, "continue is not allowed: write"),
    "a match": (body("match w:", "  case g: x = w", "return x, m"), 2, 3, "compute both"),
    "an async for": (body("async for i in w: x = i", "return g, m"), 2, 3, "write out"),
    "an async with": (body("async with w: x = g", "return g, m"), 2, 3, "async with is not allowed: write"),
    "an inner class": (body("class A: x = w", "return g, m"), 2, 3, "a class is not allowed: write"),
    "an ellipsis as the body": (body("..."), 2, 3, "remove the line"),
    "an equality for an assignment": (body("x == w", "return x, m"), 2, 3, "write x = "),
    "a walrus for an assignment": (body("(x := w)", "return x, m"), 2, 3, "write x = "),
    "a call of print": (body("print(w)", "return g, m"), 2, 3, "remove the line"),
    "a declaration": (body("x: float", "return g, m"), 2, 3, "without the type"),
    "a power assignment": (body("m **= 2", "return g, m"), 2, 3, "x = x + y"),
    "a starred assignment": (body("*x, y = w, g", "return y, m"), 2, 3, "one name at a time"),
    "a list assignment": (body("[x, y] = w, g", "return y, m"), 2, 3, "one name at a time"),
    # Expressions
    "a list": (body("x = [w]", "return x, m"), 2, 7, "a list [x, y] is not allowed: write"),
    "a set": (body("x = {w}", "return x, m"), 2, 7, "a set {x, y} is not allowed: write"),
    "a dictionary": (body("x = {w: g}", "return x, m"), 2, 7, "a dictionary {x: y} is not allowed: write"),
    "a set comprehension": (body("x = {i for i in w}", "return x, m"), 2, 7, "write out"),
    "a dictionary comprehension": (body("x = {i: i for i in w}", "return x, m"), 2, 7, "write out"),
    "a yield": (body("x = yield w", "return x, m"), 2, 7, "yield is not allowed: write"),
    "a yield from": (body("x = yield from w", "return x, m"), 2, 7, "yield from is not allowed: write"),
    "an await": (body("x = await w", "return x, m"), 2, 7, "await is not allowed: write"),
    "a slice": (body("x = w[1:2]", "return x, m"), 2, 7, "remove [...]"),
    "an ellipsis": (body("x = w * ...", "return x, m"), 2, 11, "write a number"),
    "a bytes constant": (body("x = w * b'1'", "return x, m"), 2, 11, "write a number"),
    "a caret for a power": (body("x = w ^ 2", "return x, m"), 2, 7, "a power is x ** y"),
    "a remainder": (body("x = w % 2", "return x, m"), 2, 7, "nothing gives a remainder"),
    "a bitwise and": (body("x = w & g", "return x, m"), 2, 7, "the operators are + - * / **"),
    "a shift": (body("x = w << 1", "return x, m"), 2, 7, "the operators are + - * / **"),
    "a double comparison": (body("x = 0 < w < 1", "return x, m"), 2, 7, "use sign"),
    "an identity": (body("x = w is g", "return x, m"), 2, 7, "use sign"),
    "a membership": (body("x = w in g", "return x, m"), 2, 7, "use sign"),
    "a call of a number": (body("x = 2(w)", "return x, m"), 2, 7, "can be called: write sqrt(x)"),
    "a method of a variable": (body("x = w.sqrt()", "return x, m"), 2, 7, "write the bare name"),
    "an operator as a function": (body("x = +(w, g)", "return x, m"), 2, 8, "a tuple (x, y) is not allowed: write"),
    "an unpacked dictionary": (body("x = interp(**w)", "return x, m"), 2, 16, "write interp(x, y, a)"),
    # Names
    "a misspelt state": (body("m = interp(g, mm, 0.9)", "return g, m"), 2, 17, "did you mean 'm'?"),
    "a capital variable": (body("x = W * g", "return x, m"), 2, 7, "use one of w, g, m, lr"),
    "a capital function": (body("x = Sqrt(w)", "return x, m"), 2, 7, "did you mean 'sqrt'?"),
    "a variable as a function": (body("x = w(g)", "return x, m"), 2, 7, "'w'; `optsearch functions` lists all"),
    "the program as a function": (body("x = train(w, g, m, lr)", "return x, m"), 2, 7, "unknown function 'train'"),
    "a constant that is not called": (body("x = w * get_pi", "return x, m"), 2, 11, "call it, get_pi()"),
    "a function of a function": (body("x = sqrt(square)", "return x, m"), 2, 12, "call it, square(x)"),
    "a spelling that is not called": (body("x = clip", "return x, m"), 2, 7, "call it, clip(x, y)"),
    "NumPy's name": (body("x = maximum(w, g)", "return x, m"), 2, 7, "did you mean 'max'?"),
    "Python's name": (body("x = pow(w, 2)", "return x, m"), 2, 7, "did you mean 'power'?"),
    "NumPy's name of an inverse": (body("x = asin(w)", "return x, m"), 2, 7, "did you mean 'arcsin'?"),
    "a mean": (body("x = w - mean(w)", "return x, m"), 2, 11, "'mean'; `optsearch functions` lists all"),
    "a where": (body("x = where(w, g, m)", "return x, m"), 2, 7, "'where'; `optsearch functions` lists all"),
    "pi": (body("x = w * pi", "return x, m"), 2, 11, "write get_pi(), or set it"),
    "e": (body("x = e ** w", "return x, m"), 2, 7, "write get_e(), or set it"),
    "eps": (body("x = w / (sqrt(g) + eps)", "return x, m"), 2, 22, "write get_eps(), or set it"),
    "pi as a function": (body("x = w * pi()", "return x, m"), 2, 11, "did you mean 'get_pi'?"),
    "NumPy's pi": (body("x = w * np.pi", "return x, m"), 2, 11, "write the bare name, get_pi()"),
    "NumPy's maximum": (body("x = np.maximum(w, g)", "return x, m"), 2, 7, "write the bare name, max(x, y)"),
    "a method that there is not": (body("x = w.mean()", "return x, m"), 2, 7, "; `optsearch functions` lists those"),
    "a variable of another text": (body("x = beta1 * w", "return x, m"), 2, 7, "set it on a line above"),
    # Operands
    "no operand": (body("x = sqrt()", "return x, m"), 2, 7, "write sqrt(x)"),
    "an interp without its weight": (body("x = interp(w, g)", "return x, m"), 2, 7, "write interp(x, y, a)"),
    "an interp of four": (body("x = interp(w, g, m, 0.9)", "return x, m"), 2, 7, "write interp(x, y, a)"),
    "a maximum of three": (body("x = max(w, g, m)", "return x, m"), 2, 7, "write max(x, y)"),
    "a maximum of one": (body("x = max(w)", "return x, m"), 2, 7, "write max(x, y)"),
    "a nested call that lacks one": (body("x = sqrt(w + dot(g))", "return x, m"), 2, 16, "write dot(x, y)"),
    # Constants
    "a decimal comma": (body("x = w * 0,9", "return x, m"), 2, 7, "a tuple (x, y) is not allowed: write"),
    "a leading zero": (body("x = w * 09", "return x, m"), 2, 11, "leading zeros"),
    "a unit": (body("x = w * 10ms", "return x, m"), 2, 12, "invalid decimal literal"),
    "two decimal points": (body("x = w * 1.2.3", "return x, m"), 2, 14, "write def train"),
    "two underscores in a number": (body("x = w * 1__000", "return x, m"), 2, 12, "invalid decimal literal"),
    "an exponent without digits": (body("x = w * 1e", "return x, m"), 2, 11, "invalid decimal literal"),
    "a digit that is not binary": (body("x = w * 0b12", "return x, m"), 2, 14, "invalid digit '2'"),
    "a hexadecimal number without digits": (body("x = w * 0x", "return x, m"), 2, 12, "invalid hexadecimal"),
    "infinity by name": (body("x = w * inf", "return x, m"), 2, 11, "set it on a line above"),
    "not a number, by call": (body("x = w * float('nan')", "return x, m"), 2, 11, "unknown function 'float'"),
    # What is returned
    "a returned list": (body("return [g, m]"), 2, 10, "a list [x, y] is not allowed: write"),
    "a returned tuple in a tuple": (body("return g, (m,)"), 2, 13, "a tuple (x, y) is not allowed: write"),
    "a returned None": (body("return None"), 2, 10, "write a number"),
    "a returned learning rate": (body("return g, lr"), 2, 3, "shaped like the weights"),
    "a returned norm": (body("return norm(g), m"), 2, 3, "is a LEAFWISE: the update and the states must"),
    "a returned state that became a constant": (body("m = 0.5", "return g, m"), 3, 13, "such as x - x"),
    # Types
    "a clip by a norm of each leaf": (body("x = clip(w, norm(w))", "return x, m"), 2, 7, "any type and a SCALAR"),
    "a dot with a constant": (body("x = w * dot(w, 1.0)", "return x, m"), 2, 11, "two of the same type"),
    "a similarity of a norm": (body("x = w * cosine_sim(norm(w), w)", "return x, m"), 2, 11, "two of the same type"),
    "wrong types in a line without effect": (body("x = dot(w, lr)", "return g, m"), 2, 7, "two of the same type"),
}


def assert_refused(text: Any, line: int, column: int | None, part: str) -> None:
    with pytest.raises(ProgramError) as caught:
        parse(text)
    error = caught.value
    assert error.line == line
    assert error.column == column or (column is None and error.column is not None and error.column >= 1)
    assert part in error.message
    assert len(error.message) < 1000
    assert str(error).startswith(f"line {line}, column {error.column}: ")


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_program_is_refused_with_its_place_and_a_repair(name):
    assert_refused(*REFUSED[name])


def test_no_refusal_speaks_of_the_nodes_of_a_syntax_tree():
    nodes = {name for name, kind in vars(ast).items() if isinstance(kind, type) and name[0].isupper()}
    for text, *_ in REFUSED.values():
        with pytest.raises(ProgramError) as caught:
            parse(text)
        assert nodes.isdisjoint(re.findall(r"\w+", caught.value.message)), caught.value.message


@pytest.mark.parametrize("name", ["pi", "e", "eps", "maximum"])
def test_a_name_of_numpy_may_be_a_variable(name):
    assert parse(body(f"{name} = w * g", f"return {name}, m")).outputs == (name, "m")


@pytest.mark.parametrize(
    "lines",
    [
        ("m = dot(g, g)",),
        ("m = norm(g)",),
        ("w = norm(w)", "m = dot(g, g)"),
    ],
)
def test_the_repair_of_a_state_that_is_no_tree_passes(lines):
    with pytest.raises(ProgramError) as caught:
        parse(body(*lines, "return g, m"))
    zeros = caught.value.message.partition("add it to a tree of zeros, ")[2]
    program = parse(body(*lines, f"m = m + ({zeros})", "return g, m"))
    assert check(program)[program.outputs[1]] is TREE


def test_no_repair_is_offered_where_no_tree_is_left():
    with pytest.raises(ProgramError, match="the weights$"):
        parse(body("w = norm(w)", "g = norm(g)", "m = norm(m)", "return g, m"))


@pytest.mark.parametrize("constant", ["0.5", "-1"])
def test_a_constant_is_added_to_a_tree_of_zeros(constant):
    with pytest.raises(ProgramError, match="such as x - x for a tree x"):
        parse(body(f"return g, {constant}"))
    assert parse(body(f"return g, g - g + {constant}"))


@pytest.mark.parametrize("name", [name for name in (*FUNCTIONS, *SPELLINGS) if name.isidentifier()])
def test_every_function_refuses_an_operand_more_or_less(name):
    arity = FUNCTIONS[SPELLINGS.get(name, name)].arity
    for count in {arity + 1, max(arity - 1, 0)} - {arity}:
        call = f"{name}({', '.join(['w'] * count)})"
        assert_refused(body(f"x = {call}", "return x, m"), 2, 7, f"got {count}: write {name}(")


@pytest.mark.parametrize(
    "text",
    [
        "def train[T](w, g, lr): return g",
        body("type x = w", "return g, m"),
        body("x = f'{f'{w}'}'", "return g, m"),
    ],
)
def test_what_only_newer_pythons_read_is_refused_by_all(text):
    with pytest.raises(ProgramError, match="write|remove"):
        parse(text)


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


def test_the_error_of_a_program_without_text_names_the_statement():
    program = Program(("w", "g", "lr"), (Statement("x", "sqrt", ("w",)), Statement("y", "dot", ("x", "lr"))), ("x",))
    with pytest.raises(ProgramError, match="^statement 2: dot") as caught:
        check(program)
    assert (caught.value.statement, caught.value.line) == (1, None)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
