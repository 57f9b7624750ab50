"""A run is seen from outside as its result has it, at every moment, and is not touched by that."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

import search
from search import BudgetConfig, Config, FitnessConfig, FunnelConfig, Result, SearchError, TuneConfig, WindowConfig
from search.configuration import to_dict
from search.journal import FILE_NAME, Journal, Reader
from search.live.following import Followed
from search.live.remaining import Done, remaining
from search.live.view import Rates, View, Work
from search.live.watching import WINDOW_S, Watcher
from search.lock import Lock, held
from search.searches import begun, front
from search.state import ENDED, INTERRUPTED, RUNNING, state
from search.to_json import to_json

GRID = TuneConfig(learning_rates=(0.03, 0.1), weight_decays=(0.1,), seeds=2)


@pytest.fixture(scope="module", params=[(1, 0), (2, 1)], ids=["one search", "several searches"])
def result(request: pytest.FixtureRequest, quadratic: str, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A run that has ended."""
    repeats, restarts = request.param
    config = Config(
        task=quadratic,
        workers="inline",
        repeats=repeats,
        restarts=restarts,
        population=20,
        fitness=FitnessConfig(seeds=2),
        window=WindowConfig(children=10, new=3),
        budget=BudgetConfig(generated=150),
        tune=GRID,
        funnel=FunnelConfig(candidates=4, fresh_seeds=3, survivors=2, scales=(), seeds=2, tune=GRID),
    )
    return search.run(config, tmp_path_factory.mktemp("run"))


def expect_same(view: View, directory: Path) -> None:
    """The view has what the result has."""
    result = search.load(directory)
    assert view.totals == result.totals and view.redundancy == result.redundancy
    found = front(begun(result.config, directory))
    assert [(m.child, (m.live, m.fitness)) for m in view.front] == [
        (key, (length, child.evaluation.fitness)) for key, (length, child) in found.items()
    ]
    if found:
        (best,) = (child.evaluation.fitness for child in result.best(1).values())
        assert view.best and view.best.fitness == best == view.history[-1][1]


def replay(result: Result, directory: Path, every: int, watcher: Watcher) -> View:
    """Writes the children of a run anew, and looks at them now and then; the last look."""
    for place, reader in begun(result.config, result.directory).items():
        to = directory / place.directory.relative_to(result.directory)
        to.mkdir(exist_ok=True)
        journal = Journal(to)
        for child in reader.children():
            journal.record(child)
            if child.id % every == 0:
                journal.flush()
                watcher.look()
        journal.close()
    return watcher.look()


def begin(result: Result, directory: Path) -> Watcher:
    """A run with the same facts, and no children."""
    directory.mkdir()
    journal = Journal(directory)
    journal.facts(config=result.config, baselines=Reader(result.directory).fact("baselines"))
    journal.close()
    return Watcher(directory)


def test_a_run_that_has_ended_is_seen_as_its_result_has_it(result):
    view = Watcher(result.directory).look()
    expect_same(view, result.directory)
    adamw = result.baselines[1]["adamw"].fitness
    assert (view.state, view.winner, view.adamw) == (ENDED, result.winner_key, adamw)
    assert (view.step_seconds, view.seconds_in_all) == (0.0, sum(result.seconds.values()))
    assert (view.searches, view.searches_in_all) == (len(result.searches), len(result.searches))
    assert [better for _, better in view.history] == sorted({better for _, better in view.history}, reverse=True)
    repeats = max(totals.generated for name, totals in result.searches.items() if "restart" not in name)
    assert view.length == repeats + result.searches.get("restart-1", replace(result.totals, generated=0)).generated


@pytest.mark.parametrize("every", [7, 1000])
def test_many_looks_see_what_one_does(result, tmp_path, every):
    watcher = begin(result, tmp_path / "run")
    view = replay(result, tmp_path / "run", every, watcher)
    expect_same(view, tmp_path / "run")
    once = Watcher(tmp_path / "run").look()
    assert replace(view, time=0, front=(), rates=once.rates) == replace(once, time=0, front=())


def test_children_that_a_power_failure_took_back_are_forgotten(result, tmp_path):
    watcher = begin(result, tmp_path / "run")
    replay(result, tmp_path / "run", 1000, watcher)
    for directory in {place.directory for place in begun(result.config, tmp_path / "run")}:
        journal = Journal(directory)
        journal._file.execute("DELETE FROM children WHERE id > 30")
        journal.close()
        Journal(directory).close()  # which takes away the trainings of children that are not there
    expect_same(watcher.look(), tmp_path / "run")


def test_looking_changes_nothing(result):
    def files() -> dict[str, str]:
        found = (file for file in result.directory.rglob("*") if file.is_file())
        return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in found}

    before = files()
    Watcher(result.directory).look()
    assert files() == before


def test_the_formulas_are_those_of_the_simplified_programs_once_there_was_time_for_them(result):
    import dsl

    first, all_of_them = (Watcher(result.directory, share).look().front for share in (0.0, 1e9))
    assert [member.simplified for member in first] == [False] * (len(first) - 1) + [True]
    for member in all_of_them:
        program = dsl.simplify(result.child(member.child).program)
        assert member.simplified and member.formula == dsl.formula(program)


def test_a_view_is_written_as_json(result):
    view = Watcher(result.directory).look()
    whole = json.loads(to_json(view.whole()))
    assert whole["generated"] == view.totals.generated and len(whole["front"]) == len(view.front)


def test_a_search_of_several_is_not_watched_alone(result):
    if len(result.searches) > 1:
        with pytest.raises(SearchError, match=f"is one search of the run {result.directory}: watch that"):
            Watcher(result.directory / "search-2")


# Who writes it.


def test_a_run_is_running_while_a_process_writes_it_and_interrupted_when_none_does(tmp_path):
    journal = Journal(tmp_path)
    journal.facts(config=to_dict(Config()))
    watcher = Watcher(tmp_path)
    assert watcher.look().state == RUNNING
    journal.close()
    assert watcher.look().state == INTERRUPTED
    journal = Journal(tmp_path)
    assert watcher.look().state == RUNNING
    journal.close()


def test_a_search_that_is_a_part_of_a_run_is_in_the_state_of_that(tmp_path):
    run, part = Journal(tmp_path), tmp_path / "search-1"
    part.mkdir()
    journal = Journal(part)
    journal.facts(part=True)
    journal.close()  # as that of a search does which has ended before the others
    assert state(part) == RUNNING
    run.close()
    assert state(part) == INTERRUPTED
    run = Journal(tmp_path)
    run.facts(winner="search-2/17")
    run.close()
    assert state(part) == state(tmp_path) == ENDED


def test_where_there_are_no_locks_a_run_without_a_winner_counts_as_running(tmp_path, monkeypatch):
    monkeypatch.setattr("search.state.held", lambda directory: None)
    journal = Journal(tmp_path)
    journal.facts(config=to_dict(Config()))
    assert state(tmp_path) == Watcher(tmp_path).look().state == RUNNING
    journal.facts(winner="17")
    assert state(tmp_path) == ENDED
    journal.close()


@pytest.mark.parametrize("whole", [False, True], ids=["its journal", "its directory"])
def test_a_run_that_is_gone_is_named(tmp_path, whole):
    directory = tmp_path / "run"
    directory.mkdir()
    Journal(directory).close()
    watcher = Watcher(directory)
    (directory / FILE_NAME).unlink()
    if whole:
        directory.rmdir()
    with pytest.raises(SearchError, match="is not a run"):
        watcher.look()


def test_whoever_looks_whether_a_run_is_written_is_not_in_the_way_of_its_driver(tmp_path, monkeypatch):
    looking = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)  # as `held` does, which is stopped before it lets go
    monkeypatch.setattr("time.sleep", lambda seconds: fcntl.flock(looking, fcntl.LOCK_UN))
    lock = Lock(tmp_path)
    assert held(tmp_path)
    lock.release()
    assert held(tmp_path) is False
    os.close(looking)


# What there is to do.


@pytest.mark.parametrize(
    ("budget", "work"),
    [
        ({"generated": 1000}, Work(400, 1000, "children", 6.0)),
        ({"generated": 1000, "trained": 100}, Work(80, 100, "trainings", 2.0)),
        ({"generated": 1000, "seconds": 21}, Work(20, 21, "seconds", 1.0)),
        ({"target": 0.1}, Work(400, unit="children")),
    ],
)
def test_the_limit_that_ends_a_search_first_says_how_long_it_takes(budget, work):
    found = remaining(budget, [Done(400, 80, 20.0)], [], Rates(100.0, 10.0))
    assert replace(found, left_s=work.left_s) == work and found.left_s == (work.left_s and pytest.approx(work.left_s))


def test_nothing_is_left_of_a_search_that_has_ended():
    searches = [Done(400, ended=True), Done(500)]
    assert remaining({"generated": 1000}, searches, [], Rates(100.0)) == Work(900, 2000, "children", 5.0)


@pytest.mark.parametrize(
    ("budget", "ended"),
    [({"generated": 150}, False), ({"plateau": 150}, False), ({"plateau": 1}, True), ({"target": 1e9}, True)],
)
def test_a_search_ends_where_its_best_program_reaches_a_limit(result, budget, ended):
    place, reader = list(begun(result.config, result.directory).items())[-1]
    search = Followed(reader, population=20)
    assert not search.has_ended(budget)
    search.read()
    assert search.has_ended(budget) is ended


def test_searches_at_once_share_the_rate_and_restarts_are_still_to_come():
    repeats, restarts = [Done(400, seconds=4.0), Done(600, seconds=4.0)], [Done()]
    assert remaining({"generated": 1000}, repeats, restarts, Rates(100.0)) == Work(1000, 3000, "children", 20.0)
    assert remaining({"seconds": 10}, repeats, restarts, Rates(100.0)) == Work(4, 20, "seconds", 16.0)


def test_nothing_says_how_long_it_takes_while_nothing_is_generated():
    assert remaining({"generated": 1000}, [Done()], [], Rates()) == Work(0, 1000, "children")
    assert remaining({"generated": 1000, "seconds": 9}, [Done()], [], Rates()) == Work(0, 1000, "children")


def test_children_a_second_are_those_of_the_last_seconds(result, tmp_path):
    moments = itertools.count(0.0, WINDOW_S / 20)
    directory = tmp_path / "run"
    directory.mkdir()
    journal = Journal(directory)
    journal.facts(config={**result.config, "repeats": 1, "restarts": 0}, now={"step": "evolve", "began": -100.0})
    watcher = Watcher(directory, clock=lambda: next(moments))
    (_, reader), *_ = begun(result.config, result.directory).items()
    rates = []
    for child in reader.children("id <= 100"):
        journal.record(child)
        if child.id % 2 == 0 or child.id > 60:  # two a look, then one
            journal.flush()
            rates.append(watcher.look().rates.generated)
    journal.close()
    looks_a_second = 20 / WINDOW_S
    assert rates[29] == pytest.approx(2 * looks_a_second) and rates[-1] == pytest.approx(looks_a_second)
