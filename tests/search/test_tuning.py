"""Tuning the baselines: the best of the grid, once, and a cache that is never in the way."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import dsl
from proxy_tasks import NON_FINITE, Outcome
from search.config import TuneConfig
from search.errors import SearchError
from search.evaluator import evaluate
from search.tuning import tune, tune_once
from search.workers import Bench

GRID = TuneConfig(learning_rates=(0.01, 0.1, 0.3, 1e30), weight_decays=(0.01, 0.3), seeds=3)


class CountingTrainer:
    """Another trainer, and what it was asked for."""

    def __init__(self, trainer: Any, **task: Any):
        self._trainer, self.task = trainer, SimpleNamespace(**{**vars(trainer.task), "name": "quadratic", **task})
        self.tasks = (self.task,)
        self.machine = trainer.machine
        self.bench = Bench.inline(self)  # type: ignore[arg-type]
        self.trained: list[tuple[dsl.Program, int]] = []

    def train(self, program: dsl.Program, seed: int, *thresholds: Any) -> Outcome:
        self.trained.append((program, seed))
        return self._trainer.train(program, seed, *thresholds)


@pytest.fixture
def trainer(quadratic_trainer) -> Any:
    return CountingTrainer(quadratic_trainer)


def files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


# The grid.


@pytest.mark.parametrize("name", ["adamw", "lion"])
def test_tuning_finds_the_best_of_the_grid(trainer, name):
    tuned = tune(name, trainer.bench, GRID)
    fitness = {}
    for rate, decay in itertools.product(GRID.learning_rates, GRID.weight_decays):
        program = dsl.canonical(dsl.known(name, learning_rate=rate, weight_decay=decay))
        fitness[rate, decay] = evaluate(trainer, program, (0, 1, 2)).fitness
    trained = {point: value for point, value in fitness.items() if value is not None}
    assert (tuned.learning_rate, tuned.weight_decay) == min(trained, key=trained.__getitem__)
    assert tuned.evaluation.fitness == min(trained.values()) < max(trained.values())


def test_what_is_tuned_is_a_known_optimizer_with_its_constants(trainer):
    tuned = tune("adamw", trainer.bench, GRID)
    constants = {"learning_rate": tuned.learning_rate, "weight_decay": tuned.weight_decay}
    assert tuned.program == dsl.known("adamw", **constants)
    assert tuned.evaluation == evaluate(trainer, dsl.canonical(tuned.program), (0, 1, 2))


def test_every_point_gets_one_seed_and_the_best_few_get_the_others(trainer):
    tune("adamw", trainer.bench, GRID)
    seeds = [seed for _, seed in trainer.trained]
    assert seeds == [0] * 8 + [1, 2] * GRID.finalists
    assert len(set(trainer.trained)) == len(trainer.trained)


def test_tuning_reports_work_done_and_to_do(trainer):
    reports: list[tuple[int, int]] = []
    tune("adamw", trainer.bench, GRID, report=lambda done, of: reports.append((done, of)))
    assert reports == [(done, 8 + GRID.finalists) for done in range(1, 8 + GRID.finalists + 1)]


def test_a_grid_that_always_diverges_is_an_error_that_says_what_to_change(trainer):
    grid = TuneConfig((1e30, 1e35), (0.0,), 1)
    with pytest.raises(SearchError) as error:
        tune("adamw", trainer.bench, grid)
    assert str(error.value) == (
        "adamw does not train on quadratic with any learning rate and weight decay of the grid"
        f" ({NON_FINITE}): give smaller learning rates under `tune`"
    )


# The cache.


def test_the_same_grid_on_the_same_task_is_not_trained_again(trainer, cache_home):
    first = tune_once("adamw", trainer.bench, GRID)
    trainings = len(trainer.trained)
    assert len(files(cache_home)) == 1
    assert tune_once("adamw", trainer.bench, GRID) == first
    assert len(trainer.trained) - trainings == GRID.seeds < trainings


@pytest.mark.parametrize(
    "change",
    [
        {"name": "lion"},
        {"grid": replace(GRID, weight_decays=(0.01,))},
        {"grid": replace(GRID, seeds=2)},
        {"task": {"version": "another"}},
        {"task": {"scale": 10}},
        {"task": {"name": "another"}},
    ],
    ids=str,
)
def test_anything_else_is_trained(quadratic_trainer, cache_home, change):
    tune_once("adamw", CountingTrainer(quadratic_trainer).bench, GRID)
    other = CountingTrainer(quadratic_trainer, **change.get("task", {}))
    grid = change.get("grid", GRID)
    tune_once(change.get("name", "adamw"), other.bench, grid)
    assert len(other.trained) > grid.seeds
    assert len(files(cache_home)) == 2


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"5", b"null", b"{}", b"[0.1]", b"[0.1, 0.01, 1]", b'["a", "b"]', b"[null, null]", b"[[], []]"]
    + [b"[NaN, 0.01]", b"[0.2, 0.01]", b"[1e99, 0.01]", b"\xff\xfe"],
    ids=repr,
)
def test_a_cache_file_that_holds_no_point_of_the_grid_is_written_anew(trainer, cache_home, content):
    first = tune_once("adamw", trainer.bench, GRID)
    (file,) = files(cache_home)
    good = file.read_bytes()
    file.write_bytes(content)
    assert tune_once("adamw", trainer.bench, GRID) == first
    assert file.read_bytes() == good and files(cache_home) == [file]


def test_a_cache_that_cannot_be_written_is_no_error(trainer, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert tune_once("adamw", trainer.bench, GRID) == tune("adamw", trainer.bench, GRID)


def test_nothing_is_kept_of_a_grid_that_always_diverges(trainer, cache_home):
    with pytest.raises(SearchError):
        tune_once("adamw", trainer.bench, TuneConfig((1e30,), (0.0,), 1))
    assert files(cache_home) == []
