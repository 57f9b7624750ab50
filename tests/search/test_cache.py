"""Evaluations that searches share: bit for bit what a training would have come to."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import dsl
from proxy_tasks import NEVER, NON_FINITE, STOPPED_EARLY, TRAINED, Outcome
from proxy_tasks.outcome import under
from search import Config
from search.cache import Cache
from search.config import BudgetConfig, FitnessConfig, WindowConfig
from search.evaluator import TASK_ERROR, WORKER_LOST, Evaluation, Limits, evaluate, merged, restricted, score
from search.evolution import evolve
from search.together import together
from search.workers import Bench
from tests.search.evolved import MemoryJournal, cache_of, evolved, first_evaluation

START = dsl.known("adamw", learning_rate=0.1, weight_decay=0.1)
PLAIN = dsl.optimizers["adamw"]
CONFIG = Config(
    population=20,
    fitness=FitnessConfig(seeds=3),
    window=WindowConfig(children=10, new=3),
    budget=BudgetConfig(generated=200),
)


def mutants(count: int, seed: int) -> list[dsl.Program]:
    rng, found = np.random.default_rng(seed), []
    while len(found) < count:
        program = START
        for _ in range(rng.integers(1, 5)):
            program = dsl.mutate(program, rng)
        found.append(dsl.canonical(program))
    return found


# One training.


def test_a_training_under_other_thresholds_is_told_bit_for_bit(quadratic_trainer):
    rng, steps, met = np.random.default_rng(0), quadratic_trainer.task.steps, set()
    curve = quadratic_trainer.train(dsl.canonical(START)).curve
    for program in mutants(200, seed=1):
        looser = tuple(float(c * rng.uniform(0.5, 20)) for c in curve[:3])
        first = quadratic_trainer.train(program, 0, looser if rng.random() < 0.5 else NEVER)
        for _ in range(3):
            # At a mean itself rounding decides, and a training has to be stopped or not as this one would be.
            near = [mean if rng.random() < 0.5 else float(np.nextafter(mean, 9e9)) for mean in first.curve[:3]]
            drawn = [float(c * rng.uniform(0.1, 4)) for c in curve[:3]]
            thresholds = tuple((near + drawn[len(near) :]) if rng.random() < 0.5 else drawn)
            told = under(first, thresholds, steps)
            trained = quadratic_trainer.train(program, 0, thresholds)
            assert told == trained or (told is None and trained.steps > first.steps)
            met.add(told and told.kind)
    assert met == {None, TRAINED, STOPPED_EARLY, NON_FINITE}


def test_nothing_is_told_of_a_part_whose_sum_left_float32():
    outcome = Outcome(TRAINED, 1.0, (1.0, 2.0, 3.0), 100)  # of four parts
    assert under(outcome, NEVER, 100) is None
    assert under(replace(outcome, curve=(1.0, 9.0, 2.0, 3.0)), NEVER, 100) is not None


# An evaluation.


def test_an_evaluation_under_tighter_limits_is_told_bit_for_bit(quadratic_trainer):
    rng, steps, told = np.random.default_rng(2), quadratic_trainer.task.steps, 0
    start = evaluate(quadratic_trainer, dsl.canonical(START), (0, 1, 2))
    for program in mutants(100, seed=3):
        bounds = np.sort(rng.uniform(0.2, 3, 2)) * start.fitness
        heat = int(rng.integers(1, 3))
        known = evaluate(quadratic_trainer, program, (0, 1, 2), Limits(NEVER, float(bounds[1]), heat))
        for seeds in range(heat, 4):
            thresholds = tuple(float(c * rng.uniform(0.5, 4)) for c in start.outcomes[0].curve[:3])
            limits = Limits(thresholds, float(bounds[0]), heat)
            found = restricted(known, limits, seeds, steps)
            assert found == evaluate(quadratic_trainer, program, tuple(range(seeds)), limits)
            told += found.kind == TRAINED and len(found.outcomes) > 1
    assert told > 5


def test_of_looser_limits_nothing_is_told(quadratic_trainer):
    steps = quadratic_trainer.task.steps
    stopped = evaluate(quadratic_trainer, dsl.canonical(START), (0, 1), Limits((0.0, 0.0, 0.0)))
    assert stopped.kind == STOPPED_EARLY and restricted(stopped, Limits(), 2, steps) is None
    raced_out = evaluate(quadratic_trainer, dsl.canonical(START), (0, 1), Limits(NEVER, 0.0))
    assert len(raced_out.outcomes) == 1 and restricted(raced_out, Limits(), 2, steps) is None
    assert restricted(raced_out, Limits(), 1, steps) == raced_out


def test_trainings_with_one_seed_each_are_merged_to_what_one_evaluation_would_be(quadratic_trainer):
    for program in mutants(50, seed=4):
        trainings = [evaluate(quadratic_trainer, program, (seed,)) for seed in (0, 1, 2)]
        assert merged(trainings) == evaluate(quadratic_trainer, program, (0, 1, 2))
    failed = Evaluation(TASK_ERROR, None, (), error="the traceback")
    assert merged([score((Outcome(TRAINED, 1.0, (), 10),)), failed]) is failed


# Searches.


def side_by_side(config: Config, trainer: Any, seeds: list[int]) -> list[list[Any]]:
    """The children of searches at once over one cache."""
    journals, cache = [MemoryJournal() for _ in seeds], cache_of(config, trainer)
    first = first_evaluation(config, PLAIN, trainer)
    configs = [replace(config, seed=seed) for seed in seeds]
    searches = [evolve(c, PLAIN, first, cache, journal) for c, journal in zip(configs, journals, strict=True)]
    together(searches, lambda: None)
    return [journal.children for journal in journals]


@pytest.mark.parametrize("trainer", ["drawn_trainer", "quadratic_trainer"])
def test_each_of_several_searches_finds_what_it_finds_alone(trainer, request):
    trainer = request.getfixturevalue(trainer)
    seeds = [3, 4, 5]
    alone = [evolved(replace(CONFIG, seed=seed), PLAIN, trainer) for seed in seeds]
    assert side_by_side(CONFIG, trainer, seeds) == alone


def test_what_one_search_has_trained_no_other_trains(drawn_trainer):
    found = side_by_side(CONFIG, drawn_trainer, [3, 4])
    trained = [text for text, seed in drawn_trainer.trained if seed == 0]
    counted = sum(child.new for children in found for child in children)
    assert len(trained) < counted  # a training counts in each search that would have made it
    hashes = {child.hash for children in found for child in children}
    assert len(trained) < 1.1 * len(hashes)


def test_searches_take_turns(drawn_trainer):
    order: list[int] = []
    cache, first = cache_of(CONFIG, drawn_trainer), first_evaluation(CONFIG, PLAIN, drawn_trainer)
    together(
        [
            evolve(replace(CONFIG, seed=s), PLAIN, first, cache, MemoryJournal(), lambda _, s=s: order.append(s))
            for s in (3, 4)
        ],
        lambda: None,
    )
    assert len(order) == 400 and order[:100].count(3) == 50


def test_what_earlier_runs_have_trained_is_not_trained_and_changes_nothing(drawn_trainer):
    config = replace(CONFIG, seed=3)
    once = evolved(config, PLAIN, drawn_trainer)
    trainings = len(drawn_trainer.trained)
    known = [(child.hash, child.evaluation) for child in once if child.new]
    again = evolved(config, PLAIN, drawn_trainer, known=known)
    assert again == once
    assert len(drawn_trainer.trained) - trainings < 0.05 * trainings + 4  # the warm start, and what was tried twice


def test_a_worker_that_is_lost_to_one_search_says_nothing_to_another(drawn_trainer):
    lost = Evaluation(WORKER_LOST, None, ())
    cache = cache_of(CONFIG, drawn_trainer, known=[("h", lost)])
    assert cache.submit("h", dsl.canonical(PLAIN), Limits()).result() == evaluate(
        drawn_trainer, dsl.canonical(PLAIN), (0, 1, 2)
    )


def test_a_program_that_another_search_has_in_flight_is_waited_for():
    class Held:
        """Trains when it is told to."""

        def __init__(self) -> None:
            self.asked: list[Any] = []
            self.released = False

        def submit(self, job: Any) -> Any:
            self.asked.append(job)
            return self

        def ready(self) -> bool:
            return self.released

        def under_way(self) -> bool:
            return True

        def result(self) -> Evaluation:
            curve = (1.0, 1.0, 1.0, 1.0)
            if self.asked[-1].limits.thresholds[0] < 1.0:
                return score((Outcome(STOPPED_EARLY, None, curve[:1], 10),))
            return score((Outcome(TRAINED, 1.0, curve, 100),))

    held, program = Held(), dsl.canonical(PLAIN)
    trainer = SimpleNamespace(task=SimpleNamespace(steps=100), tasks=(None,))
    cache = Cache(Bench(1, trainer, held), 1)  # type: ignore[arg-type]
    tight, loose = Limits((0.5, 0.5, 0.5)), Limits((2.0, math.inf, math.inf))
    first, same, other = (cache.submit("h", program, limits) for limits in (tight, tight, loose))
    assert len(held.asked) == 1 and not first.ready()
    held.released = True
    assert first.ready() and same.result() == first.result() and first.result().kind == STOPPED_EARLY
    assert other.result().kind == TRAINED and len(held.asked) == 2  # the answer to tighter limits was none to these
    assert cache.submit("h", program, tight).result() == first.result() and len(held.asked) == 2
