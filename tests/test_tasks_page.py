"""docs/tasks.md tells of every built-in task what it costs and what it tells apart."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proxy_tasks import TASKS, get

PAGE = (Path(__file__).parents[1] / "docs" / "tasks.md").read_text(encoding="utf-8")


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
