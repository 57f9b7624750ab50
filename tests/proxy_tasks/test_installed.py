"""Tasks of installed packages: a distribution of its own, as an installer leaves it on sys.path."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import proxy_tasks
from proxy_tasks import TASKS, TaskError
from proxy_tasks.installed import Declared, declared
from tests.proxy_tasks.distribution import install


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of sys.path."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_the_task_of_an_installed_package_is_found_by_its_name(folder):
    install(folder, "wares", bowl="wares_module:Good")
    assert declared() == [Declared("bowl", "wares_module:Good", "wares 1.0")]
    task = proxy_tasks.get("bowl", scale=10)
    assert (type(task).__module__, task.scale) == ("wares_module", 10)


def test_an_unknown_name_is_answered_with_those_of_installed_packages_too(folder):
    install(folder, "wares", imagenet="wares_module:Good")
    with pytest.raises(TaskError, match="no task 'imagnet'; the nearest are imagenet"):
        proxy_tasks.get("imagnet")


def test_a_built_in_task_goes_before_one_of_its_name(folder):
    install(folder, "wares", digits="wares_module:Good")
    assert type(proxy_tasks.get("digits")) is TASKS["digits"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("wares_module:Absent", "the task bowl of wares 1.0 cannot be used: wares_module has no class 'Absent'"),
        ("absent_module:Good", "of wares 1.0 cannot be used: the module 'absent_module' cannot be imported"),
        ("failing:Good", r"the module 'failing' cannot be imported \(RuntimeError: no licence\)"),
        ("wares_module:points", "of wares 1.0 cannot be used: wares_module:points is not a task"),
        ("wares_module", "wares 1.0 declares bowl as 'wares_module': it should be package.module:Class"),
    ],
)
def test_a_broken_one_is_an_error_only_when_it_is_asked_for(folder, target, message):
    (folder / "failing.py").write_text("raise RuntimeError('no licence')")
    install(folder, "wares", bowl=target, basin="wares_module:Good")
    assert proxy_tasks.get("basin").name == "good"
    with pytest.raises(TaskError, match=message):
        proxy_tasks.get("bowl")


def test_two_packages_with_one_name_are_told_apart_by_the_class(folder):
    install(folder, "wares", bowl="wares_module:Good")
    install(folder, "goods", bowl="goods_module:Good")
    with pytest.raises(TaskError, match="declared by goods 1.0 and by wares 1.0: write goods_module:Good or wares_mod"):
        proxy_tasks.get("bowl")


def test_nothing_is_looked_up_for_a_built_in_task():
    code = (
        "import importlib.metadata\n"
        "importlib.metadata.entry_points = None\n"
        "import proxy_tasks\n"
        "proxy_tasks.get('digits')\n"
        "try: proxy_tasks.get('unknown')\n"
        "except TypeError: print('looked up')"
    )
    root = Path(proxy_tasks.__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert run.stdout == "looked up\n"
