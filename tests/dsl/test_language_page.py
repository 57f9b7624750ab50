"""docs/language.md says what the code does: its table, examples, identities, limits and probabilities."""

from __future__ import annotations

import doctest
import importlib.util
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import dsl
from dsl import forms, graph, mutation, parser, ranges, states
from dsl.checker import is_valid
from dsl.functions import FUNCTIONS, Rule
from dsl.mutation import Mutation, MutationSettings
from dsl.program import Program, Statement

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")

_spec = importlib.util.spec_from_file_location("make_docs", ROOT / "scripts" / "make_docs.py")
assert _spec and _spec.loader
make_docs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_docs)


# The table of functions.


def test_table_is_current():
    assert make_docs.main(["--check"]) == 0


@pytest.mark.parametrize("page, old, new", [("language", "`abs(x)`", "`abs(y)`"), ("configuration", "`1000`", "`999`")])
def test_a_page_that_is_not_current_is_found_and_written(tmp_path, capsys, page, old, new):
    current = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "docs").glob("*.md")}
    for name, text in current.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    file = tmp_path / f"{page}.md"
    stale = current[file.name].replace(old, new)
    file.write_text(stale, encoding="utf-8")
    assert make_docs.main(["--check"], tmp_path) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert file.read_text(encoding="utf-8") == stale != current[file.name]
    assert make_docs.main([], tmp_path) == 0
    assert {name: (tmp_path / name).read_text(encoding="utf-8") for name in current} == current


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_is_called_as_the_table_writes_it(name):
    row = FUNCTIONS[name]
    call = row.usage()
    assert f"| `{call}` | {make_docs.escape(row.formula)} | {row.types} |" in PAGE
    text = f"def train(x, y, a): return x * ({call.replace('y)', 'a)') if row.rule is Rule.CLIP else call})"
    if row.rule is Rule.NEVER:
        with pytest.raises(dsl.ProgramError, match=row.rule.value):
            dsl.parse(text)
    else:
        assert dsl.parse(text).statements[0].function == name


# Examples, limits, names.


def test_code_examples_print_what_the_page_shows():
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "language.md", None, None)
    assert len(examples.examples) > 8
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples).failed == 0


def test_every_file_that_the_page_names_holds_the_names_it_gives():
    paths = set(re.findall(r"\b(?:dsl|docs|scripts|tests)/[\w/]+\.\w+", PAGE))
    assert len(paths) > 10 and all((ROOT / path).is_file() for path in paths)
    pairs = re.findall(r"`([\w/]+\.py)`, `(\w+)`", PAGE)
    assert len(pairs) > 5
    for path, name in pairs:
        assert re.search(rf"^(\w.* )?{name}\b.* = ", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), (
            path,
            name,
        )


def test_limits_are_those_of_the_code():
    settings = MutationSettings()
    phrases = (
        f"{parser.MOST_CHARACTERS:,} characters",
        f"{parser.MOST_STATEMENTS:,} calls",
        f"nests {parser.MOST_NESTING} deep",
        f"at most {parser.MOST_NAME} characters",
        f"at most 1e{np.log10(ranges.ORDINARY.high):.0f} in magnitude",
        f"at most 1e{np.log10(ranges.MOST_NUMBERS):.0f} weights",
        f"[0, {ranges.LEARNING_RATE.high:.0f}]",
        f"below {forms.SMALLEST:g} or above 1e{np.log10(forms.LARGEST):.0f}",
        f"more than {graph.MOST_EXPANDED_TERMS} terms",
        f"powers above {graph.MOST_POWER}",
        f"more than {states.MOST_PERMUTED} states",
        f"a valid edit in {mutation.MOST_TRIES:,} draws",
        f"a constant, with {settings.constant_probability} x its density",
        f"a new variable, with {settings.new_variable_probability};",
        f"`max_statements`, by default {settings.max_statements}",
    )
    text = " ".join(PAGE.split())
    assert [phrase for phrase in phrases if phrase not in text] == []
    assert settings.insert == settings.delete == settings.modify == 1.0


# Identities.

PAIRS = re.findall(r"`([^`]+)` ([=≠])\s`([^`]+)`", PAGE)


def program(text: str) -> Program:
    """What an expression, or statements up to a return, stands for on the page."""
    if not text.split("; ")[-1].startswith("return "):
        return dsl.parse(f"def train(w, g, lr): return {text}")
    states = re.search(r"(?:, [mv])*$", text)
    return dsl.parse("\n  ".join([f"def train(w, g{states and states[0]}, lr):", *text.split("; ")]))


def numbers(seed: int) -> np.ndarray:
    """float32 numbers from 1e-3 to 30, and zeros of both signs."""
    rng = np.random.default_rng(seed)
    found = rng.choice([-1.0, 1.0], 20_000) * 10 ** rng.uniform(-3, 1.5, 20_000)
    found[:2000] *= 0.0
    return rng.permutation(found).astype(np.float32)


def same_bits(x: np.ndarray, y: np.ndarray) -> bool:
    return np.array_equal(x.view(np.uint32), y.view(np.uint32))


def close(x: np.ndarray, y: np.ndarray) -> bool:
    return np.allclose(x, y, rtol=2e-6, atol=2e-6)


AGREE = {  # by how the row of a class begins
    "exact": same_bits,
    "up to the sign of zero": np.array_equal,
    "false only at inf and NaN": np.array_equal,
    "rounding": close,
}
CLASSES = [
    (name, left, right)
    for line in PAGE.splitlines()
    for name in AGREE
    if line.startswith(f"| {name}")
    for left, _, right in re.findall(r"`([^`]+)` (=)\s`([^`]+)`", line)
]


def test_the_page_has_identities_of_every_class():
    assert len(PAIRS) > 90 and {relation for _, relation, _ in PAIRS} == {"=", "≠"}
    assert PAGE.count("` = `") + len(re.findall(r"` ≠\s`", PAGE)) == len(PAIRS)
    assert {name for name, *_ in CLASSES} == set(AGREE)


@pytest.mark.parametrize(("left", "relation", "right"), PAIRS)
def test_programs_share_a_hash_where_the_page_says_so(left, relation, right, train):
    one, other = program(left), program(right)
    same = dsl.canonical_hash(one) == dsl.canonical_hash(other)
    assert same == (relation == "="), f"{dsl.canonical(one)}\n{dsl.canonical(other)}"
    if same:
        assert dsl.canonical(one) == dsl.canonical(other)
        np.testing.assert_allclose(train(one), train(other), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("name", "left", "right"), CLASSES)
def test_identity_is_of_its_class_in_float32(name, left, right):
    with np.errstate(all="ignore"):
        x, y = (dsl.step(program(text), numbers(0), numbers(1), [], 0.7)[0] for text in (left, right))
    finite = np.isfinite(x)
    assert np.array_equal(finite, np.isfinite(y)) and finite.mean() > 0.8
    assert AGREE[name](x[finite], y[finite])


def test_hashes_that_differ_in_the_37th_bit_have_one_text():
    one, other = program("get_e() * g"), program("exp(1) * g")
    assert dsl.canonical(one) == dsl.canonical(other)


# Mutation.

SIGNSGD = dsl.optimizers["signsgd"]
MUTATIONS = {
    "signsgd": (SIGNSGD, MutationSettings()),
    "a statement without arguments": (
        dsl.parse("def train(w, g, lr):\n  x = get_pi()\n  update = interp(g, w, 0.5)\n  return update"),
        MutationSettings(3.0, 0.5, 2.0, constant_probability=0.6, new_variable_probability=0.1),
    ),
    "as long as allowed": (SIGNSGD, MutationSettings(max_statements=3)),
    "constants only": (
        dsl.parse("def train(w, g, lr):\n  x = interp(0.1, g, 0.5)\n  x = x + w\n  x = x * 0.3\n  return x"),
        MutationSettings(constants_only=True),
    ),
}
CONSTANT = 0.5  # stands for all, and is shown as C
Edit = tuple[str, float, tuple[Statement, ...]]  # what is done, q, the statements after it


def argument_choices(names: list[str], settings: MutationSettings) -> list[tuple[str | float, float]]:
    """Each argument with its A."""
    p = settings.constant_probability
    return [(CONSTANT, p), *((name, (1 - p) / len(names)) for name in names)]


def variables(parent: Program, place: int) -> list[str]:
    return list(dict.fromkeys([*parent.inputs, *(s.target for s in parent.statements[: place - 1])]))


def insertions(parent: Program, settings: MutationSettings) -> Iterator[Edit]:
    lines, drawn = parent.statements, [row for row in FUNCTIONS.values() if row.rule is not Rule.NEVER]
    names, new = variables(parent, len(lines) + 1), settings.new_variable_probability
    targets = [(f"v{len(names)}", new), *((name, (1 - new) / len(names)) for name in names)]
    for place in range(1, len(lines) + 2):
        for row in drawn:
            for chosen in product(argument_choices(variables(parent, place), settings), repeat=row.arity):
                for target, t in targets:
                    line = Statement(target, row.name, tuple(a for a, _ in chosen))
                    q = settings.insert * t / (len(lines) + 1) / len(drawn) * math.prod(p for _, p in chosen)
                    yield f"insert at place {place} {show(line)}", q, (*lines[: place - 1], line, *lines[place - 1 :])


def deletions(parent: Program, settings: MutationSettings) -> Iterator[Edit]:
    lines = parent.statements
    for i in range(len(lines)):
        yield f"delete statement {i + 1}", settings.delete / len(lines), lines[:i] + lines[i + 1 :]


def modifications(parent: Program, settings: MutationSettings) -> Iterator[Edit]:
    lines, only = parent.statements, settings.constants_only
    slots = {i: [k for k, a in enumerate(s.arguments) if not only or isinstance(a, float)] for i, s in enumerate(lines)}
    able = [i for i, found in slots.items() if found]
    for i in able:
        target, function, old = lines[i]
        for slot in slots[i]:
            others = [name for name in variables(parent, i + 1) if name != old[slot]]
            choices = argument_choices(others, settings) if isinstance(old[slot], str) else [(CONSTANT, 1.0)]
            for a, p in choices:
                line = Statement(target, function, (*old[:slot], a, *old[slot + 1 :]))
                q = settings.modify * p / len(able) / len(slots[i])
                yield f"modify statement {i + 1} to {show(line)}", q, (*lines[:i], line, *lines[i + 1 :])


def probabilities(parent: Program, settings: MutationSettings) -> dict[str, float]:
    """P of each valid edit by the formulas of the page."""
    edits = [*modifications(parent, settings)]
    if not settings.constants_only:
        edits += deletions(parent, settings)
        edits += insertions(parent, settings) if len(parent) < settings.max_statements else ()
    valid: dict[str, float] = defaultdict(float)
    for edit, q, statements in edits:
        if is_valid(Program(parent.inputs, statements, parent.outputs)):
            valid[edit] += q
    total = sum(valid.values())
    return {edit: q / total for edit, q in valid.items()}


def show(statement: Statement) -> str:
    arguments = tuple("C" if isinstance(a, float) else a for a in statement.arguments)
    return f"`{statement._replace(arguments=arguments)}`"


def edit_of(child: Program, made: Mutation) -> str:
    number = made.statement + 1
    if made.kind == "delete":
        return f"delete statement {number}"
    shown = show(child.statements[made.statement])
    return f"insert at place {number} {shown}" if made.kind == "insert" else f"modify statement {number} to {shown}"


def test_probabilities_that_the_page_shows_are_those_of_its_formulas():
    found = probabilities(*MUTATIONS["signsgd"])
    shown = re.findall(r"^\| ((?:delete|modify|insert) [^|]+) \| ([\d.e-]+) \|$", PAGE, re.MULTILINE)
    assert len(shown) > 4
    for edit, p in shown:
        assert float(p) == pytest.approx(found[edit], rel=0.05), edit


@pytest.mark.parametrize("case", MUTATIONS)
def test_edits_arise_as_often_as_the_formulas_say(case):
    parent, settings = MUTATIONS[case]
    count, rng = 20_000, np.random.Generator(np.random.Philox(key=[70, 0]))
    met = Counter(edit_of(*dsl.propose(parent, rng, settings)) for _ in range(count))
    predicted = probabilities(parent, settings)
    assert met.keys() <= predicted.keys()
    squares, bins, expected, found = 0.0, 0, 0.0, 0
    for edit, p in predicted.items():  # neighbours are put together until 20 are expected
        expected, found = expected + count * p, found + met[edit]
        if expected >= 20:
            squares, bins, expected, found = squares + (found - expected) ** 2 / expected, bins + 1, 0.0, 0
    assert squares < bins + 4 * math.sqrt(2 * bins)  # chi-squared: mean `bins`, variance 2 `bins`
