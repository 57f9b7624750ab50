"""Begins a task of your own: writes NAME.py, a small task that works, and test_NAME.py, which checks it with pytest.

Comments in NAME.py say where to change it. No file is overwritten.

examples:
  optsearch tasks new my_task
  optsearch tasks new my_task --dir experiments
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import keyword
import re
from pathlib import Path

from search.errors import SearchError

TEST = '''\
"""Each rule of a task is a test of its own; `optsearch tasks check my_task.py:MyTask` says the same."""

from pathlib import Path

import pytest
from proxy_tasks.testing import CHECKS, Subject

SUBJECT = Subject(f"{Path(__file__).with_name('my_task.py')}:MyTask")


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
def test_my_task(check):
    check(SUBJECT)
'''


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this action."""
    parser.add_argument("name", metavar="NAME", help="of the task: a Python identifier, such as my_task")
    parser.add_argument(
        "--dir", metavar="DIR", type=Path, default=Path(), help="where to, made if it is not there (default: here)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Writes both files and prints what to do with them."""
    name, class_name = arguments.name, "".join(part[:1].upper() + part[1:] for part in arguments.name.split("_"))
    template = importlib.util.find_spec("proxy_tasks.template")
    assert template and template.origin, "it is installed with this"
    texts = {f"{name}.py": Path(template.origin).read_text(encoding="utf-8"), f"test_{name}.py": TEST}
    used = {node.id for node in ast.walk(ast.parse(texts[f"{name}.py"])) if isinstance(node, ast.Name)}
    identifiers = all(word.isidentifier() and not keyword.iskeyword(word) for word in (name, class_name))
    if not identifiers or class_name in used:
        raise SearchError(f"{name!r} cannot name a task: write letters, digits and _, a letter first, such as my_task")
    files = {arguments.dir / file: text for file, text in texts.items()}
    if there := [str(file) for file in files if file.exists()]:
        raise SearchError(f"{' and '.join(there)} would be overwritten: give another name, or another --dir")
    if importlib.util.find_spec(name):
        raise SearchError(f"{name}.py would hide the module {name}: give another name")
    renamed = {"my_task": name, "MyTask": class_name}
    try:
        arguments.dir.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            with open(file, "x", encoding="utf-8") as written:
                written.write(re.sub("|".join(renamed), lambda found: renamed[found[0]], text))
    except OSError as error:
        raise SearchError(f"{error.filename} cannot be written: {error.strerror}") from None
    task, test = files
    print(f"wrote {task} and {test}; change the first, and then:")
    print(f"  optsearch tasks check {task}:{class_name}")
    print(f"  python -m pytest {test}")
    print(f"  optsearch run quickstart --set task={task}:{class_name}")
    return 0
