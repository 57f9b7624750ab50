"""Finding tasks by name, in modules and in files."""

from __future__ import annotations

import sys

import pytest

import proxy_tasks
from proxy_tasks import TASKS, Task, TaskError

MINE = '''
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import proxy_tasks


@dataclass(frozen=True)
class Settings:
    steps: int = 5


class Bowl(proxy_tasks.Task):
    """The bottom of a bowl."""

    name = "bowl"
    version = "1"

    def __init__(self, scale=1):
        self.scale, self.steps = scale, Settings().steps * scale

    def data(self):
        return {"train": np.zeros(1, np.float32), "evaluation": np.zeros(1, np.float32)}

    test_data = data

    def init(self, seed):
        return {"x": np.full(3, 1 + seed, np.float32)}

    def batches(self, seed):
        return np.zeros((self.steps, 1), np.int32)

    def loss(self, weights, data, batch):
        return (weights["x"] ** 2).sum()

    def evaluate(self, weights, data):
        return (weights["x"] ** 2).sum()

    def schedule(self):
        return np.ones(self.steps, np.float32)


class Other:
    pass


class Unfinished(proxy_tasks.Task):
    def __init__(self, scale=1):
        pass
'''


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_found_by_the_name_it_has(name):
    task = proxy_tasks.get(name, scale=10)
    assert isinstance(task, Task) and (task.name, task.scale) == (name, 10)


@pytest.mark.parametrize(("typed", "meant"), [("digit", "digits"), ("digitsvit", "digits_vit"), ("Digits", "digits")])
def test_an_unknown_name_is_answered_with_the_nearest(typed, meant):
    with pytest.raises(TaskError, match=f"no task '{typed}'.* {meant}[,.]"):
        proxy_tasks.get(typed)


def test_a_name_near_to_nothing_is_answered_with_all():
    with pytest.raises(TaskError, match=", ".join(TASKS)):
        proxy_tasks.get("imagenet")


def test_an_unknown_scale_is_answered_with_the_known_ones():
    with pytest.raises(TaskError, match="digits has no scale 7: it has 1, 10, 100"):
        proxy_tasks.get("digits", scale=7)


def test_a_task_of_one_s_own_is_found_in_a_file(mine):
    task = proxy_tasks.get(f"{mine}:Bowl", scale=10)
    assert (task.name, task.steps, task.size) == ("bowl", 50, 3)


def test_a_task_of_one_s_own_is_found_in_a_module(mine, monkeypatch):
    monkeypatch.syspath_prepend(mine.parent)
    mine.rename(mine.with_name("a_module_of_mine.py"))
    assert proxy_tasks.get("a_module_of_mine:Bowl").name == "bowl"


def test_two_files_of_one_name_are_two_modules(mine, tmp_path):
    other = tmp_path / "other" / "mine.py"
    other.parent.mkdir()
    other.write_text(MINE.replace('"bowl"', '"basin"'))
    assert [proxy_tasks.get(f"{path}:Bowl").name for path in (mine, other)] == ["bowl", "basin"]


def test_a_file_may_import_what_lies_beside_it_and_hides_no_package(mine, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [*sys.path])
    (tmp_path / "beside_the_task.py").write_text("VERSION = 'from beside'\n")
    (tmp_path / "numpy.py").write_text("raise RuntimeError('the wrong one')\n")
    mine.write_text("from beside_the_task import VERSION\n" + MINE.replace("from __future__ import annotations", ""))
    mine.write_text(mine.read_text().replace('version = "1"', "version = VERSION"))
    assert proxy_tasks.get(f"{mine}:Bowl").version == "from beside"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TaskError, match=r"no file .*absent\.py"):
        proxy_tasks.get(f"{tmp_path}/absent.py:Bowl")


def test_a_file_that_fails_is_named_with_its_error(mine):
    mine.write_text("import nothing_of_this_name")
    with pytest.raises(TaskError, match=r"mine\.py cannot be imported \(ModuleNotFoundError: .*nothing_of_this_name"):
        proxy_tasks.get(f"{mine}:Bowl")


def test_a_missing_module_is_named():
    with pytest.raises(TaskError, match="'nothing.of_this_name' cannot be imported"):
        proxy_tasks.get("nothing.of_this_name:Bowl")


def test_a_missing_class_is_answered_with_the_tasks_there_are(mine):
    with pytest.raises(TaskError, match=r"no class 'Bowls'; its tasks: Bowl, Unfinished"):
        proxy_tasks.get(f"{mine}:Bowls")


def test_a_file_alone_is_answered_with_its_tasks(mine):
    with pytest.raises(TaskError, match=rf"mine\.py is a file: name its task, {mine}:Bowl or {mine}:Unfinished"):
        proxy_tasks.get(str(mine))


def test_a_class_that_is_no_task_is_refused(mine):
    with pytest.raises(TaskError, match=r"Other is not a task: write `class Other\(proxy_tasks\.Task\)`"):
        proxy_tasks.get(f"{mine}:Other")


def test_a_task_that_lacks_methods_is_refused_with_their_names(mine):
    with pytest.raises(TaskError, match=r"Unfinished lacks batches, data, evaluate, init, loss, schedule, test_data"):
        proxy_tasks.get(f"{mine}:Unfinished")


def test_a_task_that_lacks_attributes_is_refused_with_their_names(mine):
    mine.write_text(MINE.replace('version = "1"', "").replace("self.scale, self.steps = ", "_ = "))
    with pytest.raises(TaskError, match=r"Bowl does not set scale, steps, version"):
        proxy_tasks.get(f"{mine}:Bowl")
