"""Settings in a task's name: what is taken, and what is refused with what to write."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

import proxy_tasks
from proxy_tasks import TASKS, TaskError

PLACES = {
    "digits_vit,bacth=64": "no setting 'bacth'; did you mean 'batch'?",
    "digits_vit,batch=0": "batch = 0: write 1 or more (examples a step)",
    "digits_vit,batch=2.5": "batch = 2.5: write a whole number",
    "digits_vit,batch=True": "batch = True: write a whole number",
    "digits_vit,warm_up=2": "warm_up = 2: write 0 to 0.9",
    "digits_vit,warm_up=nan": "warm_up = 'nan': write a number",
    "digits_vit,schedule=cosin": "schedule = 'cosin': write cosine or linear or constant",
    "digits_vit,flip=1": "flip = 1: write True or False",
    "digits_vit,batch": "'batch' is no setting: write name=value",
    "digits_vit,batch=1,batch=2": "'batch=2' is no setting: write name=value, each once",
    "digits_vit,scale=10": "give it as `scale`",
    "digits_vit,patch=3": "patch = 3 does not divide images of 8 x 8 pixels",
    "digits_vit,heads=3": "width = 16 is not a multiple of heads = 3",
    "digits_vit,train=2000": "needs more examples than the 1797 there are",
    "language,context=100000": "addresses_small has 985410 bytes",
    "digits,data=addresses_small": "is of the kind text",
    "digits,data=no/such/file.npz": "no/such/file.npz",
}


@pytest.mark.parametrize("name", PLACES)
def test_what_does_not_fit_is_refused_with_what_to_write(name):
    with pytest.raises(TaskError, match=re.escape(PLACES[name])):
        proxy_tasks.get(name)


def test_settings_reach_the_task_and_its_name_and_version():
    plain, changed = proxy_tasks.get("digits_vit"), proxy_tasks.get("digits_vit, batch=64, fitness=accuracy")
    assert changed.settings.batch == 64 and changed.settings.fitness == "accuracy"
    assert changed.name == "digits_vit,batch=64,fitness=accuracy"
    assert changed.version != plain.version
    assert len(next(iter(changed.batches(0).values()))[0]) == 64


def test_a_users_own_class_takes_settings_too(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from proxy_tasks.vision_mlp import Digits\n"
        "class Mine(Digits):\n"
        "    def __init__(self, scale=1, hidden=8):\n"
        "        super().__init__(scale, width=hidden)\n"
    )
    assert proxy_tasks.get(f"{file}:Mine,hidden=4").settings.width == 4
    with pytest.raises(TaskError, match="name a setting that it takes"):
        proxy_tasks.get(f"{file}:Mine,hiden=4")


@pytest.mark.parametrize("name", TASKS)
def test_every_setting_has_a_meaning(name):
    assert all(len(part.metadata["meaning"]) > 8 for part in fields(proxy_tasks.get(name).settings))
