"""A task that breaks its contract is refused in one line that says what to change."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from proxy_tasks import TaskError, Trainer, get


def task(**broken):
    found = get("digits")
    for name, value in broken.items():
        setattr(found, name, value)
    return found


def fails(*arguments):
    raise FileNotFoundError("x.csv")


BREACHES = {
    "batches too few": ({"batches": lambda seed: np.zeros((50, 16), np.int32)}, "batches() has leading axis (50,)"),
    "batches of nothing": ({"batches": lambda seed: np.int32(3)}, "batches() has leading axis ()"),
    "integer weights": ({"init": lambda seed: {"w": np.zeros(3, np.int32)}}, "init() gives weights of int32"),
    "double weights": ({"init": lambda seed: {"w": np.zeros(3)}}, "init() gives weights of float64"),
    "no weights": ({"init": lambda seed: {}}, "init() gives no weights"),
    "short schedule": (
        {"schedule": lambda: np.ones(3, np.float32)},
        "schedule() has shape (3,), lowest value 1 and peak 1",
    ),
    "negative schedule": (
        {"schedule": lambda: np.linspace(-0.1, 1, 200, dtype=np.float32)},
        "schedule() has shape (200,), lowest value -0.1 and peak 1; give one learning rate for each of the 200 steps,"
        " from 0 to 1, with peak 1",
    ),
    "high peak": (
        {"schedule": lambda: np.full(200, 1.01, np.float32)},
        "schedule() has shape (200,), lowest value 1.01 and peak 1.01",
    ),
    "low peak": (
        {"schedule": lambda: np.full(200, 0.1, np.float32)},
        "schedule() has shape (200,), lowest value 0.1 and peak 0.1",
    ),
    "vector loss": ({"loss": lambda w, d, b: jnp.zeros(3)}, "loss() gives ShapeDtypeStruct(shape=(3,)"),
    "integer fitness": ({"evaluate": lambda w, d: jnp.int32(3)}, "evaluate() gives ShapeDtypeStruct(shape=()"),
    "loss raises": ({"loss": fails}, f"loss() failed at {__file__}:20 (FileNotFoundError: x.csv)"),
    "data raises": ({"data": fails}, f"data() failed at {__file__}:20 (FileNotFoundError: x.csv)"),
    "too few steps": ({"steps": 5}, "has 5 steps: give it at least 6"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_of_the_contract_is_one_clear_error(breach):
    broken, message = BREACHES[breach]
    with pytest.raises(TaskError) as caught:
        Trainer(task(**broken))
    assert str(caught.value).startswith(f"digits: {message}")
