"""A merge of programs that differ would give one of them the other's fitness in silence: random programs look for one.

Trainings are compared in float64, over five steps, with gradients of four scales, zeros and leaves of zeros. Rounding
alone moves the weights of an ill-conditioned program, and the sign of a zero those of one that divides by it. Where the
canonical program goes elsewhere, float32, changes of 1e-7 in all numbers, of 1e-30 in the zeros that are given,
or the other infinity for 1 / 0 must therefore move the same weights of one of the two almost as far; such programs are
few.
"""

from __future__ import annotations

import numpy as np
import pytest

import dsl

GRADIENTS = (1.0, 1e-3, 30.0, 1e-7)  # at the last, the 1e-8 of division shows
LOST = 1e6  # weights beyond this are those of a training that diverged
TOLERANCE = 1e-2
MOST_EXCUSED = 0.01  # of all trainings


def differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Relative differences of two trajectories, step by step until a training is lost; inf where only one is."""
    with np.errstate(invalid="ignore"):
        kept = [np.all(np.abs(x) < LOST, axis=1) for x in (a, b)]
        far = [~np.all(np.abs(x) < 1e3 * LOST, axis=1) for x in (a, b)]
    count = int((kept[0] & kept[1]).cumprod().sum())
    found = np.abs(a[:count] - b[:count]) / (1e-3 + np.abs(a[:count]))
    if count < len(a) and (kept[0][count] and far[1][count] or kept[1][count] and far[0][count]):
        return np.vstack([found, np.full(a.shape[1], np.inf)])
    return found


def differ(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.any(differences(a, b) > TOLERANCE))


def with_zeros_of_one_sign(program: dsl.Program, function: str) -> dsl.Program:
    """The program with 1 / (0 + x) for reciprocal(x), or 0 - 1 / (0 - x): of all zeros one infinity is made."""
    statements = []
    for number, statement in enumerate(program.statements):
        if statement.function != "reciprocal":
            statements.append(statement)
            continue
        zero, inverse = f"zero{number}", f"inverse{number}"
        statements += [
            dsl.Statement(zero, function, (0.0, *statement.arguments)),
            dsl.Statement(inverse, "reciprocal", (zero,)),
            dsl.Statement(statement.target, function, (0.0, inverse)),
        ]
    return dsl.Program(program.inputs, tuple(statements), program.outputs)


def is_excused(programs, gradients: float, exact: np.ndarray, found: np.ndarray, train) -> bool:
    """Whether one of the two programs is so ill-conditioned that rounding may have led to `exact` and `found`.

    Only the first step at which they differ counts, and the weights that differ there.
    """
    between = differences(exact, found)
    first = int(np.argmax(np.any(between > TOLERANCE, axis=1)))
    where = between[first] > TOLERANCE
    exact, found = exact[: first + 1], found[: first + 1]
    moved = 0.0
    for program, weights in zip(programs, (exact, found), strict=True):
        noisy = [train(program, gradients, noise) for noise in range(1, 9)]
        noisy.append(train(program, gradients, dtype=np.float32))
        if not (np.isnan(exact).any() or np.isnan(found).any()):  # the sign of a zero makes no NaN, a wrong merge may
            noisy += [train(program, gradients, noise, zeros=1e-30) for noise in range(1, 5)]
            noisy += [train(with_zeros_of_one_sign(program, function), gradients) for function in "+-"]
        for other in noisy:
            moved = max(moved, np.max(differences(weights, other[: first + 1])[:, where], initial=0.0))
    return moved > min(between[first].max(), 1.0) / 100


def compare(programs, train) -> tuple[int, int]:
    """Compares each program with its canonical one; returns the numbers of trainings and of excused ones."""
    trainings = excused = 0
    for program in programs:
        canonical = dsl.canonical(program)
        dsl.check(canonical)
        for gradients in GRADIENTS:
            trainings += 1
            exact, found = train(program, gradients), train(canonical, gradients)
            if differ(exact, found):
                pair = (program, canonical)
                assert is_excused(pair, gradients, exact, found, train), f"{gradients}\n{program}\n{canonical}"
                excused += 1
    return trainings, excused


def test_the_sign_of_a_zero_is_excused_under_a_reciprocal(train):
    a, b = (
        dsl.parse(f"def train(w, g, lr):\n  x = {zero}\n  y = reciprocal(x)\n  return max(g - y, lr)")
        for zero in ("g - g", "0 * g")
    )
    found = train(a, 1.0), train(b, 1.0)
    assert differ(*found) and is_excused((a, b), 1.0, *found, train)


@pytest.mark.parametrize("origin", ["descendant", "wild"])
def test_canonical_program_computes_the_same_weights(origin, train, request):
    draw = request.getfixturevalue(origin)
    trainings, excused = compare((draw(31, number) for number in range(2000)), train)
    assert excused <= MOST_EXCUSED * trainings


@pytest.mark.slow
@pytest.mark.parametrize("origin", ["descendant", "wild"])
def test_canonical_programs_of_100_000_programs_compute_the_same_weights(origin, train, request):
    draw = request.getfixturevalue(origin)
    trainings, excused = compare((draw(32, number) for number in range(50_000)), train)
    assert excused <= MOST_EXCUSED * trainings


def test_canonical_program_computes_the_same_weights_with_three_states(wild, train):
    trainings, excused = compare((wild(33, number, states=3) for number in range(200)), train)
    assert excused <= MOST_EXCUSED * trainings


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("g / g", "0 * g + 1"),
        ("g / (-g)", "-(g / g)"),
        ("(3 * g) / (3 * g)", "g / g"),
        ("lr * g / g / 0.001", "lr * g / (g * 0.001)"),
        ("g / abs(g)", "sign(g)"),
        ("arctan(reciprocal(w * w + 3))", "arctan(reciprocal(w * w + 4))"),
        ("w * 0.1", "w * 0.11"),
        ("w * 0.1 + arctan(reciprocal(g) - reciprocal(g))", "w * 0.1"),
    ],
)
def test_comparison_does_not_overlook_a_wrong_merge(left, right, train):
    a, b = (dsl.parse(f"def train(w, g, lr): return {text}") for text in (left, right))
    trainings = [(gradients, train(a, gradients), train(b, gradients)) for gradients in GRADIENTS]
    found = [training for training in trainings if differ(*training[1:])]
    assert found and not all(is_excused((a, b), *training, train) for training in found)
