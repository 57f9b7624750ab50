"""docs/tasks.md tells of every built-in task what it costs and what it tells apart."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from proxy_tasks import TASKS, get

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("scale", [1, 10])
@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_its_row_of_this_version(name, scale):
    task = get(name, scale)
    found = re.search(rf"^\| {name} x{scale} \| ([\d,]+), ([\d,]+) \|.*\+-.*\+-.*\+-.*%", PAGE, re.MULTILINE)
    assert found, f"measure it: python scripts/reproduce_tasks.py {name} --scales {scale}"
    assert [int(number.replace(",", "")) for number in found.groups()] == [task.size, task.steps]


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_among_the_families(name):
    families = PAGE.partition("## Families")[2].partition("##")[0]
    assert f"`{name}`" in families


@pytest.mark.parametrize(
    ("adamw", "chance", "shown"),
    [([0.5, 0.5], 1.0, ["50%", "+50.0% +- 0.0%"]), ([0.0, 0.5], 0.0, ["-", "-"]), ([-1.0, 1.0], 1.0, ["0%", "-"])],
)
def test_of_a_loss_that_is_not_above_zero_nothing_is_a_share(adamw, chance, shown, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    point = {"learning_rate": 0.001, "weight_decay": 0.1, "seconds": 1.0}
    row = {"task": "own", "scale": 1, "weights": 2, "steps": 3, "chance": chance}
    row |= {"adamw": {"losses": adamw, **point}, "lion": {"losses": [0.25, 0.25], **point}}
    cells = importlib.import_module("reproduce_tasks").table([row])[-1].strip("| ").split(" | ")
    assert [cells[5], cells[9]] == shown
