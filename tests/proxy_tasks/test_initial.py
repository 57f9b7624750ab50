"""Initial weights: their sizes by what they are, and their order."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import numpy as np
import pytest

from proxy_tasks.models.initial import initial
from proxy_tasks.models.resnet import Norm
from proxy_tasks.randomness import Purpose, stream


class Model(eqx.Module):
    dense: eqx.nn.Linear
    convolution: eqx.nn.Conv2d
    norm: Norm
    positions: jax.Array

    def __init__(self, key):
        self.dense = eqx.nn.Linear(300, 400, key=key)
        self.convolution = eqx.nn.Conv2d(30, 40, 3, key=key)
        self.norm = Norm(8)
        self.positions = jax.numpy.zeros((100, 100))


def test_weights_keep_the_size_of_what_they_are_applied_to():
    model = initial(Model, stream(0, Purpose.WEIGHTS))
    assert model.dense.weight.shape == (400, 300) and model.dense.weight.dtype == np.float32
    assert model.dense.weight.std() == pytest.approx(1 / math.sqrt(300), rel=0.02)
    assert model.convolution.weight.std() == pytest.approx(1 / math.sqrt(270), rel=0.02)
    assert model.positions.std() == pytest.approx(1, rel=0.02)


def test_scales_are_1_and_biases_0():
    model = initial(Model, stream(0, Purpose.WEIGHTS))
    assert (model.norm.weight == 1).all()
    assert not model.norm.bias.any() and not model.dense.bias.any() and not model.convolution.bias.any()


def test_weights_are_a_function_of_the_seed():
    a, b, c = (initial(Model, stream(seed, Purpose.WEIGHTS)).dense.weight for seed in (0, 0, 1))
    assert np.array_equal(a, b) and not np.array_equal(a, c)
