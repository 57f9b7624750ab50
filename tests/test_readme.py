"""What the README shows works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import dsl
import search
from proxy_tasks.testing import CHECKS
from search.cli import COMMANDS, main

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def code(beginning: str) -> str:
    """The Python block that begins so."""
    return next(block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if block.startswith(beginning))


def test_the_task_of_the_readme_is_begun_checked_and_searched_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    started = []
    monkeypatch.setattr(search, "run", lambda config, directory, console: started.append(config))
    monkeypatch.setattr(search, "summary", lambda result, command: "")
    monkeypatch.setattr("proxy_tasks.testing.CHECKS", {"contract": CHECKS["contract"]})
    lines = re.findall(r"^    optsearch (.*my_task.*)", README, re.MULTILINE)
    assert [main(shlex.split(line, comments=True)) for line in lines] == [0, 0, 0]
    assert [config.task for config in started] == ["my_task.py:MyTask"]


def test_the_snippet_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("my_optimizer.txt").write_text(str(dsl.optimizers["lion"]), encoding="utf-8")
    task = "proxy_tasks.template:MyTask"
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
    assert set(dsl.optimizers) <= set(re.findall(r"[\w.]+\w", README))
    assert all(f"optsearch {command}" in README for command in COMMANDS)
