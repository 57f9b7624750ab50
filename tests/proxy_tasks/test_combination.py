"""Several tasks as one."""

from __future__ import annotations

import pytest

import dsl
import proxy_tasks
from proxy_tasks import NEVER, STOPPED_EARLY, TaskError, Trainer

NAMES = ("digits,steps=20", "language,steps=10,width=8,batch=4")
ADAMW = dsl.canonical(dsl.known("adamw", learning_rate=0.01, weight_decay=0.1))


@pytest.fixture(scope="module")
def joined():
    return proxy_tasks.trainer_of(proxy_tasks.get_all(" + ".join(NAMES)))


@pytest.fixture(scope="module")
def alone():
    return [Trainer(proxy_tasks.get(name)) for name in NAMES]


def test_a_trial_is_a_seed_on_a_task(joined, alone):
    for seed in range(2):
        for number, trainer in enumerate(alone):
            assert joined.train(ADAMW, 2 * seed + number, NEVER) == trainer.train(ADAMW, seed)


def test_losses_are_in_units_of_the_references(joined, alone):
    relative = joined.relative_to((0.5, 4.0))
    assert relative.train(ADAMW, 0, NEVER).loss == alone[0].train(ADAMW, 0).loss / 0.5
    assert relative.train(ADAMW, 3, NEVER).loss == alone[1].train(ADAMW, 1).loss / 4.0


def test_a_training_that_has_no_loss_has_none_in_other_units(joined):
    assert joined.relative_to((0.5, 4.0)).train(ADAMW, 0, (0.0, 0.0, 0.0)).kind == STOPPED_EARLY


@pytest.mark.parametrize("text", ["digits + digits", "digits,steps=20,batch=8 + language + digits, batch=8, steps=20"])
def test_a_task_that_stands_twice_is_refused(text):
    with pytest.raises(TaskError, match="digits.* stands twice: remove one, or give it other settings"):
        proxy_tasks.get_all(text)


def test_a_task_may_stand_twice_with_different_settings():
    small, large = proxy_tasks.get_all("digits,batch=8 + digits,batch=16")
    assert small.version != large.version


def test_it_is_called_by_the_names_of_its_tasks(joined):
    assert joined.task.name == " + ".join(NAMES)
    assert joined.task.version == " + ".join(task.version for task in joined.tasks)
    assert joined.task.steps == 20


def test_one_task_is_trained_by_a_trainer_of_its_own():
    assert isinstance(proxy_tasks.trainer_of([proxy_tasks.get("digits")]), Trainer)


def test_a_reference_that_is_not_above_0_is_refused(joined):
    with pytest.raises(TaskError, match="language.*has loss 0, of which others cannot be a multiple"):
        joined.relative_to((0.5, 0.0))
