"""Fuzzes dsl.parse: `pip install atheris`, then `python scripts/fuzz_parser.py --minutes 10`.

The coverage of dsl/ guides it, from the known optimizers, by bytes and by Python's tokens. It stops at the first
text that breaks the promise of `examine`, and libFuzzer then writes the text to a file crash-... or timeout-....
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import re
import sys
import tempfile
import time
import unicodedata  # noqa: F401  Python's own parser imports it for names beyond ASCII
import warnings
from pathlib import Path

LONGEST_S = 1.0  # of CPU time, for one text
MOST_BYTES = 10_000
MOST_REPEATS = 3_000
WORDS = r"""
def train ( ) w g m v lr : = , x y update return sqrt interp clip dot norm global_norm get_pi invert power cosine_sim
+ - * / ** // % @ | & ^ ~ << >> 0 1.0 0.9 1e999 1e-45 3.4e38 9**9**9 0x1 1_0 1j 077 1__0 1if 0xfor True None ...
lambda: lambda x:x if else for in while with as del pass break continue global nonlocal assert raise from import
async await yield class try: except: finally: match case type and or not is == != < > <= := -> += **= @= [ ] { } . ;
' " f' rf" b' u' {x!r:>{y}} {{ }} \N{dash} \d \x \ # #coding:latin-1 ! $ ? ` __import__('os') __x __debug__ _ eval(
print( [0] [:] .a *a **a a=1 é µ ﬁ ｉｆ Ｗ ﷺ ² ½
"""
SPACES = [" ", "  ", "\t", "\n", "\n  ", "\n    ", "\r", "\r\n", "\f", "\v", "\\\n", "\0", "\ufeff", "\u2028", "\x85"]
TOKENS = [*WORDS.split(), *SPACES, "'''", "f'''", "@w\n", ") -> w:", "def train(w, g, lr): return g\n"]
NESTED = """
    def train(w, g, m, v, lr):
      '''Nested.'''
      old = m; t1 = 0.5
      m = interp(g, m, 0.9) * -t1  # and a copy
      v = interpolate(square(g + 1e-8), v, 0x1 - .001)
      return (m / sqrt(v) + w ** 2 * 1_0) * lr, old, \\
        clip(v, global_norm(w))
"""


class _Watch:
    """What Python does besides compiling text to a tree: executing, importing, opening."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple) -> None:
        # To quote a wrong line Python opens the file of the text, here one without a name.
        if self.on and event != "compile" and (event, arguments[0]) != ("open", ""):
            self.seen.append(f"{event} {arguments}")


WATCH = _Watch()


def examine(text: str) -> None:
    """The promise: a program that checks and is printed as what is read as itself, or an error with its place.

    Raises:
        AssertionError: where it is broken: also by a warning, by output, by more than `LONGEST_S`, or by anything
            executed, imported or opened.
    """
    import dsl  # which `fuzz` has instrumented

    output = io.StringIO()
    WATCH.on = True
    start = time.process_time()
    with warnings.catch_warnings(), contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        warnings.simplefilter("error")
        try:
            program = dsl.parse(text)
            dsl.check(program)
        except dsl.ProgramError as error:
            program = None
            assert error.line is not None and 1 <= error.line <= len(re.split("\r\n|\r|\n", text)), repr(error)
            assert error.column is not None and error.column >= 1, repr(error)
            assert len(str(error)) < 2000, repr(error)
    WATCH.on = False
    taken = time.process_time() - start
    assert taken < LONGEST_S, f"took {taken:.1f} s"
    assert not output.getvalue(), output.getvalue()
    assert not WATCH.seen, WATCH.seen
    assert program is None or dsl.parse(str(program)) == program, f"printed: {program}"


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """The text with some tokens changed; every fourth time libFuzzer's own change of its bytes."""
    import atheris

    rng = random.Random(seed)
    if rng.random() < 0.25:
        return atheris.Mutate(data, most)
    tokens = re.findall(r"\w+|\s+|[^\w\s]", _text(data)) or [" "]
    for _ in range(rng.choice([1, 1, 1, 3])):
        start = rng.randrange(len(tokens))
        old = slice(start, start + rng.choice([0, 1, 1, 2, 5]))
        new = [rng.choice(TOKENS) for _ in range(rng.choice([0, 1, 1, 2]))]
        change = rng.choice(["replace", "replace", "replace", "rename", "rename", "copy", "repeat"])
        if change == "rename":  # everywhere, so that a program stays one
            name = rng.choice(TOKENS)
            tokens = [name if token == tokens[start] else token for token in tokens]
        elif change == "copy":
            place = rng.randrange(len(tokens))
            tokens[old] = tokens[place : place + rng.randint(1, 20)]
        elif change == "repeat":
            tokens[old] = (new + tokens[old]) * rng.choice([2, 3, 10, 110, rng.randint(1, MOST_REPEATS)])
        else:
            tokens[old] = new
        tokens = tokens or [" "]
    return "".join(tokens).encode(errors="surrogateescape")[:most]


def _text(data: bytes) -> str:
    return data.decode(errors="surrogateescape")  # bytes that are no text become what must be refused


def fuzz(minutes: float, corpus: Path) -> None:
    """Fuzzes from the texts of a folder and the known optimizers, and ends the process."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    try:
        import atheris
    except ModuleNotFoundError:
        raise SystemExit("the fuzzer is atheris: pip install atheris, on a Python that it has a wheel for") from None
    with atheris.instrument_imports(include=["dsl"]):
        import dsl

    # Lower limits, so that short texts, of which many can be tried, reach them.
    dsl.parser.MOST_CHARACTERS, dsl.parser.MOST_STATEMENTS, dsl.parser.MOST_BRACES = 3_000, 200, 100
    sys.set_int_max_str_digits(640)
    corpus.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate([NESTED, *map(str, dsl.optimizers.values())]):
        (corpus / f"seed-{number}").write_text(text)
    flags = [f"-max_total_time={round(60 * minutes)}", f"-max_len={MOST_BYTES}", "-timeout=10"]
    flags += ["-keep_seed=1", "-reduce_inputs=0", "-mutate_depth=2"]  # what is still a program is worth the most
    atheris.Setup([sys.argv[0], *flags, str(corpus)], lambda data: examine(_text(data)), custom_mutator=mutate)
    atheris.Fuzz()


def main() -> None:
    """Fuzzes for the minutes asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="how long (default: %(default)s)")
    parser.add_argument("--corpus", type=Path, help="folder that keeps the texts that reached something new")
    arguments = parser.parse_args()
    fuzz(arguments.minutes, arguments.corpus or Path(tempfile.mkdtemp(prefix="fuzz-parser-")))


if __name__ == "__main__":
    main()
