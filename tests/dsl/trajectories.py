"""Trainings on made gradients: the weights that a program reaches, in float64 or in 50 digits.

The leaves have incompatible shapes. "bias" starts at zero, "dead" does too and never has a gradient, and "vector" has
none at the third step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import dsl
from tests.dsl import exact

SHAPES = {"matrix": (20, 10), "vector": (45,), "bias": (6,), "number": (), "dead": (2,)}
STEPS = 5


@dataclass(frozen=True)
class Setting:
    """What a program is trained on.

    Attributes:
        scale: of the gradients.
        learning_rates: one for each step.
    """

    scale: float
    learning_rates: tuple[float, ...] = (0.1, 0.0, 1.0, 0.7, 0.2)


WARM_UP = (0.0, 0.3, 1.0, 0.5, 0.0)
SETTINGS = (
    Setting(1.0),
    Setting(1e-3, WARM_UP),
    Setting(30.0),
    Setting(1e-7, WARM_UP),  # here the 1e-8 of division shows
    Setting(1e-20),
    Setting(1e20, WARM_UP),
)


def _draw() -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Weights of magnitudes from 1e-3 to 30, and the gradients of five steps, of magnitudes from 1e-2 to 10."""
    rng = np.random.Generator(np.random.Philox(key=[1, 1]))

    def leaf(shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
        return np.asarray(rng.choice([-1.0, 1.0], shape) * 10 ** rng.uniform(low, high, shape))

    weights = {name: leaf(shape, -3, 1.5) for name, shape in SHAPES.items()}
    gradients = [{name: leaf(shape, -2, 1) for name, shape in SHAPES.items()} for _ in range(STEPS)]
    for zeros in (weights["bias"], weights["dead"], gradients[2]["vector"], *(step["dead"] for step in gradients)):
        zeros[...] = 0.0
    return list(weights.values()), [list(step.values()) for step in gradients]


WEIGHTS, GRADIENTS = _draw()
START = [float(weight) for leaf in WEIGHTS for weight in np.ravel(leaf)]


def train(program: dsl.Program, setting: Setting) -> np.ndarray:
    """The weights after each of five steps, in float64 [5, 254]."""
    w: list[np.ndarray] = WEIGHTS
    states = [[np.zeros_like(leaf) for leaf in w] for _ in program.states]
    trajectory = []
    for lr, gradients in zip(setting.learning_rates, GRADIENTS, strict=True):
        update, states = dsl.step(program, w, [leaf * setting.scale for leaf in gradients], states, lr)
        with np.errstate(all="ignore"):
            w = [np.asarray(old - change) for old, change in zip(w, update, strict=True)]
        trajectory.append(np.concatenate([np.ravel(leaf) for leaf in w]))
    return np.array(trajectory)


def train_exactly(program: dsl.Program, setting: Setting, digits: int = exact.DIGITS) -> exact.Trajectory:
    """The same in arithmetic of 50 digits, or of other numbers of digits."""
    gradients = [[leaf * setting.scale for leaf in step] for step in GRADIENTS]
    return exact.train(program, WEIGHTS, gradients, setting.learning_rates, digits)
