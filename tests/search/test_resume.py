"""A run that is interrupted, in whatever way, ends as if it never had been."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import dsl
import search
from search import Config, SearchError
from search.cli import main
from search.config import BudgetConfig, FitnessConfig, FunnelConfig, TuneConfig, WindowConfig
from search.configuration import to_dict
from search.evaluator import evaluate
from search.evolution import Progress, evolve
from search.interruption import interruptible
from search.journal import FILE_NAME, Child, Journal, Reader
from search.live.view import Work
from search.live.watching import Watcher
from search.state import RUNNING
from search.steps import Steps
from search.together import together
from search.workers import WORKERS
from tests.search.evolved import cache_of

ROOT = Path(search.__file__).parents[1]
START = dsl.optimizers["adamw"]
GRID = TuneConfig(learning_rates=(0.03, 0.1), weight_decays=(0.1,), seeds=2)
CONFIG = Config(
    workers="inline",
    population=20,
    tournament=3,
    fitness=FitnessConfig(seeds=2, race_margin=0.25, stop_margins=(0.125, 0.125, 0.125)),
    window=WindowConfig(children=10, new=3),
    budget=BudgetConfig(generated=200),
    tune=GRID,
    funnel=FunnelConfig(candidates=4, fresh_seeds=3, survivors=2, scales=(10,), seeds=2, tune=GRID),
)


# The evolution alone, with a trainer that draws what becomes of a program.


def go_on(directory: Path, config: Config, trainer: Any, stop_at: int | None = None) -> tuple[Reader, Progress]:
    """Evolves from where the journal ends; is lost after `stop_at` commits, without a word."""
    directory.mkdir(exist_ok=True)
    journal = Journal(directory)
    first = evaluate(trainer, dsl.canonical(START), (0, 1))
    if not Reader(directory).has_child(0):
        journal.record(Child(0, None, None, START, dsl.canonical_hash(START), first, new=True))
        journal.flush()

    def report(progress: Progress) -> None:
        if progress.generated == stop_at:
            raise KeyboardInterrupt

    reader = Reader(directory)
    try:
        search = evolve(config, START, first, cache_of(config, trainer), journal, report, reader.past())
        (end,) = together([search], lambda: None)
    except KeyboardInterrupt:
        end = None
    journal.close()
    return reader, end


@pytest.mark.parametrize("window", [WindowConfig(1, 1), WindowConfig(10, 3), WindowConfig(64, 8)])
@pytest.mark.parametrize("seed", [0, 8])
def test_a_search_that_is_interrupted_anywhere_ends_with_the_same_digest(tmp_path, drawn_trainer, window, seed):
    config = replace(CONFIG, window=window, seed=seed)
    whole, _ = go_on(tmp_path / "whole", config, drawn_trainer)
    for stop in range(5, 200, 13):
        go_on(tmp_path / str(stop), config, drawn_trainer, stop)
        reader, end = go_on(tmp_path / str(stop), config, drawn_trainer)
        assert reader.digest() == whole.digest() and reader.totals() == whole.totals()
        assert end.trained == whole.totals().trained


def test_a_search_may_be_interrupted_again_and_again(tmp_path, drawn_trainer):
    whole, _ = go_on(tmp_path / "whole", CONFIG, drawn_trainer)
    for stop in range(10, 200, 10):
        reader, _ = go_on(tmp_path / "pieces", CONFIG, drawn_trainer, stop)
        assert reader.totals().generated == stop
    assert go_on(tmp_path / "pieces", CONFIG, drawn_trainer)[0].digest() == whole.digest()


def test_what_is_committed_is_not_trained_again(tmp_path, drawn_trainer):
    go_on(tmp_path / "run", CONFIG, drawn_trainer, 150)
    trained = len(drawn_trainer.trained)
    go_on(tmp_path / "run", CONFIG, drawn_trainer)
    again = drawn_trainer.trained[trained:]
    assert len(set(again) - set(drawn_trainer.trained[:trained])) > 0.9 * (len(again) - 2)  # START is


LIMITS = {
    "generated": BudgetConfig(generated=73),
    "trained": BudgetConfig(generated=0, trained=50),
    "target": BudgetConfig(generated=200, target=1.05),
    "plateau": BudgetConfig(generated=200, plateau=30),
}


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("seed", [0, 8])
def test_a_search_that_ended_goes_on_under_a_larger_budget_as_if_it_had_had_it(tmp_path, drawn_trainer, limit, seed):
    whole, _ = go_on(tmp_path / "whole", replace(CONFIG, seed=seed), drawn_trainer)
    reader, end = go_on(tmp_path / "run", replace(CONFIG, seed=seed, budget=LIMITS[limit]), drawn_trainer)
    assert end.reached == limit and reader.totals().generated < 200
    assert reader.digest() == whole.digest(reader.totals().generated)
    reader, _ = go_on(tmp_path / "run", replace(CONFIG, seed=seed), drawn_trainer)
    assert reader.digest() == whole.digest()


def test_a_search_that_is_asked_to_stop_stops_at_once_where_nothing_is_under_way(tmp_path, drawn_trainer):
    asked = iter([False] * 60 + [True] * 1000)
    journal = Journal(tmp_path)
    first = evaluate(drawn_trainer, dsl.canonical(START), (0, 1))
    journal.record(Child(0, None, None, START, dsl.canonical_hash(START), first, new=True))
    cache = cache_of(CONFIG, drawn_trainer)
    search = evolve(CONFIG, START, first, cache, journal, interrupted=lambda: next(asked))
    (end,) = together([search], lambda: None)
    journal.close()
    assert 10 < end.generated < 60 and Reader(tmp_path).totals().generated == end.generated


# Whole runs.


@pytest.fixture
def config(quadratic: str) -> Config:
    return replace(CONFIG, task=quadratic, fitness=FitnessConfig(seeds=2), budget=BudgetConfig(generated=300))


def products(directory: Path) -> dict[str, Any]:
    """What a run leaves, times and its name left out."""
    result = search.load(directory)
    name = f"run {directory.name} with"
    files = {file.name: file.read_text().replace(name, "run with") for file in directory.glob("winner*")}
    return {"digest": result.digest(), "stages": result.stages, "winner": result.winner, "files": files}


@pytest.mark.parametrize(
    "step",
    ["steps.Steps.tune", "steps.Steps.warm_start", "evolution._Search.commit", "steps.Steps.stage"]
    + ["steps.write_winner"],
)
def test_a_run_goes_on_with_the_step_that_it_was_interrupted_in(tmp_path, config, monkeypatch, step):
    search.run(config, tmp_path / "whole")

    def lost(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"search.{step}", lost)
        with pytest.raises(KeyboardInterrupt):
            search.run(config, tmp_path / "run")
    search.resume(tmp_path / "run")
    assert products(tmp_path / "run") == products(tmp_path / "whole")


def test_a_run_that_goes_on_is_no_longer_where_it_was(tmp_path, config, monkeypatch):
    def lost(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("search.steps.Steps.stage", lost)
        with pytest.raises(KeyboardInterrupt):
            search.run(replace(config, budget=BudgetConfig(generated=20)), tmp_path)
    watcher, seen = Watcher(tmp_path), []
    assert watcher.look().step == "funnel"

    def look(steps: Steps) -> None:
        seen.append(watcher.look())
        steps.journal.close()
        raise KeyboardInterrupt

    monkeypatch.setattr("search.steps.Steps.all", look)
    with pytest.raises(KeyboardInterrupt):
        search.resume(tmp_path)
    assert (seen[0].state, seen[0].step, seen[0].work) == (RUNNING, "", Work())


def test_a_run_that_ended_is_left_as_it_is_and_starts_no_workers(tmp_path, config, monkeypatch):
    search.run(config, tmp_path / "run")
    before = products(tmp_path / "run")
    monkeypatch.setitem(WORKERS, "inline", None)
    search.resume(tmp_path / "run", {"generated": 300})
    assert products(tmp_path / "run") == before


def test_a_larger_budget_extends_a_run_that_ended(tmp_path, config):
    search.run(replace(config, budget=BudgetConfig(generated=100)), tmp_path / "run")
    search.run(config, tmp_path / "whole")
    search.resume(tmp_path / "run", {"generated": 300})
    assert products(tmp_path / "run") == products(tmp_path / "whole")
    assert search.load(tmp_path / "run").config["budget"]["generated"] == 300


@pytest.mark.parametrize("budget", [{"generatd": 5}, {"generated": -1}, {"generated": 0}, {"generated": 59}])
def test_a_budget_that_is_none_is_refused_and_the_run_is_as_before(tmp_path, config, budget):
    search.run(replace(config, budget=BudgetConfig(generated=60)), tmp_path)
    before = products(tmp_path)
    with pytest.raises(SearchError, match="budget"):
        search.resume(tmp_path, budget)
    assert products(tmp_path) == before


def test_a_task_file_that_has_changed_is_not_run_unless_it_is_trusted(tmp_path, config, quadratic):
    file = tmp_path / "mine.py"
    text = Path(quadratic.rpartition(":")[0]).read_text()
    file.write_text(text)
    search.run(replace(config, task=f"{file}:Quadratic"), tmp_path / "run")
    trap = tmp_path / "ran"
    file.write_text(f"{text}\nopen({str(trap)!r}, 'w').close()\n")
    with pytest.raises(SearchError, match=rf"{file}, the task of .* has changed since: .* --trust"):
        search.resume(tmp_path / "run", {"generated": 310})
    assert not trap.exists()
    search.resume(tmp_path / "run", {"generated": 310}, trust=True)
    assert trap.exists() and search.load(tmp_path / "run").totals.generated == 310
    file.unlink()
    with pytest.raises(SearchError, match="there is no such file: put it back"):
        search.resume(tmp_path / "run")


def test_another_file_of_the_same_name_is_not_run_from_another_directory(tmp_path, config, quadratic, monkeypatch):
    here, elsewhere, trap = tmp_path / "here", tmp_path / "elsewhere", tmp_path / "ran"
    for directory in (here, elsewhere):
        directory.mkdir()
    (here / "mine.py").write_text(Path(quadratic.rpartition(":")[0]).read_text())
    (elsewhere / "mine.py").write_text(f"open({str(trap)!r}, 'w').close()\n")
    monkeypatch.chdir(here)
    search.run(replace(config, task="mine.py:Quadratic", budget=BudgetConfig(generated=60)), tmp_path / "run")
    monkeypatch.chdir(elsewhere)
    with pytest.raises(SearchError, match=rf"{elsewhere}/mine.py, the task of .* has changed since"):
        search.resume(tmp_path / "run", {"generated": 70})
    assert not trap.exists()


@pytest.mark.parametrize("fact", ["jaxlib", "machine", "tasks"])
def test_a_run_does_not_go_on_with_other_bits_in_silence(tmp_path, config, fact):
    search.run(replace(config, budget=BudgetConfig(generated=60)), tmp_path)
    journal = Journal(tmp_path)
    if fact == "machine":
        journal.facts(machines={1: "native on an abacus"})
    else:
        journal.facts(origin={**Reader(tmp_path).fact("origin"), fact: "another"})
    journal.close()
    with pytest.raises(SearchError, match=r"(was another|another version|an abacus).* --changed"):
        search.resume(tmp_path, {"generated": 70})
    search.resume(tmp_path, {"generated": 70}, changed=True)
    assert search.load(tmp_path).totals.generated == 70


# Processes.

Start = Callable[..., subprocess.Popen]


@pytest.fixture(scope="module")
def optsearch(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Starts the command in a process; all of them share one cache."""
    code = "import sys; from search.cli import main; sys.exit(main())"
    cache = tmp_path_factory.mktemp("cache")

    def start(*arguments: Any, first: str = "") -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-c", first + code, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cache)},
        )

    return start


def ended(process: subprocess.Popen) -> str:
    """What a process told its user; it has to end well."""
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    return error


@pytest.fixture(scope="module")
def long_config(quadratic: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run of some seconds."""
    config = replace(CONFIG, task=quadratic, population=50, budget=BudgetConfig(generated=8_000))
    path = tmp_path_factory.mktemp("config") / "config.yaml"
    path.write_text(yaml.safe_dump(to_dict(config)))
    return path


@pytest.fixture(scope="module")
def whole(optsearch: Start, long_config: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of a run that was never interrupted."""
    directory = tmp_path_factory.mktemp("whole")
    ended(optsearch("run", long_config, "--out", directory))
    return Reader(directory).digest()


def wait_for_children(directory: Path, count: int) -> None:
    """Until so many are on disk, or the run has ended."""
    for _ in range(1000):
        time.sleep(0.05)
        try:
            if Reader(directory).has_child(count):
                return
        except SearchError:
            continue
    raise AssertionError("no children came")


def kill_moments(count: int) -> Iterator[float]:
    rng = random.Random(count)
    return (rng.uniform(0.5, 4.0) for _ in range(count))


@pytest.mark.parametrize("count", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_driver_that_is_killed_at_random_moments_loses_nothing(tmp_path, optsearch, long_config, whole, count):
    directory = tmp_path / "run"
    command: tuple = ("run", long_config, "--out", directory)
    for seconds in kill_moments(count):
        process = optsearch(*command)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
        process.kill()
        process.communicate()
        if (directory / FILE_NAME).exists() and Reader(directory).fact("config"):
            command = ("resume", directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    ended(optsearch(*command))
    reader = Reader(directory)
    assert reader.digest() == whole and reader.totals().generated == 8_000


def test_ctrl_c_commits_what_is_there_and_says_how_to_go_on(tmp_path, optsearch, long_config, whole):
    process = optsearch("run", long_config, "--out", tmp_path)
    wait_for_children(tmp_path, 100)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130 and "go on with: " in error and f"resume {tmp_path}" in error
    assert "Traceback" not in error
    ended(optsearch("resume", tmp_path))
    assert Reader(tmp_path).digest() == whole


def test_ctrl_c_once_more_while_it_leaves_does_not_change_the_exit_code(tmp_path, optsearch, long_config):
    process = optsearch("run", long_config, "--out", tmp_path)
    wait_for_children(tmp_path, 1)
    process.send_signal(signal.SIGINT)
    for line in process.stderr:
        if line.startswith("optsearch: interrupted"):
            process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    process.communicate()


def test_a_second_driver_is_refused_with_the_process_of_the_first(tmp_path, optsearch, long_config):
    first = optsearch("run", long_config, "--out", tmp_path)
    wait_for_children(tmp_path, 1)
    with pytest.raises(SearchError, match=f"is being written by process {first.pid}: .* kill {first.pid}"):
        search.resume(tmp_path)
    first.kill()
    first.communicate()


def test_a_journal_whose_end_is_torn_off_goes_on_before_it(tmp_path, optsearch, long_config, whole):
    process = optsearch("run", long_config, "--out", tmp_path)
    wait_for_children(tmp_path, 3000)
    process.kill()
    process.communicate()
    log = tmp_path / f"{FILE_NAME}-wal"
    os.truncate(log, log.stat().st_size * 2 // 3 + 11)
    left = Reader(tmp_path).totals().generated
    ended(optsearch("resume", tmp_path))
    assert left < 8_000 and Reader(tmp_path).digest() == whole


def test_a_full_disk_is_one_line_and_nothing_is_lost(tmp_path, optsearch, long_config, whole):
    small_files = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000)); "
    process = optsearch("run", long_config, "--out", tmp_path, first=small_files)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 2 and "Traceback" not in error, error
    assert "optsearch: the journal cannot be used: " in error and f"resume {tmp_path}" in error
    ended(optsearch("resume", tmp_path))
    assert Reader(tmp_path).digest() == whole


def test_a_run_that_ended_is_read_where_nothing_may_be_written(tmp_path, config, capsys):
    run = tmp_path / "run"
    search.run(config, run)
    before = products(run)
    with read_only(run):
        assert products(run) == before
        for command in ("show", "digest", "resume"):
            assert main([command, str(run)]) == 0
        for command in (
            ["resume", str(run), "--budget", "generated=310"],
            ["run", "quickstart", "--out", str(run / "new")],
        ):
            capsys.readouterr()
            assert main(command) == 2
            *_, error = capsys.readouterr().err.splitlines()
            assert error.startswith("optsearch: ") and "readonly" in error.lower().replace("-", "")
    assert products(run) == before


@contextlib.contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """The directory on a file system that is mounted read-only."""
    options = ["mount", "--bind", str(directory), str(directory)]
    if subprocess.run(options, capture_output=True).returncode:
        pytest.skip("a file system can be mounted by root alone")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(directory)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(directory)], check=True)


def test_only_the_main_thread_hears_signals():
    told = []

    def work() -> None:
        with interruptible(print) as interrupted:
            told.append(interrupted())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert told == [False]
