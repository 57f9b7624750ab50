"""The conformance suite: what it says of a task that keeps the rules, and of tasks that break one each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proxy_tasks import TaskError
from proxy_tasks.cost import Cost, measure
from proxy_tasks.testing import CHECKS, Subject
from tests.proxy_tasks import broken

FILE = Path(__file__).with_name("broken.py")

GOOD, NARROW = Subject(f"{FILE}:Good"), Subject(f"{FILE}:NarrowLoss")


@pytest.mark.parametrize("check", CHECKS)
def test_a_task_that_keeps_the_rules_passes(check):
    assert CHECKS[check](GOOD)


BROKEN = {
    ("NoWeights", "contract"): f"init() failed at {FILE}:",
    ("DoubleWeights", "contract"): "init() gives weights of float64: make all float32",
    ("PlainNumbers", "contract"): "init() gives weights of float32, float64: make all float32",
    ("SpoiltData", "start"): "loss() is nan at the start: mend data()['train']['x'], where there are values",
    ("LogarithmOfZero", "start"): "loss() is -inf at the start: look for a division by 0",
    ("RootOfZero", "start"): "the gradient of loss() at the start (seed 0) is not finite in ['out']: keep roots",
    ("InfiniteFitness", "start"): "evaluate() is inf at the start, and loss() is not",
    ("UnusedWeights", "gradients"): "the gradient of loss() is always zero for ['layers'][0], which nothing uses",
    ("PastTheEnd", "indices"): "reads what is not there, for which JAX takes something else in silence: out-of-bounds"
    " indexing for array of shape (100, 4): index 100 is out of bounds for axis 0 with size 100. Let batches()",
    ("EvaluatesPastTheEnd", "indices"): "evaluate() reads what is not there",
    ("OtherWeightsEachTime", "repeats"): "init(0), init(1), init(2) is another when it is called again",
    ("OtherDataInEachInstance", "repeats"): "data(), test_data() is another in a second instance",
    ("OtherInEachProcess", "processes"): "data(), test_data(), version is another in another process: look for hash()",
    ("BreaksInAnotherProcess", "processes"): "cannot be made in another process: proxy_tasks.errors.TaskError:",
    ("SeedsAreNothing", "seeds"): "init() and batches() are the same for different seeds: draw from",
    ("CountsItsCalls", "pure"): "evaluate() is another in a second instance: look for what the task draws or counts",
    ("DrawsInTheLoss", "pure"): "loss() is another in a second instance",
    ("SharedExample", "splits"): "1 of the examples of data()['evaluation'] are also in data()['train']: divide",
    (
        "TestAmongEvaluation",
        "splits",
    ): "2 of the examples of test_data()['evaluation'] are also in data()['evaluation']",
    ("NoTestSplit", "splits"): "test_data() gives what data() gives: put the test split in place",
    (
        "OtherArraysForTest",
        "splits",
    ): "test_data() has ['test']['x'], ['test']['y'], ['train']['x'], ['train']['y'] and",
    ("TrainsOnEvaluation", "reads"): "loss() changes with test_data(): let it read the training split alone",
    ("EvaluatesItsOwn", "reads"): "evaluate() is the same for data() and test_data(): let it read its argument",
    ("OpensTheTestSplit", "closed"): "another method calls test_data(): keep the test split for reports alone",
    ("NoVersion", "version"): "version is '': make it proxy_tasks.fingerprint(",
    ("OneVersion", "version"): "version is 1 at scale 10 as at scale 1: put the scale into fingerprint()",
    ("LearnsNothing", "learns"): "the same thing",
    ("NarrowLoss", "learns"): "a training by AdamW is not finite with any learning rate from 0.0003 to 0.1",
}


@pytest.mark.parametrize(("name", "check"), BROKEN, ids=[name for name, _ in BROKEN])
def test_a_task_that_breaks_a_rule_is_told_what_to_change(name, check):
    with pytest.raises(TaskError, match=re.escape(BROKEN[name, check])) as caught:
        CHECKS[check](NARROW if name == "NarrowLoss" else Subject(f"{FILE}:{name}"))
    assert str(caught.value).startswith("good: ") and "\n" not in str(caught.value)


def test_every_check_is_seen_to_fail():
    assert {check for _, check in BROKEN} == CHECKS.keys() - {"scales"}
    classes = {
        name for name, value in vars(broken).items() if isinstance(value, type) and value.__module__ == broken.__name__
    }
    assert classes == {name for name, _ in BROKEN} | {"Good", "NoFirstScale"}


def test_a_task_without_scale_1_is_told_so():
    with pytest.raises(TaskError, match="good starts at scale 10"):
        CHECKS["scales"](Subject(f"{FILE}:NoFirstScale", 10))


def test_chance_is_reported_and_has_to_be_bettered(monkeypatch):
    monkeypatch.setattr(GOOD.task, "chance", 15.25, raising=False)
    assert CHECKS["learns"](GOOD).endswith("; chance is 15.25")
    monkeypatch.setattr(GOOD.task, "chance", 1e-6, raising=False)
    with pytest.raises(TaskError, match="no better than chance, 1e-06: give more steps"):
        CHECKS["learns"](GOOD)


def test_the_cost_of_a_candidate_is_that_of_the_task():
    found = measure(GOOD)
    assert (found.weights, found.steps) == (21, 40)
    assert found.data_bytes == 140 * 5 * 4 and found.batches_bytes == 40 * 8 * 4
    assert found.training_s > 0 and found.compile_s > 0


def test_what_does_not_train_has_no_cost():
    with pytest.raises(TaskError, match="AdamW trains with no learning rate"):
        measure(NARROW)


def test_the_cost_is_a_table_for_people():
    cost = Cost("jax on cpu", 1234567, 200, 0.25, 12.5, 1_500_000, 640)
    assert cost.table().splitlines() == [
        "weights             1,234,567",
        "steps               200",
        "a training          250 ms, 1.25 ms a step",
        "compiling           12.5 s, NOT under 10 s",
        "data on the device  1.5 MB",
        "batches of a seed   640 bytes",
        "machine             jax on cpu",
    ]
