"""Runs of several searches: repeats over one pool and one cache, restarts from the best, trainings of earlier runs."""

from __future__ import annotations

import io
import itertools
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import search
from search import Config, Result, SearchError
from search.cli import main
from search.config import BudgetConfig, FitnessConfig, FunnelConfig, TuneConfig, WindowConfig
from search.console import Console
from search.evolution import Progress, evolve
from search.journal import FILE_NAME, Journal, Reader

GRID = TuneConfig(learning_rates=(0.03, 0.1), weight_decays=(0.1,), seeds=2)
NAMES = ["search-1", "search-2", "restart-1", "restart-2"]


@pytest.fixture(scope="module")
def alone(quadratic: str) -> Config:
    return Config(
        task=quadratic,
        workers="inline",
        population=20,
        tournament=3,
        seed=7,
        fitness=FitnessConfig(seeds=2),
        window=WindowConfig(children=10, new=3),
        budget=BudgetConfig(generated=120),
        tune=GRID,
        funnel=FunnelConfig(candidates=6, fresh_seeds=3, survivors=2, scales=(10,), seeds=2, tune=GRID),
    )


@pytest.fixture(scope="module")
def config(alone: Config) -> Config:
    return replace(alone, repeats=2, restarts=2)


@pytest.fixture(scope="module")
def told() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(scope="module")
def result(config: Config, told: io.StringIO, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return search.run(config, tmp_path_factory.mktemp("run"), Console(stream=told))


def products(directory: Path) -> dict[str, Any]:
    """What a run leaves, times and its name left out."""
    found = search.load(directory)
    name = f"run {directory.name} with"
    files = {file.name: file.read_text().replace(name, "run with") for file in directory.glob("winner*")}
    digests = {place: Reader(directory / place).digest() for place in NAMES if (directory / place).exists()}
    return {"digest": found.digest(), "digests": digests, "stages": found.stages, "winner": found.winner, **files}


def test_each_search_has_a_journal_of_its_own(result):
    assert list(result.searches) == NAMES
    assert all(totals.generated == 120 for totals in result.searches.values())
    assert result.totals.generated == 480
    assert result.totals.trained == sum(totals.trained for totals in result.searches.values())
    assert len({Reader(result.directory / name).digest() for name in NAMES}) == 4


def test_a_repeat_finds_what_a_run_of_its_seed_finds(result, alone, tmp_path):
    for number, name in enumerate(NAMES[:2]):
        search.run(replace(alone, seed=alone.seed + number), tmp_path / name)
        assert Reader(tmp_path / name).digest() == Reader(result.directory / name).digest()


def test_a_restart_begins_from_the_best_program_so_far(result):
    best = {name: Reader(result.directory / name).best(1)[0] for name in NAMES}
    for number, name in enumerate(NAMES[2:], start=2):
        before = min((best[earlier] for earlier in NAMES[:number]), key=lambda child: child.evaluation.fitness)
        first = Reader(result.directory / name).child(0)
        assert (first.program, first.evaluation) == (before.program, before.evaluation)
        assert best[name].evaluation.fitness <= first.evaluation.fitness


def test_the_line_of_a_child_of_a_restart_leads_through_what_it_began_from(result, tmp_path, capsys):
    def shown(*arguments: Any) -> str:
        assert main([str(argument) for argument in arguments]) == 0
        return capsys.readouterr().out

    began_from = Reader(result.directory / "restart-1").fact("from")
    whole, before = result.lineage("restart-1/120"), result.lineage(began_from)
    assert whole[: len(before)] == before and [ancestor.origin for ancestor in before if ancestor.origin] == [
        "the warm start"
    ]
    copy = whole[len(before)]
    assert (copy.key, copy.origin) == ("restart-1/0", f"a restart from child {began_from}")
    table = shown("lineage", result.directory, "restart-1/120")
    assert table.count("the warm start") == 1 and table.count(f"a restart from child {began_from}") == 1
    assert f"\n{len(whole) - 2} mutations led to it" in shown("show", result.directory, "restart-1/120")
    assert shown("show", result.directory, "restart-1/0").startswith(
        f"child restart-1/0, a restart from child {began_from}\n"
    )
    alone = shutil.copytree(result.directory / "restart-1", tmp_path / "restart-1")
    journal = Journal(alone)
    journal.forget("from")
    journal.close()
    assert shown("show", alone, "0").startswith("child 0, a restart; its journal does not name where it began\n")


def test_the_funnel_chooses_among_all_searches(result, config):
    first, _ = result.stages
    assert set(first.scores) == set(result.best(config.funnel.candidates))
    assert len({key.partition("/")[0] for key in first.scores}) > 1
    assert result.winner == result.child(result.winner_key)
    fitnesses = [child.evaluation.fitness for child in result.best(50).values()]
    assert fitnesses == sorted(fitnesses)
    assert len({child.hash for child in result.best(50).values()}) == len(fitnesses)


def test_a_run_of_several_searches_tells_its_user_of_each(result, told):
    text = told.getvalue()
    assert all(f"{name}: evolved 120 children" in text for name in NAMES)
    assert "restart-1 begins from child search-" in text
    assert f"The winner, child {result.winner_key}, simplified" in search.summary(result)
    assert f"child {result.winner_key}, hash" in " ".join((result.directory / "winner_optax.py").read_text().split())


def test_the_searches_and_their_children_are_shown(result, capsys):
    def shown(*arguments: Any) -> str:
        assert main([str(argument) for argument in arguments]) == 0
        return capsys.readouterr().out

    whole = shown("show", result.directory)
    assert all(f"\n{name} " in f"\n{whole}" for name in NAMES) and f"the winner is child {result.winner_key}" in whole
    assert f"child {result.winner_key}, " in shown("show", result.directory, result.winner_key)
    one = shown("show", result.directory / "search-2")
    assert f"one search of the run {result.directory}" in one and "120 children generated" in one
    assert shown("digest", result.directory).strip() == result.digest()
    assert "made from child search-2/" in shown("show", result.directory, "search-2/9")
    assert "child search-2/9, " in shown("show", result.directory / "search-2", "search-2/9")
    name, _, number = result.winner_key.partition("/")
    assert f"child {number}, " in shown("show", result.directory / name, number)
    assert f"child {result.winner_key}," in shown("export", result.directory)
    assert main(["digest", str(result.directory), "--upto", "5"]) == 2
    assert f"--upto counts in one, {result.directory / 'search-1'}, say" in capsys.readouterr().err
    assert main(["show", str(result.directory), "17"]) == 2
    assert "there is no child 17: of this run, write NAME/NUMBER, with NAME one of search-1" in capsys.readouterr().err


def test_a_run_may_have_the_name_of_one_of_its_searches(alone, tmp_path, capsys):
    result = search.run(replace(alone, repeats=2, budget=BudgetConfig(generated=40)), tmp_path / "search-1")
    for name in ("search-1", "search-2"):
        assert result.child(f"{name}/7") == Reader(result.directory / name).child(7)
        assert main(["show", str(result.directory), f"{name}/0"]) == 0
        assert f"child {name}/0, the warm start" in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stop_at", [1, 60])
def test_a_run_that_is_lost_in_any_of_its_searches_goes_on_as_if_it_had_not_been(
    result, config, tmp_path, monkeypatch, name, stop_at
):
    def losing(of_search: Config, *values: Any, **named: Any) -> Any:
        def report(progress: Progress) -> None:
            if (of_search.seed, progress.generated) == (config.seed + NAMES.index(name), stop_at):
                raise KeyboardInterrupt

        return evolve(of_search, *values, report=report, **named)

    with monkeypatch.context() as patch:
        patch.setattr("search.repeats.evolve", losing)
        with pytest.raises(KeyboardInterrupt):
            search.run(config, tmp_path / "run")
    search.resume(tmp_path / "run")
    assert products(tmp_path / "run") == products(result.directory)


def test_a_run_that_is_killed_while_it_makes_a_journal_goes_on(result, tmp_path):
    shutil.copytree(result.directory, tmp_path / "run")
    for name in ("restart-1", "restart-2"):
        (tmp_path / "run" / name / FILE_NAME).write_bytes(b"")
    journal = Journal(tmp_path / "run")
    journal.forget("stages", "winner")
    journal.close()
    search.resume(tmp_path / "run")
    assert products(tmp_path / "run") == products(result.directory)


def test_a_larger_budget_extends_every_repeat(alone, tmp_path):
    config = replace(alone, repeats=2)
    search.run(replace(config, budget=BudgetConfig(generated=50)), tmp_path / "run")
    search.run(config, tmp_path / "whole")
    search.resume(tmp_path / "run", {"generated": 120})
    assert products(tmp_path / "run") == products(tmp_path / "whole")


def test_a_run_that_has_restarted_does_not_take_another_budget(result):
    with pytest.raises(SearchError, match="has restarted from the best .*: begin another run, with `reuse:"):
        search.resume(result.directory, {"generated": 200})


def test_one_search_of_a_run_is_not_gone_on_with_alone(result):
    with pytest.raises(SearchError, match=f"is one search of the run {result.directory}: resume that"):
        search.resume(result.directory / "search-1")


# Trainings of earlier runs.


class Counted:
    """Counts trainings."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.count = 0
        evaluate = search.workers.evaluate

        def counted(*arguments: Any) -> Any:
            self.count += 1
            return evaluate(*arguments)

        monkeypatch.setattr("search.workers.evaluate", counted)


def test_a_run_that_reuses_another_finds_the_same_and_trains_less(result, alone, tmp_path, monkeypatch):
    counted = Counted(monkeypatch)
    whole = search.run(alone, tmp_path / "whole")
    needed, counted.count = counted.count, 0
    again = search.run(replace(alone, reuse=(str(result.directory),)), tmp_path / "again")
    assert (again.digest(), again.totals, again.stages) == (whole.digest(), whole.totals, whole.stages)
    assert needed - counted.count >= 0.95 * whole.totals.trained


@pytest.mark.parametrize("fact", ["jaxlib", "sources", "digest", "tasks", "machine", "scale"])
def test_trainings_with_other_bits_are_not_reused(result, alone, tmp_path, fact):
    shutil.copytree(result.directory, tmp_path / "other")
    journal = Journal(tmp_path / "other")
    if fact == "machine":
        journal.facts(machines={1: "native on an abacus"})
    elif fact == "scale":
        journal.facts(config={**result.config, "scale": 10})
    else:
        another = {"1": "another"} if fact == "tasks" else "another"
        journal.facts(origin={**Reader(tmp_path / "other").fact("origin"), fact: another})
    journal.close()
    with pytest.raises(SearchError, match=r"cannot be reused: .*; take it out of `reuse`"):
        search.run(replace(alone, reuse=(str(tmp_path / "other"),)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_was_gone_on_with_under_other_versions_is_not_reused(result, alone, tmp_path):
    shutil.copytree(result.directory, tmp_path / "other")
    journal = Journal(tmp_path / "other")
    journal.facts(origin={**Reader(tmp_path / "other").fact("origin"), "sources": "another"})
    journal.forget("winner")
    journal.close()
    search.resume(tmp_path / "other")
    with pytest.raises(SearchError, match="cannot be reused: it was gone on with under other versions"):
        search.run(replace(alone, reuse=(str(tmp_path / "other"),)), tmp_path / "run")


def test_a_run_does_not_go_on_with_trainings_that_have_other_bits_by_now(result, alone, tmp_path):
    shutil.copytree(result.directory, tmp_path / "other")
    config = replace(alone, budget=BudgetConfig(generated=60), reuse=(str(tmp_path / "other"),))
    search.run(config, tmp_path / "run")
    journal = Journal(tmp_path / "other")
    journal.facts(origin={**Reader(tmp_path / "other").fact("origin"), "jaxlib": "another"})
    journal.close()
    with pytest.raises(SearchError, match="cannot be reused: jaxlib was another"):
        search.resume(tmp_path / "run", {"generated": 120})


def test_what_is_no_run_is_not_reused(alone, tmp_path):
    with pytest.raises(SearchError, match="is not a run"):
        search.run(replace(alone, reuse=(str(tmp_path),)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_reused_run_that_is_gone_is_not_missed(result, alone, tmp_path):
    shutil.copytree(result.directory, tmp_path / "other")
    config = replace(alone, budget=BudgetConfig(generated=60), reuse=(str(tmp_path / "other"),))
    search.run(config, tmp_path / "run")
    shutil.rmtree(tmp_path / "other")
    told = io.StringIO()
    search.resume(tmp_path / "run", {"generated": 120}, Console(stream=told))
    assert "is no longer there: what it knew is trained again" in told.getvalue()
    assert Reader(tmp_path / "run").digest() == Reader(result.directory / "search-1").digest()


def test_a_line_goes_through_the_restarts(result):
    key = f"restart-2/{Reader(result.directory / 'restart-2').best(1)[0].id}"
    line = result.lineage(key)
    assert line[0].key in ("search-1/0", "search-2/0") and line[-1].key == key
    starts = [(before, after) for before, after in itertools.pairwise(line) if after.mutation is None]
    assert [after.key for _, after in starts] == ["restart-1/0", "restart-2/0"]
    for before, after in starts:
        assert before.key == Reader(result.directory / after.key.partition("/")[0]).fact("from")
        assert after.same and after.change == "" and after.gain == 0


def test_the_columns_of_several_searches_follow_one_another(result):
    columns = result.columns()
    assert list(dict.fromkeys(columns["search"])) == NAMES and len(columns["id"]) == 4 * 121


def test_a_line_of_a_search_that_is_not_there_is_refused(result):
    with pytest.raises(
        SearchError, match="there is no child search-7/1: of this run, write NAME/NUMBER, with NAME one of search-1"
    ):
        result.lineage("search-7/1")
