"""A task that keeps every rule, and others that each break one."""

from __future__ import annotations

import itertools
import time

import jax
import jax.numpy as jnp
import numpy as np

from proxy_tasks import Task, TaskError, fingerprint

EXAMPLES = {"train": 100, "evaluation": 40, "test": 40}
CALLS = itertools.count(1)


def points(seed: int, count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 4)).astype(np.float32)
    return {"x": x, "y": x @ np.array([1, -2, 3, 0.5], np.float32) + 1}


class Good(Task):
    name = "good"

    def __init__(self, scale=1):
        if scale not in (1, 10):
            raise TaskError(f"good has no scale {scale}: it has 1, 10")
        self.scale, self.steps = scale, 40 * scale
        self.version = fingerprint(self.name, scale)

    def parts(self):
        return [points(seed, count) for seed, count in enumerate(EXAMPLES.values())]

    def data(self):
        train, evaluation, _ = self.parts()
        return {"train": train, "evaluation": evaluation}

    def test_data(self):
        train, _, test = self.parts()
        return {"train": train, "evaluation": test}

    def init(self, seed):
        # The last layer starts at zero, so that the first has no gradient at first.
        return {"in": np.eye(4, dtype=np.float32), "out": np.zeros(4, np.float32), "bias": np.zeros((), np.float32)}

    def batches(self, seed):
        return np.random.default_rng(seed).integers(100, size=(self.steps, 8))

    def error(self, weights, examples):
        return jnp.mean((examples["x"] @ weights["in"] @ weights["out"] + weights["bias"] - examples["y"]) ** 2)

    def loss(self, weights, data, batch):
        return self.error(weights, jax.tree.map(lambda array: array[batch], data["train"]))

    def evaluate(self, weights, data):
        return self.error(weights, data["evaluation"])

    def schedule(self):
        return np.linspace(1, 0, self.steps, endpoint=False, dtype=np.float32)


class NoWeights(Good):
    def init(self, seed):
        return {"w": {}["absent"]}


class DoubleWeights(Good):
    def init(self, seed):
        return {name: np.asarray(array, np.float64) for name, array in super().init(seed).items()}


class PlainNumbers(Good):
    def init(self, seed):
        return {**super().init(seed), "bias": 0.0}


class SpoiltData(Good):
    def parts(self):
        parts = super().parts()
        parts[0]["x"][3, 1] = np.nan
        return parts

    def batches(self, seed):
        return np.zeros((self.steps, 8), int) + 3


class LogarithmOfZero(Good):
    def loss(self, weights, data, batch):
        return super().loss(weights, data, batch) + jnp.log(jnp.sum(weights["out"]))


class RootOfZero(Good):
    def loss(self, weights, data, batch):
        return super().loss(weights, data, batch) + jnp.sqrt(jnp.sum(weights["out"] ** 2))


class InfiniteFitness(Good):
    def evaluate(self, weights, data):
        return super().evaluate(weights, data) / jnp.sum(weights["out"])


class UnusedWeights(Good):
    def init(self, seed):
        return {**super().init(seed), "layers": [np.ones(3, np.float32)]}


class PastTheEnd(Good):
    def batches(self, seed):
        return np.random.default_rng(seed).integers(101, size=(self.steps, 8))


class EvaluatesPastTheEnd(Good):
    def evaluate(self, weights, data):
        return self.error(weights, jax.tree.map(lambda array: array[jnp.arange(41)], data["evaluation"]))


class OtherWeightsEachTime(Good):
    def init(self, seed):
        return {**super().init(seed), "bias": np.float32(next(CALLS))}


class OtherDataInEachInstance(Good):
    def __init__(self, scale=1):
        super().__init__(scale)
        self.made = time.monotonic_ns() % 1_000_003

    def parts(self):
        train, *others = super().parts()
        return [{**train, "y": train["y"] + self.made}, *others]


class OtherInEachProcess(Good):
    def __init__(self, scale=1):
        super().__init__(scale)
        self.version = str(hash((self.name, scale)))

    def parts(self):
        train, *others = super().parts()
        return [{**train, "y": train["y"] + hash("a text") % 1000}, *others]


class BreaksInAnotherProcess(Good):
    def __init__(self, scale=1):
        super().__init__(scale)
        if "pytest" not in __import__("sys").modules:
            raise RuntimeError("not here")


class SeedsAreNothing(Good):
    def batches(self, seed):
        return super().batches(0)


class CountsItsCalls(Good):
    calls = 0

    def evaluate(self, weights, data):
        self.calls += 1
        return super().evaluate(weights, data) + self.calls


class DrawsInTheLoss(Good):
    def loss(self, weights, data, batch):
        return super().loss(weights, data, batch) + np.random.default_rng().normal()


class SharedExample(Good):
    def parts(self):
        train, evaluation, test = super().parts()
        return [train, jax.tree.map(lambda a, b: np.concatenate([a, b[:1]]), evaluation, train), test]


class TestAmongEvaluation(Good):
    def parts(self):
        train, evaluation, test = super().parts()
        return [train, evaluation, jax.tree.map(lambda a, b: np.concatenate([a, b[:2]]), test, evaluation)]


class NoTestSplit(Good):
    def test_data(self):
        return self.data()


class OtherArraysForTest(Good):
    def test_data(self):
        return {"train": self.parts()[0], "test": self.parts()[2]}


class TrainsOnEvaluation(Good):
    def loss(self, weights, data, batch):
        return super().loss(weights, data, batch) + 0.1 * self.error(weights, data["evaluation"])


class EvaluatesItsOwn(Good):
    def evaluate(self, weights, data):
        return self.error(weights, self.parts()[1])


class OpensTheTestSplit(Good):
    def data(self):
        self.test_data()
        return super().data()


class NoVersion(Good):
    def __init__(self, scale=1):
        super().__init__(scale)
        self.version = ""


class OneVersion(Good):
    def __init__(self, scale=1):
        super().__init__(scale)
        self.version = "1"


class NoFirstScale(Good):
    def __init__(self, scale=1):
        if scale == 1:
            raise TaskError("good starts at scale 10")
        super().__init__(scale)


class LearnsNothing(Good):
    def evaluate(self, weights, data):
        return -super().evaluate(weights, data)


class NarrowLoss(Good):
    def loss(self, weights, data, batch):
        return super().loss(weights, data, batch) + jnp.log(1e-5 - jnp.abs(jnp.sum(weights["out"])))
