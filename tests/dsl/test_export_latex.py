"""Exported LaTeX says what the program says, in a display that amsmath sets."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from dsl.export import export
from dsl.export.latex import FORMULAS
from dsl.functions import FUNCTIONS, Rule
from dsl.liveness import prune
from dsl.optimizers import optimizers
from dsl.parser import parse
from tests.dsl.awkward import AWKWARD, PROVENANCE, every_function

PROGRAMS = optimizers | {name: parse(text) for name, text in AWKWARD.items()} | {"every": every_function(0)}
# What stands in plain LaTeX or amsmath.
COMMANDS = set(
    re.findall(
        r"\w+",
        """begin end gets eta epsilon pi mathrm operatorname cos sin tan arcsin arccos arctan sinh cosh tanh exp ln log
        sqrt frac cdot min max left right lVert rVert langle rangle""",
    )
)


def lines(text: str) -> list[str]:
    """Those of the display, without the breaks."""
    display = re.search(r"\\begin\{align\*\}\n(.*)\n\\end\{align\*\}", text, re.DOTALL)
    assert display
    return [line.strip() for line in display[1].split(" \\\\\n")]


def test_lion_reads_as_in_a_paper():
    assert (
        export(optimizers["lion"], "latex", "Seed 3.")
        == r"""% An optimizer found by evolving programs.
%
% Seed 3.
% Needs \usepackage{amsmath}.
\begin{align*}
  \mathrm{update} &\gets (1 - 0.9) \cdot g_t + 0.9 \cdot m_{t-1} \\
  \mathrm{update} &\gets \operatorname{sign}(\mathrm{update}) \\
  m_t &\gets (1 - 0.99) \cdot g_t + 0.99 \cdot m_{t-1} \\
  \mathrm{wd} &\gets w_{t-1} \cdot 0.1 \\
  \mathrm{update} &\gets \mathrm{update} + \mathrm{wd} \\
  \mathrm{lr} &\gets \eta_t \cdot 10^{-4} \\
  \mathrm{update} &\gets \mathrm{update} \cdot \mathrm{lr} \\
  w_t &\gets w_{t-1} - \mathrm{update}
\end{align*}
Here $w_t$ are the weights, $g_t$ is their gradient, $\eta_t$ is the value of a learning-rate
schedule with peak 1, and $m_0 = 0$.
"""
    )


def test_division_shows_its_epsilon_which_is_explained_once():
    text = export(optimizers["adamw"], "latex")
    assert r"\mathrm{sqrt\_v} &\gets \sqrt{|v_t|}" in text
    assert r"&\gets \frac{m_t}{\mathrm{sqrt\_v} + \epsilon}" in text
    assert text.count(r"\epsilon = 10^{-8}") == 1
    assert "epsilon" not in export(optimizers["lion"], "latex")


@pytest.mark.parametrize("name", PROGRAMS)
def test_braces_and_environments_are_balanced_and_every_command_is_known(name):
    text = export(PROGRAMS[name], "latex", PROVENANCE)
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    depth = 0
    for brace in re.findall(r"[{}]", body):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    assert re.findall(r"\\(begin|end)\{([^}]*)", body) == [("begin", "align*"), ("end", "align*")]
    assert body.count(r"\left") == body.count(r"\right") and body.count(r"\lVert") == body.count(r"\rVert")
    assert body.count("$") % 2 == 0 and body.isascii() and "#" not in body and "%" not in body
    assert set(re.findall(r"\\([A-Za-z]+)", body)) <= COMMANDS
    assert all(line.count("&") == 1 for line in lines(text))
    assert not re.search(r"_(\w|\{[^{}]*\})[_]", body)  # two indices of one letter


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_live_statement_is_a_line(name):
    program = prune(PROGRAMS[name])
    shown = lines(export(program, "latex"))
    assert len(program) < len(shown) <= len(program) + len(program.states) + 1


def test_every_function_has_a_formula():
    assert FORMULAS.keys() == {name for name, function in FUNCTIONS.items() if function.rule is not Rule.NEVER}


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("x = g * -0.5", r"g_t \cdot (-0.5)"),
        ("x = g - -0.5", "g_t - (-0.5)"),
        ("x = interp(g, w, -0.5)", r"(1 - (-0.5)) \cdot g_t + (-0.5) \cdot w_{t-1}"),
        ("x = power(2.5e-7, g)", r"(2.5 \cdot 10^{-7})^{g_t}"),
        ("x = norm(g)", r"\lVert g_t \rVert_{\mathrm{leaf}}"),
        ("x = global_norm(g)", r"\lVert g_t \rVert"),
        ("x = norm(lr)", r"|\eta_t|"),
        ("x = log1p(g)", r"\ln |1 + g_t|"),
        ("x = cbrt(g)", r"\sqrt[3]{g_t}"),
    ],
)
def test_a_statement_is_a_formula(statement, shown):
    text = export(parse(f"def train(w, g, lr):\n  {statement}\n  u = x * g\n  return u"), "latex")
    assert lines(text)[0] == rf"x &\gets {shown}"


def test_states_have_the_index_of_their_step_and_names_their_latest_value():
    text = """
        def train(w, g, m2, v, lr):
          m2 = expm1(m2)
          m2 = interp(g, m2, 0.5)
          a_b = v * m2
          return a_b, m2, m2
    """
    assert lines(export(parse(text), "latex")) == [
        r"m_{2} &\gets \exp(m_{2,t-1}) - 1",
        r"m_{2,t} &\gets (1 - 0.5) \cdot g_t + 0.5 \cdot m_{2}",
        r"\mathrm{a\_b} &\gets v_{t-1} \cdot m_{2,t}",
        r"v_t &\gets m_{2,t}",
        r"w_t &\gets w_{t-1} - \mathrm{a\_b}",
    ]


def test_swapped_states_are_not_mixed_up():
    text = "def train(w, g, m, v, lr):\n  m = m + g\n  v = v * 0.5\n  u = m * v\n  return u, v, m"
    assert lines(export(parse(text), "latex"))[3:5] == [r"m_t &\gets v", r"v_t &\gets m"]


def test_the_start_of_a_state_is_not_mixed_up_with_a_variable():
    text = export(parse("def train(w, g, m, lr):\n  m0 = g + 1.0\n  m = m + m0\n  return m, m"), "latex")
    assert "$m_0 = 0$" in text and "m_{0}" not in text
    assert lines(text)[0] == r"\mathrm{m0\_} &\gets g_t + 1.0"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex: install texlive-latex-base")
def test_latex_sets_every_program(tmp_path, descendant, wild):
    programs = [*PROGRAMS.values(), *(make(50, number) for number in range(25) for make in (descendant, wild))]
    displays = "\n".join(export(program, "latex", PROVENANCE) for program in programs)
    head = "\\documentclass{article}\n\\usepackage{amsmath}\n\\begin{document}\n"
    (tmp_path / "all.tex").write_text(f"{head}{displays}\\end{{document}}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]


def test_a_number_with_an_exponent_is_raised_in_parentheses():
    text = export(parse("def train(w, g, lr):\n  a = power(1e-5, g)\n  u = a * square(1e-5)\n  return u"), "latex")
    assert r"(10^{-5})^{g_t}" in text and r"(10^{-5})^2" in text
