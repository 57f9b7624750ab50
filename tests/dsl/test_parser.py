"""Reading programs: what is accepted and what it means; `test_parser_errors.py` has what is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest

from dsl.functions import FUNCTIONS, Rule
from dsl.parser import MOST_NESTING, MOST_STATEMENTS, parse
from dsl.program import Program, Statement, to_constant
from dsl.reference import step

ADAMW = """
    def train(w, g, m, v, lr):
      g2 = square(g)
      m = interp(g, m, 0.9)
      v = interp(g2, v, 0.999)
      sqrt_v = sqrt(v)
      update = m / sqrt_v
      wd = w * 0.01
      update = update + wd
      lr = lr * 0.001
      update = update * lr
      return update, m, v
"""
RAW_WINNER = """
    def train(w, g, m, v, lr):            # raw winner, as found
      g = clip(g, lr)
      m = clip(m, lr)
      v845 = sqrt(0.6270633339881897)
      v968 = sign(v)
      v968 = v - v
      g = arcsin(g)
      m = interp(g, v, 0.8999999761581421)
      v1 = m * m
      v = interp(g, m, 1.109133005142212)
      v845 = tanh(v845)
      lr = lr * 0.0002171761734643951
      update = m * lr
      v1 = sqrt(v1)
      update = update / v1
      wd = lr * 0.4601978361606598
      v1 = square(v1)
      wd = wd * w
      m = cosh(update)
      lr = tan(1.4572199583053589)
      update = update + wd
      lr = cos(v845)
      return update, m, v
"""
PRUNED_WINNER = """
    def train(w, g, m, v, lr):            # redundant statements gone, renamed
      g = clip(g, lr)
      g = arcsin(g)
      m = interp(g, v, 0.899)
      m2 = m * m
      v = interp(g, m, 1.109)
      abs_m = sqrt(m2)
      update = m / abs_m
      wd = w * 0.4602
      update = update + wd
      lr = lr * 0.0002
      m = cosh(update)
      update = update * lr
      return update, m, v
"""
LION = """
    def train(w, g, m, lr):               # Lion; beta1 = 0.9, beta2 = 0.99
      update = interp(g, m, 0.9)
      update = sign(update)
      m = interp(g, m, 0.99)
      wd = w * 0.1
      update = update + wd
      update = update * lr
      return update, m
"""
PAPER = {
    "adamw": (ADAMW, 9, 2),
    "raw winner": (RAW_WINNER, 21, 2),
    "pruned": (PRUNED_WINNER, 12, 2),
    "lion": (LION, 6, 1),
}


def body(*lines: str, signature: str = "w, g, m, lr") -> str:
    """A text with these lines as the body of train."""
    return "\n".join([f"def train({signature}):", *(f"  {line}" for line in lines)]) + "\n"


def printed(*lines: str) -> list[str]:
    """The lines of the body of the program that is read from these lines."""
    return [line.strip() for line in str(parse(body(*lines))).splitlines()[1:]]


def python_meaning(text: str, values: list[np.ndarray]) -> list[np.ndarray]:
    """What Python makes of the text: the oracle for names and copies. For texts of this file only."""
    functions = {name: row.meaning for name, row in FUNCTIONS.items() if name.isidentifier()}
    scope: dict = dict(functions)
    exec(text, scope)
    with np.errstate(all="ignore"):
        returned = scope["train"](*values)
    return list(returned) if isinstance(returned, tuple) else [returned]


def assert_python_agrees(text: str) -> None:
    program = parse(text)
    rng = np.random.default_rng(0)
    values = [rng.normal(size=5) for _ in program.inputs[:-1]]
    update, states = step(program, values[0], values[1], values[2:], 0.25)
    expected = python_meaning(text, [*values, np.array(0.25)])
    np.testing.assert_allclose([update, *states], expected, rtol=1e-6)


# What the paper writes


@pytest.mark.parametrize("name", PAPER)
def test_programs_of_the_paper_are_read(name):
    text, statements, states = PAPER[name]
    program = parse(text)
    assert (len(program), len(program.states)) == (statements, states)


@pytest.mark.parametrize("name", PAPER)
def test_programs_of_the_paper_keep_every_line_but_for_spelling_digits_and_comments(name):
    number = re.compile(r"\d+\.\d+")
    text = PAPER[name][0].replace("clip(", "clip_by_global_norm(")
    written = [line.split("#")[0].strip() for line in text.splitlines() if line.strip()]
    shown = [line.strip() for line in str(parse(text)).splitlines()]
    assert [number.sub("N", line) for line in shown] == [number.sub("N", line) for line in written]


@pytest.mark.parametrize("name", PAPER)
def test_programs_of_the_paper_survive_a_round_trip(name):
    program = parse(PAPER[name][0])
    assert parse(str(program)) == program


def test_constants_are_those_of_float32():
    program = parse(body("update = w * 0.1", "return update, m"))
    assert program.statements[0].arguments == ("w", float(np.float32(0.1)))


# What else is read


@pytest.mark.parametrize(
    ("signature", "returned", "states"),
    [
        ("w, g, lr", "g", ()),
        ("w, g, lr", "(g,)", ()),
        ("x, y, z", "y", ()),
        ("theta, grad, fast, slow, third, rate", "grad, fast, slow, third", ("fast", "slow", "third")),
        ("gewicht, größe, μ, η", "größe, μ", ("μ",)),
        ("sqrt, sign, max", "sign", ()),
    ],
)
def test_any_names_and_any_number_of_states_are_read(signature, returned, states):
    program = parse(body(f"return {returned}", signature=signature))
    assert program.inputs == tuple(signature.split(", "))
    assert program.states == states
    assert program.outputs == tuple(returned.strip("(),").split(", "))


def test_nested_calls_become_statements_with_fresh_names():
    assert printed("update = sign(interp(g, m, 0.9)) + w * 0.1", "return update * lr, interp(g, m, 0.99)") == [
        "t1 = interp(g, m, 0.9)",
        "t2 = sign(t1)",
        "t3 = w * 0.1",
        "update = t2 + t3",
        "t4 = update * lr",
        "t5 = interp(g, m, 0.99)",
        "return t4, t5",
    ]


def test_fresh_names_avoid_all_names_of_the_text():
    assert printed("t1 = sqrt(abs(g))", "t3 = t1 * (w + g)", "return t3, m") == [
        "t2 = abs(g)",
        "t1 = sqrt(t2)",
        "t4 = w + g",
        "t3 = t1 * t4",
        "return t3, m",
    ]


@pytest.mark.parametrize(
    ("expression", "statements"),
    [
        ("w + g", ["x = w + g"]),
        ("w - g", ["x = w - g"]),
        ("w * g", ["x = w * g"]),
        ("w / g", ["x = w / g"]),
        ("w ** g", ["x = power(w, g)"]),
        ("clip(w, lr)", ["x = clip_by_global_norm(w, lr)"]),
        ("interpolate(w, g, 0.5)", ["x = interp(w, g, 0.5)"]),
        ("-w", ["x = negative(w)"]),
        ("+sqrt(w)", ["x = sqrt(w)"]),
        ("w * -0.5", ["x = w * -0.5"]),
        ("w * --0.5", ["x = w * 0.5"]),
        ("w * +2", ["x = w * 2.0"]),
        ("w - -3", ["x = w - -3.0"]),
        ("-0.5 ** w", ["t1 = power(0.5, w)", "x = negative(t1)"]),
        ("w * 1e-8", ["x = w * 1e-08"]),
        ("w * 0x10", ["x = w * 16.0"]),
        ("w * 1_000", ["x = w * 1000.0"]),
        ("w * 1e-45", ["x = w * 0.0"]),
        ("w * 3.4028234e38", ["x = w * 3.4028235e+38"]),
        ("w * get_pi()", ["t1 = get_pi()", "x = w * t1"]),
        ("w * 2 ** 3", ["t1 = power(2.0, 3.0)", "x = w * t1"]),
        ("w - g - lr", ["t1 = w - g", "x = t1 - lr"]),
        ("w - (g - lr)", ["t1 = g - lr", "x = w - t1"]),
    ],
)
def test_expressions_are_read_like_pythons(expression, statements):
    assert printed(f"x = {expression}", "return x, m") == [*statements, "return x, m"]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + body("x = w * g", "return x, m"),
        body("x = w * g", "return x, m").replace("\n", "\r\n"),
        body("x = w * g", "return x, m").replace("\n", "\r"),
        "\n\n" + body("x = w * g", "return x, m") + "\n  \n",
        "# a program\n" + body("# first", "x = w * g  # product", "", "return x, m  # both") + "# end",
        body('"""Says \\d what it does, é."""', "x = w * g", "return x, m"),
        '"""A module docstring."""\n' + body("x = w * g", "return x, m"),
        body("x = w * g", "return x, m").replace("  ", "\t"),
        body("x = w * g", "return x, m").replace("\n", "\n      ").replace("def", "      def"),
        body("x = w * g", "return x, m").replace("\n", "\r\n      ").replace("def", "\r\n      def"),
        "def train(w, g, m, lr): x = w * g; return x, m",
        body("x = (w", "# inside", "     * g)", "return (x,", "        m)"),
    ],
)
def test_layout_and_comments_do_not_matter(text):
    assert parse(text) == Program(("w", "g", "m", "lr"), (Statement("x", "*", ("w", "g")),), ("x", "m"))


# Copies and constants


def test_a_copy_makes_no_statement():
    assert printed("a = m", "b = a", "update = b * lr", "return update, m") == ["update = m * lr", "return update, m"]


def test_a_constant_assignment_makes_no_statement():
    assert printed("beta = 0.5", "minus = -beta", "x = g * minus", "return x, m") == ["x = g * -0.5", "return x, m"]


def test_overwriting_a_copied_variable_takes_a_fresh_name():
    assert printed("a = m", "m = interp(g, m, 0.9)", "update = a * lr", "return update, m") == [
        "t1 = interp(g, m, 0.9)",
        "update = m * lr",
        "return update, t1",
    ]


def test_a_variable_that_is_no_longer_copied_is_overwritten_under_its_own_name():
    assert printed("a = m", "a = g * 2", "m = m * a", "return a, m") == ["a = g * 2.0", "m = m * a", "return a, m"]


def test_returning_a_copy_returns_the_variable():
    assert parse(body("update = m", "return update, m")).outputs == ("m", "m")


def test_a_copy_of_itself_changes_nothing():
    assert printed("m = m", "m = m * 2", "return m, m") == ["m = m * 2.0", "return m, m"]


@pytest.mark.parametrize(
    "lines",
    [
        ("a = m", "m = interp(g, m, 0.9)", "update = a * lr", "return update, m"),
        ("a = m", "m = g", "g = a", "return g * lr, m"),
        ("a = m", "m = m * 2", "m = m + a", "a = a * m", "return a, m"),
        ("a = m", "b = a", "m = g * g", "a = w * m", "return a + b, m"),
        ("a = w * g", "b = a", "a = a * a", "c = a", "a = a + b", "return a * c, b"),
        ("c = 0.5", "d = c", "c = w * c", "return c * d, m"),
        ("m = 0.5", "m = m * w", "return m, m"),
        ("lr = lr * 0.5", "rate = lr", "lr = w", "return lr * rate, m"),
        ("t1 = m", "m = sqrt(abs(g) + t1 * t1)", "return t1 - m, m"),
        ("update = g", "g = update * m", "update = g - update", "return update, g"),
        ("return interp(g, m, 0.9) ** 2, m - w",),
    ],
)
def test_copies_mean_what_they_mean_in_python(lines):
    assert_python_agrees(body(*lines))


@pytest.mark.parametrize("seed", range(60))
def test_random_copies_and_nested_expressions_mean_what_they_mean_in_python(seed):
    rng = np.random.default_rng(seed)
    known, pool = ["w", "g", "m", "lr"], ["g", "m", "lr", "a", "b", "t1", "t2"]

    def expression(depth: int) -> str:
        kind = rng.integers(6) if depth else 0
        if kind <= 1:
            return str(rng.choice(known)) if rng.random() < 0.8 else str(rng.integers(-9, 9) / 4)
        if kind == 2:
            return f"tanh({expression(depth - 1)})"
        if kind == 3:
            return f"interp({expression(depth - 1)}, {expression(depth - 1)}, 0.75)"
        return f"({expression(depth - 1)} {rng.choice(['+', '-', '*'])} {expression(depth - 1)})"

    lines = []
    for _ in range(25):
        value = expression(int(rng.integers(3)))
        target = str(rng.choice(pool))
        lines.append(f"{target} = {value}")
        known += [target] * (target not in known)
    returned = [f"({rng.choice(known)} + w * 0.001)" for _ in range(2)]
    assert_python_agrees(body(*lines, f"return {', '.join(returned)}"))


# Round trips


def random_program(rng: np.random.Generator) -> Program:
    """A program that type checks: elementwise functions, names overwritten at will, outputs that are trees."""
    inputs = ("w", "g", *[f"s{i}" for i in range(rng.integers(4))], "lr")
    functions = [row for row in FUNCTIONS.values() if row.rule is Rule.ELEMENTWISE]
    pool = [*inputs[1:], "t1", "t2", "x", "wd", "_", "update"]
    known, statements = list(inputs), []
    for _ in range(rng.integers(30)):
        function = functions[rng.integers(len(functions))]
        constants = [to_constant(v) for v in (rng.normal() * 10.0 ** rng.integers(-9, 9), -rng.exponential(), 2, 1e20)]
        arguments = tuple(
            str(rng.choice(known)) if rng.random() < 0.6 else float(rng.choice(constants))
            for _ in range(function.arity)
        )
        target = str(rng.choice(pool))
        statements.append(Statement(target, function.name, arguments))
        known.append(target)
    outputs = [f"out{i}" for i in range(len(inputs) - 2)]
    statements += [Statement(name, "*", ("w", str(rng.choice(known)))) for name in outputs]
    return Program(inputs, tuple(statements), (*outputs[:-1], str(rng.choice(outputs))))


@pytest.mark.parametrize("seed", range(100))
def test_what_is_printed_is_read_back_as_the_same_program(seed):
    program = random_program(np.random.default_rng(seed))
    assert parse(str(program)) == program
    assert hash(parse(str(program))) == hash(program)


@pytest.mark.parametrize("name", [row.name for row in FUNCTIONS.values() if row.rule is not Rule.NEVER])
def test_every_function_survives_a_round_trip(name):
    arguments = ("w", "lr", "g")[: FUNCTIONS[name].arity]
    if FUNCTIONS[name].rule is Rule.PAIR:
        arguments = ("w", "g")
    program = Program(("w", "g", "lr"), (Statement("x", name, arguments),), ("g",))
    assert parse(str(program)) == program


def test_every_constant_survives_a_round_trip():
    bits = np.random.default_rng(0).integers(0, 2**32, 3000, dtype=np.uint32).view(np.float32)
    constants = [to_constant(value) for value in bits if np.isfinite(value)]
    statements = tuple(Statement("x", "+", ("w", constant)) for constant in constants)
    program = Program(("w", "g", "lr"), statements, ("x",))
    assert parse(str(program)) == program


# Limits


def test_powers_of_constants_are_not_evaluated():
    assert len(parse(body("x = w * 9 ** 9 ** 9 ** 9", "return x, m"))) == 4


def test_the_deepest_and_the_longest_program_allowed_are_read():
    deep = parse(body(f"x = {'sqrt(' * MOST_NESTING}w{')' * MOST_NESTING}", "return x, m"))
    assert len(deep) == MOST_NESTING
    long = parse(body(*["x = sqrt(w)"] * MOST_STATEMENTS, "return x, m"))
    assert len(long) == MOST_STATEMENTS
