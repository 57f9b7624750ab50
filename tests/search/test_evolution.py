"""The rules of a search: the window, the journal's novelty, the budgets, and one run whose children are pinned."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import dsl
from proxy_tasks import NEVER, NON_FINITE, STOPPED_EARLY, TRAINED
from search.config import BudgetConfig, Config, FitnessConfig, WindowConfig
from search.evaluator import Evaluation, Limits, answers, evaluate
from search.evolution import Progress, evolve
from search.journal import Child, Journal, Reader
from search.together import together
from tests.search.evolved import cache_of, evolved

START = dsl.optimizers["adamw"]

CONFIG = Config(
    population=20,
    tournament=3,
    fitness=FitnessConfig(seeds=2, race_margin=0.25, stop_margins=(0.125, 0.125, 0.125)),
    window=WindowConfig(children=10, new=3),
    budget=BudgetConfig(generated=200),
)


def search(config: Config, trainer: Any, report: Callable[[Progress], None] = lambda progress: None) -> list[Child]:
    """The children of a search from START."""
    return evolved(config, START, trainer, report=report)


def fresh(children: list[Child], first: int, end: int) -> int:
    """How many of the children from `first` on have a hash that no earlier child has."""
    return len({child.hash for child in children[first:end]} - {child.hash for child in children[:first]})


def slow_search(config: Config, trainer: Any) -> list[Child]:
    """The rule of a search, word by word: for each child, everything is worked out anew from the earlier ones.

    Child i is proposed from the state after commit c: the smallest c such that the children between c and i number at
    most G and hold at most K hashes new to the journal.
    """
    seeds, margins, window = tuple(range(config.fitness.seeds)), config.fitness, config.window
    first = evaluate(trainer, dsl.canonical(START), seeds)
    children = [Child(0, None, None, START, dsl.canonical_hash(START), first, new=True)]
    for i in range(1, config.budget.generated + 1):
        c = next(c for c in range(i) if i - 1 - c <= window.children and fresh(children, c + 1, i) <= window.new)
        state = [child for child in children[: c + 1] if child.evaluation.fitness is not None]
        living = ([children[0]] * config.population + state[1:])[-config.population :]
        best = min(state, key=lambda child: (child.evaluation.fitness, child.id))

        rng = np.random.Generator(np.random.Philox(key=[config.seed, i]))
        drawn = [living[int(rng.random() * len(living))] for _ in range(config.tournament)]
        parent = min(drawn, key=lambda child: (child.evaluation.fitness, -child.id))
        program, mutation = dsl.propose(parent.program, rng, config.mutation)
        hash = dsl.canonical_hash(program)

        limits = Limits(
            tuple(
                loss * (1 + margin)
                for loss, margin in zip(best.evaluation.outcomes[0].curve, margins.stop_margins, strict=False)
            ),
            best.evaluation.fitness * (1 + margins.race_margin),
        )
        known = next((child.evaluation for child in children[::-1] if child.hash == hash), None)
        if known and not answers(known, limits, len(seeds)):
            known = None
        evaluation = known or evaluate(trainer, dsl.canonical(program), seeds, limits)
        children.append(Child(i, parent.id, mutation.kind, program, hash, evaluation, new=known is None))
    return children[1:]


# The rule.


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize(
    "window", [WindowConfig(1, 1), WindowConfig(3, 2), WindowConfig(5, 100), WindowConfig(100, 4), WindowConfig(64, 8)]
)
def test_children_are_proposed_from_the_oldest_state_that_the_window_allows(drawn_trainer, window, seed):
    config = replace(CONFIG, window=window, seed=seed, budget=BudgetConfig(generated=150))
    assert search(config, drawn_trainer) == slow_search(config, drawn_trainer)


def test_the_seeded_searches_meet_every_kind_of_outcome_and_of_mutation(drawn_trainer):
    children = search(CONFIG, drawn_trainer)
    assert {child.evaluation.kind for child in children} == {TRAINED, NON_FINITE, STOPPED_EARLY}
    assert {child.mutation for child in children} == {"insert", "delete", "modify"}
    assert {len(child.evaluation.outcomes) for child in children} == {1, 2}
    assert 0.2 < sum(child.new for child in children) / len(children) < 0.95
    assert len({child.parent for child in children}) > 20


@pytest.mark.parametrize("change", [{"seed": 1}, {"window": WindowConfig(2, 1)}, {"population": 10}, {"tournament": 1}])
def test_a_search_is_a_function_of_its_configuration(drawn_trainer, change):
    children = search(CONFIG, drawn_trainer)
    assert children == search(CONFIG, drawn_trainer)
    assert children != search(replace(CONFIG, **change), drawn_trainer)


def test_one_seeded_search_finds_the_children_it_always_found(drawn_trainer):
    # A change of this digest is a change of what every search finds: it belongs into the changelog.
    digest = hashlib.sha256()
    for child in search(CONFIG, drawn_trainer):
        digest.update(json.dumps([child.parent, child.mutation, str(child.program), child.hash]).encode())
    assert digest.hexdigest()[:16] == "f1ef88ccaf832c4e"


def test_a_hash_is_trained_once_where_no_limits_loosen(drawn_trainer):
    children = search(CONFIG, drawn_trainer)
    first_seeds = [text for text, seed in drawn_trainer.trained if seed == 0]
    assert len(first_seeds) == len(set(first_seeds)) == 1 + sum(child.new for child in children)
    hashes = [dsl.canonical_hash(START), *(child.hash for child in children)]
    assert [child.new for child in children] == [hash not in hashes[:i] for i, hash in enumerate(hashes)][1:]


def test_a_program_that_was_stopped_is_trained_again_for_a_child_with_looser_limits(drawn_trainer):
    config = replace(CONFIG, seed=8)
    children = search(config, drawn_trainer)
    assert children == slow_search(config, drawn_trainer)
    trained = [child.hash for child in children if child.new]
    (twice,) = [hash for hash in set(trained) if trained.count(hash) == 2]
    first, again = [child for child in children if child.hash == twice and child.new]
    assert first.evaluation.kind == STOPPED_EARLY and again.evaluation != first.evaluation


def test_what_is_trained_is_the_canonical_program(drawn_trainer):
    children = search(CONFIG, drawn_trainer)
    trained = {text for text, _ in drawn_trainer.trained}
    assert trained == {str(dsl.canonical(child.program)) for child in children} | {str(dsl.canonical(START))}


def test_children_of_one_hash_share_their_evaluation(drawn_trainer):
    children = search(CONFIG, drawn_trainer)
    known = {child.hash: child.evaluation for child in children if child.new}
    again = [child for child in children if not child.new and child.hash in known]
    assert again and all(child.evaluation == known[child.hash] for child in again)


def test_failed_children_are_recorded_and_have_no_children(drawn_trainer):
    children = search(CONFIG, drawn_trainer)
    failed = {child.id for child in children if child.evaluation.fitness is None}
    assert failed and not failed & {child.parent for child in children}


def test_children_are_recorded_in_the_order_of_proposal_and_reported_one_by_one(drawn_trainer):
    reports: list[Progress] = []
    children = search(CONFIG, drawn_trainer, reports.append)
    assert [child.id for child in children] == [report.generated for report in reports] == list(range(1, 201))
    assert [report.trained for report in reports] == list(itertools.accumulate(child.new for child in children))
    fitnesses = [child.evaluation.fitness for child in children if child.evaluation.fitness is not None]
    assert reports[-1].best.fitness == min(fitnesses)


# Budgets.


@pytest.mark.parametrize("generated", [1, 5, 73])
def test_the_budget_of_children_is_used_up_exactly(drawn_trainer, generated):
    config = replace(CONFIG, budget=BudgetConfig(generated=generated))
    assert search(config, drawn_trainer) == search(CONFIG, drawn_trainer)[:generated]


@pytest.mark.parametrize("trained", [1, 5, 40])
def test_the_budget_of_trainings_is_used_up_exactly(drawn_trainer, trained):
    children = search(replace(CONFIG, budget=BudgetConfig(generated=0, trained=trained)), drawn_trainer)
    assert sum(child.new for child in children) == trained
    assert children[-1].new and children == search(CONFIG, drawn_trainer)[: len(children)]


@pytest.mark.parametrize("trained", range(50, 60))
def test_a_program_that_is_trained_again_does_not_overdraw_the_budget(drawn_trainer, trained):
    config = replace(CONFIG, seed=8, budget=BudgetConfig(generated=0, trained=trained))
    assert sum(child.new for child in search(config, drawn_trainer)) == trained


@pytest.mark.parametrize("generated, trained", [(50, 10), (10, 50)])
def test_the_budget_that_is_reached_first_ends_the_search(drawn_trainer, generated, trained):
    children = search(replace(CONFIG, budget=BudgetConfig(generated=generated, trained=trained)), drawn_trainer)
    done = sum(child.new for child in children)
    assert (len(children) == generated or done == trained) and len(children) <= generated and done <= trained


def test_a_search_that_ran_out_of_time_is_a_prefix_of_a_longer_one(drawn_trainer, monkeypatch):
    monkeypatch.setattr("search.evolution.time", SimpleNamespace(monotonic=itertools.count().__next__))
    children = search(replace(CONFIG, budget=BudgetConfig(generated=0, seconds=100)), drawn_trainer)
    assert 20 < len(children) < 120
    assert children == search(CONFIG, drawn_trainer)[: len(children)]


def test_a_search_without_time_ends_before_its_first_child(drawn_trainer, monkeypatch):
    monkeypatch.setattr("search.evolution.time", SimpleNamespace(monotonic=itertools.count().__next__))
    assert search(replace(CONFIG, budget=BudgetConfig(generated=0, seconds=0.5)), drawn_trainer) == []


def test_a_search_ends_when_a_program_has_no_valid_child(drawn_trainer):
    full = dsl.MutationSettings(delete=0, modify=0, max_statements=1)
    assert search(replace(CONFIG, mutation=full), drawn_trainer) == []


# With the real journal and the real trainer.


def run(directory: Path, trainer: Any, config: Config) -> Reader:
    directory.mkdir()
    journal = Journal(directory)
    first = evaluate(trainer, dsl.canonical(START), tuple(range(config.fitness.seeds)))
    journal.record(Child(0, None, None, START, dsl.canonical_hash(START), first, new=True))
    together([evolve(config, START, first, cache_of(config, trainer), journal)], lambda: None)
    journal.close()
    return Reader(directory)


def test_the_journal_of_a_search_with_the_same_seed_has_the_same_digest(tmp_path, quadratic_trainer):
    first, again, other, longer = (
        run(tmp_path / name, quadratic_trainer, replace(CONFIG, seed=seed, budget=BudgetConfig(generated=generated)))
        for name, seed, generated in (("first", 0, 80), ("again", 0, 80), ("other", 1, 80), ("longer", 0, 100))
    )
    assert first.digest() == again.digest() == longer.digest(80)
    assert len({first.digest(), other.digest(), longer.digest()}) == 3


def test_selection_makes_programs_better(quadratic_trainer):
    children = search(replace(CONFIG, budget=BudgetConfig(generated=300)), quadratic_trainer)
    start = evaluate(quadratic_trainer, dsl.canonical(START), (0, 1)).fitness
    assert min(child.evaluation.fitness for child in children if child.evaluation.fitness is not None) < 0.9 * start


# How a child is scored.


class ScriptedTrainer:
    """Gives the outcomes of a list, one for each seed."""

    def __init__(self, *losses: float | None):
        self.losses, self.thresholds = losses, []

    def train(self, program: dsl.Program, seed: int, thresholds: Any) -> Any:
        self.thresholds.append(thresholds)
        loss = self.losses[seed]
        return SimpleNamespace(kind=NON_FINITE if loss is None else TRAINED, loss=loss)


def scored(*losses: float | None, race: float = 2.0) -> tuple[Evaluation, ScriptedTrainer]:
    trainer = ScriptedTrainer(*losses)
    return evaluate(trainer, START, (0, 1, 2), Limits((1.0, 1.0, 1.0), race)), trainer  # type: ignore[arg-type]


def test_fitness_is_the_mean_loss_over_the_seeds():
    evaluation, _ = scored(2.0, 3.0, 7.0)
    assert (evaluation.kind, evaluation.fitness, len(evaluation.outcomes)) == (TRAINED, 4.0, 3)


def test_a_program_far_from_the_best_is_trained_with_one_seed():
    evaluation, _ = scored(2.5, 0.0, 0.0)
    assert (evaluation.kind, evaluation.fitness, len(evaluation.outcomes)) == (TRAINED, 2.5, 1)


def test_a_program_that_fails_with_one_seed_has_failed():
    evaluation, _ = scored(1.0, None, 1.0)
    assert (evaluation.kind, evaluation.fitness, len(evaluation.outcomes)) == (NON_FINITE, None, 2)


def test_only_the_first_seed_may_be_stopped_early():
    _, trainer = scored(1.0, 1.0, 1.0)
    assert trainer.thresholds == [(1.0, 1.0, 1.0), NEVER, NEVER]
