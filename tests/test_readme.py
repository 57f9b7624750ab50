"""What the README shows works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dsl
import proxy_tasks
import search

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def code(beginning: str) -> str:
    """The Python block that begins so."""
    return next(block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if block.startswith(beginning))


@pytest.fixture
def task(tmp_path: Path) -> str:
    (tmp_path / "line.py").write_text(code("import jax.numpy"), encoding="utf-8")
    return f"{tmp_path / 'line.py'}:Line"


def test_the_task_of_the_readme_is_learned(task):
    line = proxy_tasks.get(task)
    learned = proxy_tasks.train(dsl.known("adamw", learning_rate=0.2), line)
    idle = proxy_tasks.train(dsl.known("adamw", learning_rate=1e-9), line)
    assert learned.loss < 0.01 * idle.loss


def test_the_snippet_of_the_readme_runs(task, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("my_optimizer.txt").write_text(str(dsl.optimizers["lion"]), encoding="utf-8")
    snippet = code("from pathlib import Path").replace('get("digits_vit")', f"get({task!r})")
    small = f"search.Config(task={task!r}, population=10, funnel=search.FunnelConfig(scales=()), seed=1,"
    snippet = snippet.replace("search.Config(seed=1,", small).replace("generated=2000", "generated=20")
    names: dict = {}
    exec(snippet, names)
    assert names["outcome"].kind == "trained" and isinstance(names["result"], search.Result)


def test_the_program_of_the_readme_is_lion():
    text = README[README.index("    def train(w, g, m, lr):\n      update = interp(g, m, 0.9)") :]
    assert dsl.parse(text[: text.index("\n\n")]) == dsl.optimizers["lion"]


def test_the_readme_names_every_known_optimizer_and_subcommand():
    from search.cli import COMMANDS

    assert set(dsl.optimizers) <= set(re.findall(r"[\w.]+\w", README))
    assert all(f"optsearch {command}" in README for command in COMMANDS)
