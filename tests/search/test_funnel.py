"""The funnel: fresh seeds, the bar that AdamW sets, and who wins."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

import dsl
from proxy_tasks import NON_FINITE, TRAINED, Outcome
from search.config import Config, FunnelConfig
from search.funnel import FIRST_FRESH_SEED, Score, Stage, run_stage, winner
from search.workers import Bench

ADAMW, LION = dsl.optimizers["adamw"], dsl.optimizers["lion"]
CANDIDATES = {str(id): dsl.known("sgd", learning_rate=id / 8) for id in (3, 4, 5, 9)}


class Table:
    """A trainer that looks losses up: a function of the seed for each program; None diverges."""

    tasks = (None,)

    def __init__(self, losses: dict[dsl.Program, Any]):
        self.losses = {dsl.canonical(program): loss for program, loss in losses.items()}
        self.trained: list[tuple[dsl.Program, int]] = []

    def train(self, program: dsl.Program, seed: int, thresholds: Any) -> Outcome:
        assert all(math.isinf(threshold) for threshold in thresholds), "nothing is stopped early in a funnel"
        self.trained.append((program, seed))
        loss = self.losses[program](seed - FIRST_FRESH_SEED)
        return Outcome(NON_FINITE if loss is None else TRAINED, loss, (), 100)


def stage(adamw: float, *losses: Any, seeds: int = 3, report: Any = lambda done, of: None) -> tuple[Stage, Table]:
    """A stage where AdamW has one loss, Lion has 1, and candidates have losses, or functions of the seed."""
    functions = [loss if callable(loss) else lambda _, loss=loss: loss for loss in (adamw, 1.0, *losses)]
    candidates = dict(list(CANDIDATES.items())[: len(losses)])
    table = Table(dict(zip((ADAMW, LION, *candidates.values()), functions, strict=True)))
    baselines = {"adamw": ADAMW, "lion": LION}
    return run_stage(Bench.inline(table, 10), seeds, baselines, candidates, report), table  # type: ignore[arg-type]


def test_those_that_beat_adamw_pass_best_first():
    found, _ = stage(0.5, 0.4, 0.6, 0.3, 0.45)
    assert found.passed == ["5", "3", "9"]
    assert [found.scores[id].mean for id in "3459"] == pytest.approx([0.4, 0.6, 0.3, 0.45])


def test_as_good_as_adamw_does_not_pass():
    assert stage(0.5, 0.5, 0.5)[0].passed == []


def test_lion_is_scored_and_need_not_be_beaten():
    found, _ = stage(2.0, 1.5)
    assert found.passed == ["3"] and found.baselines["lion"].mean == 1.0 < found.scores["3"].mean


def test_it_is_the_mean_over_the_seeds_that_counts():
    found, _ = stage(0.5, lambda seed: [0.1, 0.1, 2.0][seed], lambda seed: [0.6, 0.6, 0.1][seed])
    assert found.passed == ["4"]
    assert found.scores["3"].losses == (0.1, 0.1, 2.0)


def test_a_candidate_that_diverges_with_one_seed_does_not_pass():
    found, _ = stage(0.5, lambda seed: None if seed == 1 else 0.0, 0.4)
    assert found.passed == ["4"]
    assert (found.scores["3"].kind, found.scores["3"].mean) == (NON_FINITE, math.inf)


def test_what_trains_passes_where_adamw_diverges():
    found, _ = stage(None, 5.0, None)  # type: ignore[arg-type]
    assert found.passed == ["3"] and found.baselines["adamw"].kind == NON_FINITE


def test_every_program_gets_the_same_seeds_and_is_trained_in_canonical_form():
    _, table = stage(0.5, 0.4, 0.6, seeds=4)
    programs = [dsl.canonical(program) for program in (ADAMW, LION, *list(CANDIDATES.values())[:2])]
    assert table.trained == [(p, FIRST_FRESH_SEED + seed) for p in programs for seed in range(4)]


def test_fresh_seeds_are_not_those_of_any_search_or_tuning():
    sections = [field.default_factory for field in dataclasses.fields(Config) if field.name in ("fitness", "tune")]
    sections += [field.default_factory for field in dataclasses.fields(FunnelConfig) if field.name == "tune"]
    largest = [f.metadata["high"] for section in sections for f in dataclasses.fields(section) if f.name == "seeds"]
    assert len(largest) == 3 and max(largest) <= FIRST_FRESH_SEED  # they count from 0


def test_a_stage_reports_programs_done_and_to_do():
    reports: list[tuple[int, int]] = []
    stage(0.5, 0.4, 0.6, report=lambda done, of: reports.append((done, of)))
    assert reports == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_score_has_the_standard_error_of_the_mean():
    assert Score((1.0, 2.0, 3.0), TRAINED).error == pytest.approx(1 / math.sqrt(3))
    assert math.isnan(Score((1.0,), TRAINED).error) and math.isnan(Score((1.0, 2.0), NON_FINITE).error)


# The winner.


def scored(adamw: float, **means: float) -> Stage:
    scores = {id[1:]: Score((mean,), TRAINED) for id, mean in means.items()}
    return Stage(1, 1, {"adamw": Score((adamw,), TRAINED)}, scores)


def test_the_winner_is_the_best_of_the_last_stage():
    assert winner([scored(0.5, _1=0.1, _2=0.2, _3=0.9), scored(0.5, _1=0.4, _2=0.3)]) == "2"


def test_if_nobody_passes_the_last_stage_the_winner_is_the_best_of_the_one_before():
    assert winner([scored(0.5, _1=0.2, _3=0.1), scored(0.05, _1=0.1, _3=0.2)]) == "3"


def test_if_nobody_passes_at_all_the_winner_is_the_best_on_fresh_seeds():
    assert winner([scored(0.1, _4=0.3, _6=0.2, _5=0.4)]) == "6"


def test_if_everybody_diverges_the_winner_is_the_best_of_the_search():
    failed = Score((), NON_FINITE)
    assert winner([Stage(1, 1, {"adamw": Score((0.1,), TRAINED)}, {"8": failed, "2": failed})]) == "8"
