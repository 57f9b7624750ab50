"""Reading programs: attacks are refused, and nothing of them is executed; `test_parser_errors.py` has the mistakes."""

from __future__ import annotations

import subprocess
import sys
import threading
import unicodedata  # noqa: F401  Python's own parser imports it for names beyond ASCII, which is not what is watched for
from contextlib import suppress
from pathlib import Path

import pytest

from dsl.errors import ProgramError
from dsl.parser import MOST_BRACES, MOST_CHARACTERS, parse
from tests.dsl.test_parser_errors import REFUSED, assert_refused, body

CANARY = "import canary"
HOSTILE: dict[str, tuple[str, int, int | None, str]] = {
    # name: (text, line, column or None where it is for Python to say, part of the message)
    # Calls of Python's functions
    "exec": (body(f"x = exec({CANARY!r})", "return g, m"), 2, 7, "unknown function 'exec'"),
    "compile": (body(f"x = compile({CANARY!r}, '', 'exec')", "return g, m"), 2, 7, "unknown function 'compile'"),
    "open": (body("x = open('canary', 'w')", "return g, m"), 2, 7, "unknown function 'open'"),
    "getattr": (body("x = getattr(w, 'tofile')('canary')", "return g, m"), 2, 7, "can be called: write sqrt(x)"),
    "globals": (body("x = globals()['canary']", "return g, m"), 2, 7, "remove [...]"),
    "breakpoint": (body("x = breakpoint()", "return g, m"), 2, 7, "unknown function 'breakpoint'"),
    "exit": (body("exit()", "return g, m"), 2, 3, "remove the line"),
    "an import by call": (body("x = __import__('canary')", "return g, m"), 2, 7, "two underscores"),
    "exec under the name of a function": (
        body("sqrt = exec", f"x = sqrt({CANARY!r})", "return g, m"),
        2,
        10,
        "'exec' is read before",
    ),
    "exec as an operand": (body("x = sqrt(exec)", "return g, m"), 2, 12, "'exec' is read before"),
    "exec inside an operand": (body(f"x = sqrt(exec({CANARY!r}))", "return g, m"), 2, 12, "unknown function 'exec'"),
    "exec inside what is returned": (body(f"return exec({CANARY!r}), m"), 2, 10, "unknown function 'exec'"),
    # Code where Python would run it on the way to the function
    "a decorator that executes": (
        f"@exec({CANARY!r})\n" + body("return g, m"),
        1,
        2,
        "decorators are not allowed: remove",
    ),
    "decorators that call each other": ("@exec\n@input\nclass canary: pass", 3, 1, "a class is not allowed: write"),
    "a default that executes": (body("return g", signature=f"w, g, lr=exec({CANARY!r})"), 1, 20, "in the body"),
    "an annotation that executes": (body("return g", signature=f"w, g, lr: exec({CANARY!r})"), 1, 21, "write lr"),
    "a result annotation that executes": (f"def train(w, g, lr) -> exec({CANARY!r}): return g", 1, 24, "remove ->"),
    "a metaclass that executes": ("class canary(metaclass=exec): pass", 1, 1, "a class is not allowed: write"),
    "a statement before the function": (CANARY + "\n" + body("return g, m"), 1, 1, "remove this line"),
    "a statement behind the function": (body("return g, m") + CANARY, 3, 1, "remove this line"),
    "two statements in a line": (body("import os; os.remove('canary')", "return g, m"), 2, 3, "remove this line"),
    "a statement behind a backslash": (body("x = w; \\", CANARY, "return g, m"), 3, 3, "remove this line"),
    "an import as a function": (
        body("from os import system as sqrt", "x = sqrt('canary')", "return g, m"),
        2,
        3,
        "remove this line",
    ),
    # Code inside expressions and statements
    "a lambda that executes": (
        body(f"x = (lambda: exec({CANARY!r}))()", "return g, m"),
        2,
        8,
        "can be called: write sqrt(x)",
    ),
    "a comprehension that executes": (
        body(f"x = [exec(i) for i in [{CANARY!r}]]", "return g, m"),
        2,
        7,
        "write out",
    ),
    "an f-string that executes": (body("x = f'{exec(w)}'", "return g, m"), 2, 7, "an f-string is not allowed: write"),
    "an f-string that executes in its format": (
        body("x = f'{w:{exec(g)}}'", "return g, m"),
        2,
        7,
        "an f-string is not allowed: write",
    ),
    "an f-string with a hidden name": (body("x = f'{__import__(w)}'", "return g, m"), 2, None, "two underscores"),
    "an f-string as a docstring": (body("f'{exec(w)}'", "return g, m"), 2, 3, "remove the line"),
    "a generator that executes": (
        body("x = sqrt(exec(i) for i in w)", "return g, m"),
        2,
        11,
        "write out",
    ),
    "an assert that executes": (body(f"assert exec({CANARY!r})", "return g, m"), 2, 3, "assert is not allowed: write"),
    "a walrus that executes": (
        body(f"x = w * (y := exec({CANARY!r}))", "return g, m"),
        2,
        12,
        "an assignment inside an expression is not allowed: write",
    ),
    "a branch that executes": (body(f"x = w if exec({CANARY!r}) else g", "return g, m"), 2, 7, "compute both"),
    "a comparison that executes": (body(f"x = w < exec({CANARY!r})", "return g, m"), 2, 7, "use sign"),
    "an exit": (body("raise SystemExit", "return g, m"), 2, 3, "raise is not allowed: write"),
    "a loop without end": (body("while True: pass", "return g, m"), 2, 3, "write out"),
    "a file as a context": (body("with open('canary', 'w'): pass", "return g, m"), 2, 3, "with is not allowed: write"),
    # Python's insides
    "the subclasses of object": (
        body("x = ().__class__.__base__.__subclasses__()", "return g, m"),
        2,
        7,
        "write the bare name",
    ),
    "the globals of a function": (body("x = sqrt.__globals__['exec']", "return g, m"), 2, 7, "remove [...]"),
    "the code of the function": (body("train.__code__ = w", "return g, m"), 2, 3, "one name at a time"),
    "a format string": (body("x = '{0.__class__}'.format(w)", "return g, m"), 2, 7, "write the bare name"),
    "a method called by a hidden name": (body("x = w.__array__()", "return g, m"), 2, 7, "write the bare name"),
    "builtins read": (body("x = __builtins__ * w", "return x, m"), 2, 7, "two underscores"),
    "builtins set": (body("__builtins__ = w", "return g, m"), 2, 3, "two underscores"),
    "builtins returned": (body("return g, __builtins__"), 2, 13, "two underscores"),
    "builtins as an argument": (body("return g", signature="w, g, __builtins__, lr"), 1, 17, "two underscores"),
    "builtins made global": (body("global __builtins__", "return g, m"), 2, 3, "global is not allowed: write"),
    "builtins deleted": (body("del __builtins__", "return g, m"), 2, 3, "del is not allowed: write"),
    "builtins inside a lambda": (body("x = lambda: __builtins__", "return g, m"), 2, 15, "two underscores"),
    "Python's debug flag": (body("x = __debug__ * w", "return x, m"), 2, 7, "two underscores"),
    "another hidden function name": (body("return g, m").replace("train", "__init__"), 1, 1, "call it train"),
    # Characters
    "a NUL in a comment": (body("return g, m  # \0"), 2, 18, "remove it"),
    "a NUL in a docstring": (body("'''\0'''", "return g, m"), 2, 6, "remove it"),
    "nothing but NULs": ("\0" * 1000, 1, 1, "remove it"),
    "UTF-16 read as UTF-8": (body("return g, m").encode("utf-16-le").decode(), 1, 2, "remove it"),
    "UTF-16 read as Latin-1": ("\xff\xfe" + body("return g, m"), 1, 7, "write def train"),
    "a byte order mark read as Latin-1": ("ï»¿" + body("return g, m"), 1, 2, "write def train"),
    "a byte order mark on the second line": ("\n\ufeff" + body("return g, m"), 2, 1, "remove it"),
    "two byte order marks": ("\ufeff\ufeff" + body("return g, m"), 1, 1, "remove it"),
    "a byte order mark in a name": (body("x\ufeff = w", "return g, m"), 2, 4, "remove it"),
    "a byte order mark in a comment": (body("return g, m  # \ufeff"), 2, 18, "remove it"),
    "half a surrogate pair in a comment": (body("return g, m  # \udc80"), 2, 18, "remove it"),
    "a surrogate pair in two halves": (body("return g, \ud835\udc98"), 2, 13, "remove it"),
    "a coding comment that would make it an import": (
        "# coding: utf-7\n+AGkAbQBwAG8AcgB0- canary\n" + body("return g, m"),
        2,
        1,
        "remove the line",
    ),
    "an escape sequence": (body("x = w\x1b[2K", "return x, m"), 2, 8, "invalid non-printable character"),
    "a backspace": (body("x = exec\b\b\b\bsqrt(w)", "return x, m"), 2, 11, "invalid non-printable character"),
    "text that runs from right to left": (
        body("x = w \u202e* g", "return x, m"),
        2,
        9,
        "invalid non-printable character",
    ),
    "a space without width": (body("x = w\u200b * g", "return x, m"), 2, 8, "invalid non-printable character"),
    "a line separator that is none of Python's": (
        body("x = w\u2028  y = g", "return x, m"),
        2,
        8,
        "invalid non-printable character",
    ),
    "an emoji": (body("🔥 = w", "return g, m"), 2, 3, "invalid character"),
    # Names in disguise
    "a Cyrillic letter in train": (body("return g, m").replace("a", "а"), 1, 1, "call it train"),
    "a Cyrillic letter in a function": (body("x = ѕqrt(w)", "return x, m"), 2, 7, "did you mean 'sqrt'?"),
    "a Cyrillic letter in a variable": (body("update = g", "return updаte, m"), 3, 10, "did you mean 'update'?"),
    "a word of Python in wide letters": (
        body("ｉｆ = w * g", "return ｉｆ, m"),
        2,
        3,
        "'if' is a word of Python, in whatever letters: rename",
    ),
    "a word of Python with a ligature": (
        body("ﬁnally = w * g", "return ﬁnally, m"),
        2,
        3,
        "'finally' is a word of Python",
    ),
    "True in bold letters": (body("𝐓𝐫𝐮𝐞 = w * g", "return 𝐓𝐫𝐮𝐞, m"), 2, 3, "'True' is a word of Python"),
    "an argument in wide letters": (
        body("return ｄｅｆ", signature="w, ｄｅｆ, lr"),
        1,
        14,
        "'def' is a word of Python",
    ),
    "wide underscores": (body("x = _︳import_︳('canary')", "return g, m"), 2, 7, "two underscores"),
    "exec in wide letters": (body("x = ｅｘｅｃ('canary')", "return g, m"), 2, 7, "unknown function 'exec'"),
    "two arguments that Python takes for one": (body("return g", signature="w, ｗ, lr"), 1, 14, "rename one of them"),
    "a name that unfolds to many letters": (body("ﷲ" * 40 + " = w", "return g, m"), 2, 3, "shorten it to 100"),
    # Depth
    "10,000 brackets": (body(f"x = {'[' * 10_000}w{']' * 10_000}", "return x, m"), 2, None, "lines of their own"),
    "10,000 parentheses, never closed": (body(f"x = {'(' * 10_000}w", "return x, m"), 2, None, "lines of their own"),
    "10,000 mixed brackets": (body(f"x = {'([' * 5_000}w{'])' * 5_000}", "return x, m"), 2, None, "lines of their own"),
    "10,000 lambdas": (body(f"x = {'lambda: ' * 10_000}w", "return x, m"), 2, None, "lines of their own"),
    "10,000 nots": (body(f"x = {'not ' * 10_000}w", "return x, m"), 2, None, "lines of their own"),
    "10,000 conditions": (body(f"x = {'w if g else ' * 10_000}w", "return x, m"), 2, None, "lines of their own"),
    "10,000 subscripts": (body(f"x = w{'[0]' * 10_000}", "return x, m"), 2, None, "lines of their own"),
    "10,000 calls of calls": (body(f"x = w{'()' * 10_000}", "return x, m"), 2, None, "lines of their own"),
    "10,000 differences": (body(f"x = {'w - ' * 10_000}w", "return x, m"), 2, None, "lines of their own"),
    "10,000 branches": (body("if w: x = g", *["elif w: x = g"] * 10_000, "return g, m"), 1, None, "lines of their own"),
    "250 brackets and numbers that run into words": ("[* 0in" * 250, 1, None, "lines of their own"),  # a SystemError
    "200 indentations": ("".join(" " * i + "if w:\n" for i in range(200)), 101, 1, "too many levels of indentation"),
    "200 functions in each other": (
        "".join(" " * i + "def train(w, g, lr):\n" for i in range(200)),
        101,
        1,
        "too many levels",
    ),
    "one call too deep": (body(f"x = {'sqrt(' * 101}w{')' * 101}", "return x, m"), 2, 512, "lines of their own"),
    "one sign too deep": (body(f"x = {'-' * 101}w", "return x, m"), 2, 108, "lines of their own"),
    "a deep operand of the last of many": (
        body(f"x = w + interp(w, g, {'-' * 100}w)", "return x, m"),
        2,
        123,
        "lines of their own",
    ),
    "a deep return": (body(f"return g, {'sqrt(' * 101}m{')' * 101}"), 2, 518, "lines of their own"),
    # Size
    "100,000 lines": (body(*["x = w"] * 100_000, "return x, m"), 1, 1, "shorten it to"),
    "an error on line 100,001": ("\n" * 100_000 + "x = w", 100001, 1, "move this line"),
    "100,000 open parentheses on lines of their own": ("(\n" * 99_000, 201, None, "lines of their own"),
    "40,000 statements in a line": (body("x=w;" * 40_000, "return x, m"), 2, 40003, "shorten the program"),
    "10,000 targets": (body(f"{'x = ' * 10_000}w", "return x, m"), 2, 3, "one name at a time"),
    "10,000 decorators": ("@jit\n" * 10_000 + body("return g, m"), 1, 2, "decorators are not allowed: remove"),
    "10,000 defaults": (body("return g", signature=", ".join(f"a{i}=0" for i in range(10_000))), 1, 14, "in the body"),
    "10,000 operands": (body(f"x = sqrt({'w, ' * 10_000})", "return x, m"), 2, 7, "write sqrt(x)"),
    "10,000 comparisons": (body(f"x = {'w < ' * 10_000}w", "return x, m"), 2, 7, "use sign"),
    "10,000 returned values": (body(f"return {'g, ' * 10_000}m"), 2, 3, "return update, m"),
    "60,000 tuples": (body(f"x = {'(),' * 60_000}", "return x, m"), 2, 7, "a tuple (x, y) is not allowed: write"),
    "60,000 strings": (body("x = " + "'' " * 60_000, "return x, m"), 2, 7, "write a number"),
    "an f-string of 60,000 values": (body(f"x = f'{'{w}' * 60_000}'", "return x, m"), 2, 9, "more than 1000 braces"),
    "10,000 nested sets": (body(f"x = {'{' * 10_000}w{'}' * 10_000}", "return x, m"), 2, 7, "more than 1000 braces"),
    "a program that is short but for its print": (
        body(*[f"x = {'clip(' * 90}w{', lr)' * 90}"] * 110, "return x, m"),
        1,
        1,
        "characters to print: shorten it",
    ),
    "a long name that a short one stands for": (
        body(f"a = {'b' * 100}", *["x = interp(a, a, a)"] * 9_000, "return x", signature=f"w, {'b' * 100}, lr"),
        1,
        1,
        "characters to print: shorten it",
    ),
    "a name of 190,000 letters": (body("x" * 190_000 + " = w", "return g, m"), 2, 3, "shorten it to 100"),
    "a function of 190,000 letters": (body(f"x = {'f' * 190_000}(w)", "return g, m"), 2, 7, "shorten it to 100"),
    "an annotated argument of 190,000 letters": (
        body("return g", signature=f"w, g, {'x' * 190_000}: int"),
        1,
        190019,
        "annotations are not allowed: write",
    ),
    "two arguments of 90,000 letters": (
        body("return g", signature=f"w, {'x' * 90_000}, {'x' * 90_000}"),
        1,
        90016,
        "rename one of them",
    ),
    "another function name of 190,000 letters": (f"def {'f' * 190_000}(w, g, lr): return g", 1, 1, "call it train"),
    # Constants
    "a huge exponent": (body("x = w * 9e99999999999999999999", "return x, m"), 2, 11, "write one below"),
    "a float32 too large by its last digit": (body("x = w * 3.4028236e38", "return x, m"), 2, 11, "write one below"),
    "a huge constant under a name": (body("x = -1e39", "return g, m"), 2, 8, "write one below"),
    "an int of 190,000 digits": (body(f"x = w * {'9' * 190_000}", "return x, m"), 2, 11, "write one below"),
    "an int of 90,000 digits and underscores": (
        body(f"x = w * 1{'_0' * 90_000}", "return x, m"),
        2,
        11,
        "write one below",
    ),
    "a hexadecimal int of 190,000 digits": (
        body(f"x = w * 0x{'f' * 190_000}", "return x, m"),
        2,
        11,
        "write one below",
    ),
    "a binary int of 190,000 digits": (body(f"x = w * 0b{'1' * 190_000}", "return x, m"), 2, 11, "write one below"),
    "a float of 190,000 digits": (body(f"x = w * {'9' * 190_000}.0", "return x, m"), 2, 11, "write one below"),
    "a shift of a gigabyte": (body("x = w * (1 << 10 ** 10)", "return x, m"), 2, 12, "the operators are"),
    "a string of a gigabyte": (body("x = w * ('a' * 10 ** 10)", "return x, m"), 2, 12, "write a number"),
    "a list of a gigabyte": (
        body("x = w * ([0] * 10 ** 10)", "return x, m"),
        2,
        12,
        "a list [x, y] is not allowed: write",
    ),
    "a format of a gigabyte": (body("x = w * ('%9999999999d' % 1)", "return x, m"), 2, 12, "the operators are"),
    "a returned tower of powers": (body("return 9 ** 9 ** 9, m"), 2, 3, "shaped like the weights"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_attacks_are_refused_with_their_place_and_a_repair(name):
    assert_refused(*HOSTILE[name])


def test_nothing_is_executed_imported_or_opened(tmp_path, monkeypatch):
    (tmp_path / "canary.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    events: set[tuple[str, bool]] = set()
    watched: int | None = threading.get_ident()

    def watch(event: str, arguments: tuple) -> None:
        if threading.get_ident() == watched:
            events.add((event, "" in arguments))  # where a file is named, whether its name is empty

    sys.addaudithook(watch)  # for good: Python removes none
    for text, *_ in (REFUSED | HOSTILE).values():
        with suppress(ProgramError):
            parse(text)
    watched = None
    assert ("compile", True) in events  # to a syntax tree
    assert events <= {("compile", True), ("open", True)}  # to quote a wrong line Python looks for the text's own file
    assert "canary" not in sys.modules
    assert [path.name for path in tmp_path.iterdir()] == ["canary.py"]


@pytest.mark.parametrize(
    "text",
    [
        body(f"x = w * g  # exec({CANARY!r}) {{{{", "return x, m"),
        body(f"'''{CANARY}; {'{' * MOST_BRACES} \\d'''", "x = w * g", "return x, m"),
        "# coding: utf-7\n" + body("x = w * g", "return x, m"),
        "\ufeff" + "#" * (MOST_CHARACTERS - 100) + "\n" + body("x = w * g", "return x, m"),
        "#\n" * 90_000 + body("x = w * g", "return x, m"),
        "\f" + body("x = w * g", "\f", "return x, m"),
        body("ｘ = ｗ * 𝐠", "return x, m"),
        body("exec = w * g", "x = exec", "return x, m"),
        body("x = (w * \\", "g)", "return x, m"),
        body(f"y = 0.{'9' * 190_000}", f"z = 1e-{'9' * 1000}", "x = w * g", "return x, m"),
    ],
)
def test_what_only_looks_hostile_is_read(text):
    assert [str(statement).split(" = ")[1] for statement in parse(text).statements] == ["w * g"]


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [(["--help"], 0, "--minutes"), ([], 1, "pip install atheris")],
)
def test_the_fuzzer_explains_itself_where_atheris_is_not_installed(arguments, code, part):
    script = str(Path(__file__).parents[2] / "scripts" / "fuzz_parser.py")
    without = "import runpy, sys; sys.modules['atheris'] = None; del sys.argv[0]; "
    run = "runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", without + run, script, *arguments], capture_output=True, text=True)
    assert done.returncode == code
    assert part in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
