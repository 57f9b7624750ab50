"""A whole run: what it returns, what it leaves in its directory, and what it refuses to begin."""

from __future__ import annotations

import importlib.util
import io
import itertools
import math
import re
import subprocess
import sys
from dataclasses import replace
from inspect import signature
from pathlib import Path
from types import ModuleType

import jax
import numpy as np
import optax
import pytest

import dsl
import proxy_tasks
import search
from proxy_tasks import NON_FINITE, TRAINED, TaskError, Trainer
from search import Config, Result, SearchError
from search.config import BudgetConfig, FitnessConfig, FunnelConfig, RayConfig, TuneConfig, WindowConfig
from search.configuration import config_from_dict
from search.console import Console
from search.funnel import FIRST_FRESH_SEED
from search.journal import Reader
from search.summary import format_loss, format_score
from search.workers import InlineWorkers

SCALES = (1, 10)


@pytest.fixture(scope="session")
def config(quadratic: str) -> Config:
    grid = TuneConfig(learning_rates=(0.03, 0.1, 0.3), weight_decays=(0.01, 0.1), seeds=2)
    return Config(
        task=quadratic,
        workers="inline",
        population=20,
        fitness=FitnessConfig(seeds=2),
        window=WindowConfig(children=16, new=4),
        budget=BudgetConfig(generated=150),
        tune=grid,
        funnel=FunnelConfig(candidates=5, fresh_seeds=4, survivors=2, scales=(10,), seeds=3, tune=grid),
    )


@pytest.fixture(scope="module")
def told() -> io.StringIO:
    """What the finished run told its user."""
    return io.StringIO()


@pytest.fixture(scope="module")
def result(config: Config, told: io.StringIO, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A finished run, on a task that fails whoever opens its test split."""
    return search.run(config, tmp_path_factory.mktemp("runs") / "new" / "run", Console(stream=told))


def imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# What it returns.


def test_a_run_tunes_the_baselines_on_every_task(result):
    assert set(result.baselines) == set(SCALES)
    for scale in SCALES:
        assert set(result.baselines[scale]) == {"adamw", "lion"}
        assert all(0 < tuned.fitness < 1 and tuned.learning_rate >= 0.03 for tuned in result.baselines[scale].values())


def test_a_run_generates_what_its_budget_says(result):
    totals = result.totals
    assert totals.generated == 150 and 0 < totals.trained < 150
    assert sum(totals.outcomes.values()) == totals.trained and totals.outcomes[TRAINED] > 0
    assert totals.cache_hit_rate == 1 - totals.trained / 150
    assert 0 < result.redundancy < 1


def test_a_run_starts_as_tuned_adamw(result):
    first, tuned = result.child(0), result.baselines[1]["adamw"]
    constants = {"learning_rate": tuned.learning_rate, "weight_decay": tuned.weight_decay}
    assert first.program == dsl.known("adamw", **constants)
    assert (first.parent, first.mutation, first.evaluation.fitness) == (None, None, tuned.fitness)


def test_the_best_programs_are_at_least_as_good_as_the_warm_start(result):
    best = list(result.best(5).values())
    assert [child.evaluation.fitness for child in best] == sorted(child.evaluation.fitness for child in best)
    assert best[0].evaluation.fitness <= result.child(0).evaluation.fitness


def test_the_best_programs_go_through_the_funnel(result, config):
    first, second = result.stages
    assert set(first.scores) == set(result.best(config.funnel.candidates))
    assert (first.scale, first.seeds) == (1, 4) and (second.scale, second.seeds) == (10, 3)
    assert list(second.scores) == first.ranked[: config.funnel.survivors] != []
    for stage in result.stages:
        assert {len(score.losses) for score in stage.baselines.values()} == {stage.seeds}
        assert all(stage.scores[id].mean < stage.baselines["adamw"].mean for id in stage.passed)


def test_the_winner_is_the_one_that_got_furthest(result):
    last = next(stage for stage in reversed(result.stages) if stage.passed)
    assert result.winner == result.child(last.passed[0])
    assert len(result.simplified) <= len(result.winner.program)
    assert result.simplified == dsl.simplify(result.winner.program)


def test_a_run_says_where_its_time_went(result):
    assert list(result.seconds) == ["tune", "evolve", "funnel"]
    assert all(0 < spent < 600 for spent in result.seconds.values())


def test_a_run_tells_its_user_what_it_did(result, config, told):
    text = told.getvalue()
    (best,) = (child.evaluation.fitness for child in result.best(1).values())
    assert f"evolved 150 children, {result.totals.trained} trained; best fitness {best:.4f}" in text
    for scale in SCALES:
        for name in ("adamw", "lion"):
            tuned = result.baselines[scale][name]
            said = re.search(rf"{name} tuned on \S+ x{scale}: learning rate {tuned.learning_rate:g}, (.*)", text)
            grid = config.tune.learning_rates
            ends = said[1].partition("; that is ")[2]
            assert ("learning rate" in ends) == (tuned.learning_rate in (min(grid), max(grid)))
            assert "weight decay tried" in ends  # of two, each is an end
    assert f"funnel: {len(result.stages[0].passed)} of 5 programs have a lower mean loss than AdamW on" in text
    assert text.startswith(f"the run is written to {result.directory}\n")


# What it leaves.


def test_a_directory_holds_the_journal_and_the_winner(result):
    assert sorted(path.name for path in result.directory.iterdir()) == [
        "journal.sqlite",
        "winner.txt",
        "winner_optax.py",
        "winner_python.py",
        "winner_torch.py",
    ]
    assert dsl.parse((result.directory / "winner.txt").read_text()) == result.simplified


def test_the_exported_winner_steps_as_the_program_does(result):
    make = imported(result.directory / "winner_optax.py").found_optimizer
    rng = np.random.default_rng(0)
    weights = {"a": rng.standard_normal((2, 2)).astype(np.float32), "b": rng.standard_normal(2).astype(np.float32)}
    params, states = weights, [jax.tree.map(np.zeros_like, weights) for _ in result.simplified.states]
    optimizer = make(learning_rate=0.5 * signature(make).parameters["learning_rate"].default)
    memory = optimizer.init(params)
    for _ in range(3):
        gradient = jax.tree.map(lambda w: rng.standard_normal(w.shape).astype(np.float32), weights)
        update, states = dsl.step(result.simplified, weights, gradient, states, 0.5)
        weights = jax.tree.map(np.subtract, weights, update)
        updates, memory = optimizer.update(gradient, memory, params)
        params = optax.apply_updates(params, updates)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3), params, weights)


def test_the_exports_say_where_they_come_from(result):
    for name in ("winner_optax.py", "winner_python.py"):
        module = imported(result.directory / name)
        about = " ".join(module.__doc__.split())
        assert f"run {result.directory.name} with seed {result.config['seed']}" in about
        assert f"child {result.winner.id}, hash {dsl.canonical_hash(result.winner.program)}" in about
        fitness, adamw = result.winner.evaluation.fitness, result.baselines[1]["adamw"].fitness
        assert f"validation loss {format_loss(fitness)}, tuned AdamW's {format_loss(adamw)}, with the seeds of" in about
        for stage in result.stages:
            fresh = format_score(stage.scores[result.winner_key])
            assert f"x{stage.scale}, seeds that the search has not seen: {fresh}, AdamW " in about


def test_a_loaded_run_is_what_the_run_returned(result, config):
    loaded = search.load(str(result.directory))
    assert loaded == result and loaded.digest() == result.digest()
    assert config_from_dict(loaded.config, "the run") == config


def test_the_summary_has_the_figures(result):
    text = search.summary(result)
    for line in str(result.simplified).splitlines():
        assert line in text
    for stage in result.stages:
        scores = [stage.scores.get(result.winner_key), stage.baselines["adamw"], stage.baselines["lion"]]
        assert all(format_score(score) in text for score in scores)
    totals = result.totals
    assert f"150 children generated, {totals.trained} of them trained" in text
    assert f"cache hit rate {totals.cache_hit_rate:.1%}; {result.redundancy:.1%} of the statements" in text
    assert f"optsearch show {result.directory} {result.winner.id}" in text


# The same again.


def test_a_run_of_the_same_configuration_has_the_same_digest_in_another_process(result, config, tmp_path):
    code = f"""
import proxy_tasks
import search
from search.configuration import config_from_dict
result = search.run(config_from_dict({result.config!r}, "the test"), {str(tmp_path / "again")!r})
print(result.digest(), result.winner.id)
"""
    root = Path(search.__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [result.digest(), str(result.winner.id)]


# What it does not begin, and what ends it.


def small(config: Config, **changes) -> Config:
    """A run that is over at once: no funnel but the fresh seeds, few children."""
    funnel = replace(config.funnel, scales=(), fresh_seeds=1)
    return replace(config, **{"budget": BudgetConfig(generated=3), "funnel": funnel, **changes})


@pytest.mark.parametrize("content", ["journal.sqlite", "notes.txt"])
def test_a_directory_that_is_not_empty_is_left_alone(config, tmp_path, content):
    (tmp_path / content).write_text("mine")
    with pytest.raises(SearchError, match="is not empty: nothing is overwritten; give another"):
        search.run(config, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [content]
    assert (tmp_path / content).read_text() == "mine"


def test_a_file_is_no_directory_of_a_run(config, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SearchError, match="is a file: give another directory"):
        search.run(config, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "changes, error, match",
    [
        ({"task": "digts"}, TaskError, "there is no task 'digts'; the nearest are digits"),
        ({"start": "adamww"}, SearchError, "no known optimizer 'adamww'; did you mean 'adamw'?"),
        ({"task": "digits", "funnel": FunnelConfig(scales=(10, 1000))}, TaskError, "digits has no scale 1000"),
    ],
    ids=["task", "start", "scale"],
)
def test_what_cannot_be_run_is_found_before_anything_is_done(config, tmp_path, changes, error, match):
    with pytest.raises(error, match=match):
        search.run(replace(config, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_may_start_from_a_program_in_a_file(config, tmp_path):
    program = dsl.known("momentum", learning_rate=0.03)
    (tmp_path / "mine.txt").write_text(str(program))
    result = search.run(small(config, start=str(tmp_path / "mine.txt")), tmp_path / "run")
    assert result.child(0).program == program


def test_a_start_that_does_not_train_is_an_error_that_says_what_to_change(config, tmp_path):
    (tmp_path / "mine.txt").write_text("def train(w, g, lr):\n  u = w / 1e-30\n  u = u / 1e-30\n  return u\n")
    with pytest.raises(SearchError, match=rf"does not train on .* \({NON_FINITE}\): give another `start`"):
        search.run(small(config, start=str(tmp_path / "mine.txt")), tmp_path / "run")
    assert not (tmp_path / "run").exists()  # the same command can be given again


def test_a_task_whose_loss_is_not_finite_at_the_start_is_refused_before_anything_is_trained(
    config, tmp_path, monkeypatch
):
    monkeypatch.setattr(InlineWorkers, "prepare", None)
    broken = Path(search.__file__).parents[1] / "tests" / "proxy_tasks" / "broken.py"
    told = io.StringIO()
    with pytest.raises(TaskError, match=r"good: loss\(\) is nan at the start: mend data\(\)\['train'\]\['x'\]"):
        search.run(replace(config, task=f"{broken}:SpoiltData"), tmp_path / "run", Console(stream=told))
    assert told.getvalue() == "" and not list(tmp_path.glob("run/*"))


def test_an_interrupted_run_keeps_its_children(config, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("search.steps.run_stage", interrupt)
    with pytest.raises(KeyboardInterrupt):
        search.run(small(config), tmp_path / "run")
    unfinished = search.load(tmp_path / "run")
    assert unfinished.totals.generated == 3 and unfinished.winner is None
    with pytest.raises(SearchError, match="has no winner yet, its run has not ended"):
        search.summary(unfinished)


def test_a_run_whose_time_is_up_at_once_still_has_a_winner(config, tmp_path):
    result = search.run(small(config, budget=BudgetConfig(generated=0, seconds=1e-9)), tmp_path / "run")
    assert result.totals.generated == 0 and result.winner.id == 0
    assert result.stages[0].passed == [] and "0 children generated" in search.summary(result)
    assert math.isnan(result.stages[0].baselines["adamw"].error)


def test_a_run_without_a_directory_and_without_larger_tasks_takes_the_next_free_one(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "search-1").mkdir(parents=True)
    small = replace(config, budget=BudgetConfig(generated=5), funnel=replace(config.funnel, scales=()))
    result = search.run(small)
    assert result.directory == Path("runs/search-2") and len(result.stages) == 1 and result.winner


def test_an_impossible_configuration_made_in_python_is_refused(config, tmp_path):
    with pytest.raises(SearchError, match="tournament: 50 is more than the population of 20"):
        search.run(replace(config, tournament=50), tmp_path / "run")


def test_a_search_that_runs_out_of_children_says_so(config, tmp_path):
    told, full = io.StringIO(), dsl.MutationSettings(delete=0, modify=0, max_statements=1)
    result = search.run(small(config, mutation=full), tmp_path / "run", Console(stream=told))
    assert result.totals.generated == 0 and "a program had no valid child" in told.getvalue()


FAILING = """
import jax, jax.numpy as jnp, numpy as np
from proxy_tasks import Task

class Failing(Task):
    name, scale, steps, version = "failing", 1, 10, "1"
    def __init__(self, scale=1): pass
    def data(self): return np.ones(3, np.float32)
    def test_data(self): return self.data()
    def init(self, seed): return np.ones(3, np.float32)
    def batches(self, seed): return np.zeros((self.steps, 1), np.float32)
    def loss(self, weights, data, batch):
        def fail(w): raise ZeroDivisionError("by the user")
        jax.debug.callback(fail, weights)
        return jnp.sum(weights * weights)
    def evaluate(self, weights, data): return jnp.sum(weights * weights)
    def schedule(self): return np.ones(self.steps, np.float32)
"""


def test_a_task_that_fails_while_it_trains_ends_the_run_at_once_with_the_traceback(config, tmp_path):
    file = tmp_path / "failing.py"
    file.write_text(FAILING)
    with pytest.raises(TaskError, match="the task fails while it trains adamw: .*; mend it") as caught:
        search.run(replace(config, task=f"{file}:Failing"), tmp_path / "run")
    (traceback,) = caught.value.__notes__
    assert "ZeroDivisionError: by the user" in traceback and "in fail" in traceback
    assert not (tmp_path / "run").exists()


def test_a_cluster_that_is_not_there_is_found_out_before_anything_is_done(config, tmp_path):
    config = replace(config, workers="ray", ray=RayConfig(address="127.0.0.1:1"))
    with pytest.raises(SearchError, match="there is no cluster at ray.address 127.0.0.1:1 "):
        search.run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_columns_are_those_of_the_children(result):
    columns = result.columns()
    children = list(Reader(result.directory).children())
    assert {len(column) for column in columns.values()} == {len(children)}
    for place, child in enumerate(children):
        row = {name: column[place] for name, column in columns.items()}
        assert row["search"] == "" and row["id"] == child.id and row["hash"] == child.hash
        assert row["parent"] == (-1 if child.parent is None else child.parent)
        assert row["mutation"] == (child.mutation or "") and row["trained"] == child.new
        assert (row["statements"], row["live"]) == (len(child.program), len(dsl.live(child.program)))
        assert row["kind"] == child.evaluation.kind
        fitness = child.evaluation.fitness
        assert np.isnan(row["fitness"]) if fitness is None else row["fitness"] == fitness
    assert np.all(np.diff(columns["seconds"][1:]) >= 0)


def test_a_line_leads_from_the_warm_start_to_the_child_by_its_parents(result):
    line = result.lineage(result.winner_key)
    assert (line[0].key, line[0].mutation, line[0].change, line[0].gain) == ("0", None, "", None)
    assert line[-1].key == result.winner_key
    for before, ancestor in itertools.pairwise(line):
        child, parent = result.child(ancestor.key), result.child(before.key)
        assert child.parent == parent.id and ancestor.mutation == child.mutation
        assert ancestor.fitness == child.evaluation.fitness
        assert ancestor.gain == parent.evaluation.fitness - child.evaluation.fitness
        assert ancestor.same == (child.hash == parent.hash)
        went = [line[2:] for line in ancestor.change.splitlines() if line[0] == "-"]
        came = [line[2:] for line in ancestor.change.splitlines() if line[0] == "+"]
        texts = [[line.strip() for line in str(c.program).splitlines()] for c in (parent, child)]
        assert sorted([*texts[0], *came]) == sorted([*texts[1], *went])


def test_the_front_is_better_the_longer(result):
    front = list(result.front().values())
    lengths = [len(dsl.live(child.program)) for child in front]
    losses = [child.evaluation.fitness for child in front]
    assert lengths == sorted(set(lengths)) and losses == sorted(set(losses), reverse=True)
    assert losses[-1] == next(iter(result.best(1).values())).evaluation.fitness


def test_the_funnel_keeps_the_mean_learning_curves(result, config):
    for stage in result.stages:
        trainer = Trainer(proxy_tasks.get(config.task, stage.scale))
        program = dsl.canonical(result.baselines[stage.scale]["adamw"].program("adamw"))
        outcomes = [trainer.train(program, FIRST_FRESH_SEED + seed) for seed in range(stage.seeds)]
        (curve,) = stage.baselines["adamw"].curves
        np.testing.assert_allclose(curve, np.mean([outcome.curve for outcome in outcomes], axis=0), rtol=1e-6)
        assert all(len(score.curves) == (score.kind == TRAINED) for score in stage.scores.values())
