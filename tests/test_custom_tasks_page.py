"""docs/custom-tasks.md shows what happens: its files are written, its commands run, their output compared."""

from __future__ import annotations

import io
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from contextlib import redirect_stdout
from pathlib import Path

import pytest

import search
from proxy_tasks.testing import CHECKS
from search.cli import main, task_new

ROOT = Path(search.__file__).parents[1]
PAGE = (ROOT / "docs" / "custom-tasks.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+) ?(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FILES = {content.split()[1]: content for kind, _, content in BLOCKS if kind != "console"}
COMMANDS = [
    (kind, command, expected)
    for language, kind, content in BLOCKS
    if language == "console"
    for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", content, re.MULTILINE)
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """The directory of the walk-through, with the files that the page shows; the package of the page is installed."""
    folder = tmp_path_factory.mktemp("walk")
    for name, content in FILES.items():
        (folder / name).write_text(content, encoding="utf-8")
    project = tomllib.loads(FILES["pyproject.toml"])["project"]
    about = folder / f"cell_tasks-{project['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    ((group, points),) = project["entry-points"].items()
    (about / "entry_points.txt").write_text("\n".join([f"[{group}]", *(" = ".join(pair) for pair in points.items())]))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.syspath_prepend(folder)
        yield folder
    for name in ("cells", "found"):
        sys.modules.pop(name, None)


def output(command: str) -> str:
    """What a command prints."""
    first, *words = shlex.split(command)
    printed = io.StringIO()
    with redirect_stdout(printed):
        if first == "optsearch":
            code = main(words)
            assert code == ("WRONG" in printed.getvalue())
        elif first == "python" and words[0] != "-m":
            runpy.run_path(words[0], run_name="__main__")
        else:
            program = sys.executable if first == "python" else first
            print(subprocess.run([program, *words], stdout=subprocess.PIPE, text=True, check=True).stdout, end="")
    return printed.getvalue()


def masked(text: str) -> str:
    """Without what a machine makes of it: times, and numbers that are not whole."""
    text = re.sub(r"^machine .*$", "machine", text, flags=re.MULTILINE)
    text = re.sub(r"\b[\d.]+ ?(us|ms|s)\b", "TIME", text)
    return re.sub(r"\b\d+\.\d+\b", "NUMBER", text)


def test_every_command_prints_what_the_page_shows(directory):
    assert len(COMMANDS) > 8
    for kind, command, expected in COMMANDS:
        if kind == "slow":
            continue
        found = output(command)
        if kind == "differs":
            assert found and expected
            continue
        pattern = r"(.*\n)*".join(map(re.escape, masked(expected).split("...\n")))  # a line of dots leaves lines out
        assert re.fullmatch(pattern, masked(found)), f"$ {command}\n{found}"


def test_the_tests_of_the_page_are_those_of_a_new_task():
    text = task_new.TEST.replace("my_task", "cells").replace("MyTask", "Cells")
    assert FILES["test_cells.py"] == f"# test_cells.py\n{text}"


@pytest.mark.slow
def test_the_tests_of_the_page_pass(directory):
    output("python make_csv.py")
    ((command, expected),) = [(command, expected) for kind, command, expected in COMMANDS if kind == "slow"]
    assert masked(output(command)) == masked(expected)


def test_the_page_has_a_row_for_every_check():
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == [*CHECKS]
