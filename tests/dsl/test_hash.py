"""Two promises of the hash: programs that share one compute the same, and few that compute the same do not share one.

Programs are compared by the weights they reach (`tests/dsl/trajectories.py`): in float64, and where that sees a
difference, once more in 50 digits, and where that does, in 150.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count, islice

import numpy as np
import pytest

import dsl
from tests.dsl import exact, trajectories
from tests.dsl.conftest import stream

STARTS = ("adamw", "lion", "lion_raw", "adam", "rmsprop", "momentum", "adabelief", "powersign")
FLOAT32 = 3e38  # weights beyond are infinite where it counts
TOLERANCE = 1e-9
MOST_SHARED = 0.02  # of the hashes with finite results


def anonymous(program: dsl.Program) -> tuple:
    """What is live of a program, with numbers for names."""
    program = dsl.prune(program)
    names: dict[str, int] = {name: number for number, name in enumerate(program.inputs)}
    statements = []
    for target, function, arguments in program.statements:
        statements.append((function, tuple([str(names[a]) if isinstance(a, str) else a for a in arguments])))
        names[target] = len(program.inputs) + len(statements)
    return tuple(statements), tuple([names[name] for name in program.outputs])


def walks(seed: int) -> Iterator[dsl.Program]:
    """Children met on random walks from the known optimizers."""
    for number in count():
        rng = stream(seed, number)
        program = dsl.optimizers[STARTS[number % len(STARTS)]]
        for _ in range(rng.integers(12)):
            program = dsl.mutate(program, rng)
        for _ in range(60):
            child = dsl.mutate(program, rng)
            yield child
            if rng.random() < 0.3:
                program = child


def pairs(seed: int) -> Iterator[tuple[dsl.Program, dsl.Program]]:
    """Pairs of programs of one hash that differ in what is live of them."""
    first: dict[str, dsl.Program] = {}
    met: dict[str, set] = {}
    for program in walks(seed):
        hash, text = dsl.canonical_hash(program), anonymous(program)
        if text not in met.setdefault(hash, set()):
            met[hash].add(text)
            if hash in first:
                yield first[hash], program
            else:
                first[hash] = program


def kept_steps(*trainings: np.ndarray) -> int:
    """Steps before a weight leaves float32."""
    with np.errstate(invalid="ignore"):
        inside = np.all([np.abs(weights).max(axis=1) < FLOAT32 for weights in trainings], axis=0)
    return int(inside.cumprod().sum())


def differ(a: dsl.Program, b: dsl.Program, setting: trajectories.Setting, judged: Counter) -> bool:
    """Whether the programs reach other weights."""
    a, b = dsl.prune(a), dsl.prune(b)
    found = [trajectories.train(program, setting) for program in (a, b)]
    kept = kept_steps(*found)
    if np.allclose(found[0][:kept], found[1][:kept], rtol=TOLERANCE, atol=0) and kept == len(found[0]):
        return False
    judged[setting.scale] += 1
    for digits in (50, 150):  # what only rounding made differ is gone
        one, other = (trajectories.train_exactly(program, setting, digits) for program in (a, b))
        if exact.agree(one[:kept], other[:kept], TOLERANCE, trajectories.START):
            return False
    return True


def assert_no_pair_differs(seed: int, number: int) -> None:
    judged: Counter = Counter()
    for a, b in islice(pairs(seed), number):
        assert dsl.canonical(a) == dsl.canonical(b)  # what is trained in the stead of both
        for setting in trajectories.SETTINGS:
            assert not differ(a, b, setting, judged), f"{setting}\n{a}\n{b}\n{dsl.canonical(a)}"
    print(f"{number} pairs in {len(trajectories.SETTINGS)} settings; 50 digits were asked {dict(judged)} times")


def test_programs_that_share_a_hash_compute_the_same():
    assert_no_pair_differs(51, 400)


@pytest.mark.slow
def test_100_000_pairs_of_programs_that_share_a_hash_compute_the_same():
    assert_no_pair_differs(52, 100_000)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("g / g", "0 * g + 1"),
        ("g / (-g)", "-(g / g)"),
        ("(3 * g) / (3 * g)", "g / g"),
        ("lr * g / g / 0.001", "lr * g / (g * 0.001)"),
        ("g / abs(g)", "sign(g)"),
        ("g / 0.125", "g * 8"),
        ("w * 0.1", "w * 0.10000001"),
        ("sign(w) * sign(w)", "0 * w + 1"),
        ("w + max(g, -0.01)", "w + g"),
    ],
)
def test_comparison_does_not_overlook_a_wrong_merge(left, right):
    a, b = (dsl.parse(f"def train(w, g, lr): return {text}") for text in (left, right))
    assert any(differ(a, b, setting, Counter()) for setting in trajectories.SETTINGS)


def shared_trajectories(descendant, seed: int, number: int) -> tuple[int, int, int]:
    """The number of hashes, of those with finite results, and of those that share their weights with another."""
    programs: dict[str, dsl.Program] = {}
    for program in (descendant(seed, i, starts=STARTS) for i in range(number)):
        programs.setdefault(dsl.canonical_hash(program), program)
    met: Counter = Counter()
    for program in programs.values():
        found = [trajectories.train(dsl.prune(program), setting) for setting in trajectories.SETTINGS]
        if all(np.isfinite(weights).all() for weights in found[:4]):
            met[" ".join(f"{weight:.11e}" for weights in found for weight in weights.ravel())] += 1
    return len(programs), met.total(), sum(times for times in met.values() if times > 1)


def test_few_hashes_share_their_weights(descendant):
    _, finite, shared = shared_trajectories(descendant, 53, 500)
    assert finite > 200 and shared <= MOST_SHARED * finite


@pytest.mark.slow
def test_few_hashes_of_20_000_programs_share_their_weights(descendant):
    hashes, finite, shared = shared_trajectories(descendant, 54, 20_000)
    print(f"{hashes} hashes, {finite} with finite results, {shared} ({shared / finite:.2%}) share their weights")
    assert finite > 5000 and shared <= MOST_SHARED * finite
