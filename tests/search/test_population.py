"""The living programs: who goes, who is selected, and what candidates are measured against."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

import dsl
from proxy_tasks import NEVER, TRAINED, Outcome
from search.config import FitnessConfig
from search.evaluator import Evaluation, Limits
from search.population import Individual, Population

PROGRAM = dsl.optimizers["sgd"]


def individual(id: int, fitness: float) -> Individual:
    return Individual(id, PROGRAM, fitness)


def evaluation(fitness: float, curve: tuple[float, ...] = (4.0, 3.0, 2.0, 1.0)) -> Evaluation:
    return Evaluation(TRAINED, fitness, (Outcome(TRAINED, fitness, curve, 100),))


def population(size: int, *fitnesses: float, start: float = 1.0) -> Population:
    """Individuals 1, 2, ... added to a population that starts as individual 0."""
    made = Population(individual(0, start), evaluation(start), size)
    for id, fitness in enumerate(fitnesses, start=1):
        made.add(individual(id, fitness), evaluation(fitness))
    return made


def selections(made: Population, tournament: int, count: int = 4000) -> Counter[int]:
    rng = np.random.default_rng(0)
    return Counter(made.select(rng, tournament).id for _ in range(count))


def test_a_population_starts_as_one_program():
    assert set(selections(population(5), 2)) == {0}


def test_the_start_fills_every_place():
    assert selections(population(4, 9.0), 1)[0] / 4000 == pytest.approx(3 / 4, abs=0.03)


def test_the_oldest_goes_however_good_it_is():
    assert set(selections(population(3, 5.0, 6.0, start=0.1), 1)) == {0, 1, 2}
    assert set(selections(population(3, 5.0, 6.0, 7.0, start=0.1), 1)) == {1, 2, 3}
    assert set(selections(population(3, 5.0, 6.0, 7.0, 8.0, start=0.1), 1)) == {2, 3, 4}


def test_the_best_one_ever_is_known_after_it_has_gone():
    assert population(2, 0.5, 6.0, 7.0, 8.0).best.id == 1


def test_of_equals_the_first_is_the_best_one_ever():
    assert population(2, 0.5, 0.5, 0.5).best.id == 1
    assert population(2, 1.0, start=1.0).best.id == 0


def test_of_equals_the_youngest_wins_a_tournament():
    assert set(selections(population(4, 2.0, 2.0, 2.0, 2.0), 50, count=50)) == {4}


def test_a_tournament_of_one_is_a_fair_draw():
    counts = selections(population(5, 5.0, 4.0, 3.0, 2.0, 1.0), 1)
    assert [counts[id] / 4000 for id in range(1, 6)] == pytest.approx([1 / 5] * 5, abs=0.03)


@pytest.mark.parametrize("tournament", [2, 4])
def test_the_larger_the_tournament_the_more_often_the_better_win(tournament):
    counts = selections(population(5, 5.0, 1.0, 4.0, 2.0, 3.0), tournament)
    ranks = [counts[id] / 4000 for id in (2, 4, 5, 3, 1)]  # best first
    # with replacement: nobody drawn is among the best r with probability (1 - r / P)^T
    among = [1 - (1 - rank / 5) ** tournament for rank in range(6)]
    assert ranks == pytest.approx(np.diff(among), abs=0.03)


def test_selection_is_a_function_of_the_random_stream():
    made = population(5, 5.0, 4.0, 3.0, 2.0, 1.0)
    picks = [[made.select(rng, 2).id for _ in range(20)] for rng in map(np.random.default_rng, (1, 1, 2))]
    assert picks[0] == picks[1] != picks[2]


def test_limits_are_the_best_programs_losses_with_a_margin_on_top():
    made = population(2, 2.0, 0.5, 3.0, start=4.0)
    made.add(individual(4, 0.25), evaluation(0.25, (3.0, 2.0, 1.0, 0.5)))
    made.add(individual(5, 9.0), evaluation(9.0, (9.0, 9.0, 9.0, 9.0)))
    limits = made.limits(FitnessConfig(race_margin=0.25, stop_margins=(0.5, 1.0, 1.5)))
    assert limits == Limits((4.5, 4.0, 2.5), 0.3125)


def test_of_several_tasks_the_best_programs_mean_with_the_first_seed_is_raced():
    trials = tuple(Outcome(TRAINED, loss, (loss,) * 4, 100) for loss in (4.0, 2.0, 1.0, 1.0))
    made = Population(individual(0, 2.0), Evaluation(TRAINED, 2.0, trials), 2, tasks=2)
    assert made.limits(FitnessConfig(race_margin=0.5, stop_margins=(0.5,) * 3)) == Limits((6.0,) * 3, 4.5, heat=2)


def test_limits_lie_above_losses_below_zero_too():
    made = Population(individual(0, -4.0), evaluation(-4.0, (2.0, 0.0, -2.0, -3.0)), 2)
    assert made.limits(FitnessConfig(race_margin=0.25, stop_margins=(0.5, 1.0, 1.5))) == Limits((3.0, 0.0, 1.0), -3.0)


def test_limits_that_were_not_set_stop_nobody():
    assert Limits() == Limits(NEVER, math.inf)
