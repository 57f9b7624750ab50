"""A search on several tasks at once: fitness is the mean loss in units of what AdamW comes to that is tuned on each."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import pytest

import search
from search import Config, SearchError
from search.config import BudgetConfig, FitnessConfig, FunnelConfig, RayConfig, TuneConfig, WindowConfig
from search.console import Console
from search.interruption import Interrupted
from search.journal import Reader
from search.origin import task_files
from search.ray_cluster import duty_of
from search.summary import summary

HERE = Path(__file__).parent
TASKS = f"{HERE / 'quadratic.py'}:Quadratic + {HERE / 'quadratic.py'}:Scaled"
GRID = TuneConfig(learning_rates=(0.03, 0.1, 0.3), weight_decays=(0.01, 0.1), seeds=2)
CONFIG = Config(
    task=TASKS,
    workers="inline",
    population=20,
    fitness=FitnessConfig(seeds=2),
    window=WindowConfig(children=16, new=4),
    budget=BudgetConfig(generated=100),
    tune=GRID,
    funnel=FunnelConfig(candidates=4, fresh_seeds=4, survivors=2, scales=(10,), seeds=3, tune=GRID),
)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return search.run(CONFIG, tmp_path_factory.mktemp("runs") / "run")


def test_no_unit_dominates(result):
    first, second = Reader(result.directory).fact("references")["1"]
    assert second > 100 * first
    trials = result.child(0).evaluation.outcomes
    assert len(trials) == 4  # two seeds on two tasks
    assert all(0.3 < outcome.loss < 3 for outcome in trials)
    assert result.child(0).evaluation.fitness == pytest.approx(sum(outcome.loss for outcome in trials) / 4)


def test_a_program_is_raced_by_its_mean_over_the_tasks(result):
    children = [result.child(number).evaluation for number in range(1, 101)]
    assert {len(child.outcomes) for child in children if child.fitness is not None} == {2, 4}


def test_the_baselines_are_tuned_on_all_tasks_together(result):
    for scale in (1, 10):
        assert 0.9 < result.baselines[scale]["adamw"].fitness < 1.5


def test_the_end_shows_the_tasks_together_and_each(result):
    shown = summary(result)
    assert "in units of that of AdamW tuned on each task" in shown
    for name in ("Quadratic + ", "Quadratic x1 ", "Scaled x1 ", "Quadratic x10 ", "Scaled x10 "):
        assert name in shown
    stage = result.stages[0]
    score = stage.baselines["adamw"]
    assert len(score.losses) == 8 and score.mean == pytest.approx((score.on(0).mean + score.on(1).mean) / 2)


def test_a_run_that_was_interrupted_goes_on_in_the_same_units(result, tmp_path):
    class Stopping(io.StringIO):
        """A stream that stops the run once it has tuned."""

        def write(self, text: str) -> int:
            if "lion tuned" in text:
                os.kill(os.getpid(), 2)
            return super().write(text)

    with pytest.raises(Interrupted):
        search.run(CONFIG, tmp_path / "run", Console(stream=Stopping()))
    assert not Reader(tmp_path / "run").fact("stages")
    again = search.resume(tmp_path / "run")
    assert again.digest() == result.digest() and again.stages == result.stages


def test_rays_workers_find_the_same(result, tmp_path):
    found = search.run(replace(CONFIG, workers="ray", ray=RayConfig(workers=2)), tmp_path / "run")
    assert found.digest() == result.digest() and found.stages == result.stages


def test_trainings_in_other_units_are_not_reused(result, tmp_path):
    other = replace(CONFIG, reuse=(str(result.directory),), tune=replace(GRID, learning_rates=(0.001, 0.003)))
    with pytest.raises(SearchError, match="its losses are in units of .*give it the same `tune`"):
        search.run(other, tmp_path / "other")
    same = search.run(replace(CONFIG, reuse=(str(result.directory),)), tmp_path / "same")
    assert same.digest() == result.digest()


def test_the_file_of_each_task_reaches_a_cluster(tmp_path, monkeypatch):
    monkeypatch.chdir(HERE)
    config = replace(CONFIG, task="quadratic.py:Quadratic + quadratic.py:Scaled,x=1 + digits,batch=4")
    assert task_files(config.task) == [HERE / "quadratic.py"] * 2
    duty = duty_of(replace(config, ray=RayConfig(address="auto")), tmp_path)
    assert duty.task == config.task and (tmp_path / "quadratic.py").is_file()
