"""Searches on Ray's workers: the same children, whatever becomes of the workers."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray as ray_module
import yaml

import dsl
import proxy_tasks
import search as search_package
from proxy_tasks import TRAINED
from search import Config, SearchError
from search.config import BudgetConfig, FitnessConfig, FunnelConfig, RayConfig, TuneConfig, WindowConfig
from search.configuration import to_dict
from search.evaluator import TASK_ERROR, TIMED_OUT, WORKER_LOST
from search.interruption import Interrupted
from search.journal import FILE_NAME, Child, Reader, exists
from search.ray_cluster import check_room, duty_of
from search.ray_worker import QUEUE_S, RayWorker
from search.ray_workers import PATIENCE, RayWorkers, _Asked
from search.workers import Bench, Job, ray
from tests.search.evolved import evolved, wait_for_all

START = dsl.known("adamw", learning_rate=0.1, weight_decay=0.1)
CONFIG = Config(
    population=30,
    fitness=FitnessConfig(seeds=2),
    window=WindowConfig(children=64, new=16),
    budget=BudgetConfig(generated=600),
    ray=RayConfig(workers=2),
)


def pool_of(config: Config, trainer: Any) -> RayWorkers:
    """Workers that are prepared."""
    pool = ray(config)
    pool.prepare(1, trainer)
    return pool  # type: ignore[return-value]


@pytest.fixture(scope="module", autouse=True)
def _one_cluster(tmp_path_factory: pytest.TempPathFactory, quadratic: str) -> Iterator[None]:
    """All tests share one, for it takes seconds to begin."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        trainer = proxy_tasks.Trainer(proxy_tasks.get(quadratic))
        first = pool_of(replace(CONFIG, task=quadratic, ray=RayConfig(workers=4)), trainer)
        first._owned = False
        first.close()
    yield
    ray_module.shutdown()


@pytest.fixture(autouse=True)
def _cache_of_the_module(cache_home: Path, _one_cluster: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch):
    shared = sorted(tmp_path_factory.getbasetemp().glob("cache*"))[-1]
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared))


@pytest.fixture
def config(quadratic: str) -> Config:
    return replace(CONFIG, task=quadratic)


def search(config: Config, trainer: Any, pool: RayWorkers | None = None) -> list[Child]:
    return evolved(config, START, trainer, pool)


@pytest.fixture(scope="module")
def expected(quadratic_trainer: Any) -> list[Child]:
    """The children of the search in this process."""
    return search(CONFIG, quadratic_trainer)


@pytest.mark.parametrize("workers, batch", [(1, 32), (2, 1), (2, 64), (4, 32)])
def test_the_children_are_the_same_with_any_number_of_workers(config, quadratic_trainer, expected, workers, batch):
    config = replace(config, ray=RayConfig(workers=workers, batch=batch))
    found = search(config, quadratic_trainer, pool_of(config, quadratic_trainer))
    assert found == expected
    assert {child.evaluation.worker for child in found if child.new} != {""}


def test_a_whole_run_of_several_searches_is_the_same_in_this_process(config, tmp_path):
    grid = TuneConfig(learning_rates=(0.03, 0.1), weight_decays=(0.1,), seeds=2)
    funnel = FunnelConfig(candidates=4, fresh_seeds=3, survivors=2, scales=(10,), seeds=2, tune=grid)
    config = replace(config, repeats=2, restarts=1, tune=grid, funnel=funnel, budget=BudgetConfig(generated=150))
    results = [
        search_package.run(replace(config, workers=workers), tmp_path / workers) for workers in ("inline", "ray")
    ]
    found = [(result.digest(), result.totals, result.baselines, result.stages, result.winner) for result in results]
    assert found[0] == found[1]


def processes(pool: RayWorkers) -> list[int]:
    return ray_module.get([actor.handle.process.remote() for actor in pool._actors])


def trained_by(pool: RayWorkers, trainer: Any, times: int) -> set[str]:
    """What becomes of the warm start, trained so many times."""
    bench = Bench(1, trainer, pool)
    asked = [bench.submit(dsl.canonical(START), (seed,)) for seed in range(times)]
    return {each.result().kind for each in asked}


class Meanwhile(threading.Thread):
    """Does something to the workers of a pool again and again until the search is over."""

    def __init__(self, act: Callable[[], None]):
        super().__init__(daemon=True)
        self.act, self.over = act, threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            self.act()

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: Any) -> None:
        self.over.set()
        self.join()


def test_a_slow_worker_changes_nothing(config, quadratic_trainer, expected):
    pool = pool_of(config, quadratic_trainer)
    slow, _ = processes(pool)

    def slow_down() -> None:
        os.kill(slow, signal.SIGSTOP)
        time.sleep(0.2)
        os.kill(slow, signal.SIGCONT)
        time.sleep(0.02)

    with Meanwhile(slow_down):
        assert search(config, quadratic_trainer, pool) == expected


def descendants(process: int) -> set[int]:
    """The processes that a process has begun, and theirs."""
    children = {
        int(child)
        for task in Path(f"/proc/{process}/task").iterdir()
        for child in (task / "children").read_text().split()
    }
    return children.union(*map(descendants, children))


def listening(addresses: str) -> set[str]:
    """Names of the sockets that listen elsewhere than on the loopback addresses."""
    rows = [line.split() for line in Path(f"/proc/net/{addresses}").read_text().splitlines()[1:]]
    loopback = ("0100007F:", "00000000000000000000000001000000:", "0000000000000000FFFF00000100007F:")
    return {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and not row[1].startswith(loopback)}


def test_ray_is_open_to_this_machine_alone_and_reports_nothing(config, quadratic_trainer):
    pool = pool_of(config, quadratic_trainer)
    wait_for_all(pool)
    found, names = set(), set()
    for process in descendants(os.getpid()):
        with contextlib.suppress(OSError):  # it may be gone
            names.add(Path(f"/proc/{process}/comm").read_text().strip())
            found |= {os.readlink(file) for file in Path(f"/proc/{process}/fd").iterdir()}
    pool.close()
    assert {"raylet", "gcs_server"} <= names and found
    assert not found & (listening("tcp") | listening("tcp6"))
    assert (os.environ["RAY_USAGE_STATS_ENABLED"], os.environ["RAY_AUTH_MODE"]) == ("0", "token")
    session = Path(ray_module._private.worker._global_node.get_session_dir_path())
    assert session.is_dir() and not (session / "usage_stats.json").exists()


@pytest.mark.parametrize("count", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_workers_that_are_killed_at_random_moments_change_nothing(config, quadratic_trainer, count):
    rng, killed = random.Random(count), []
    config = replace(config, budget=BudgetConfig(generated=3000))
    expected = search(config, quadratic_trainer)
    while len(killed) < count:
        pool = pool_of(config, quadratic_trainer)

        def kill(actors: list[Any] = pool._actors) -> None:
            try:
                process = ray_module.get(rng.choice(actors).handle.process.remote(), timeout=30)
                time.sleep(rng.uniform(0.1, 0.4))  # what it begins with must not be hit again and again
                os.kill(process, signal.SIGKILL)
                killed.append(process)
            except (ray_module.exceptions.RayError, ProcessLookupError, IndexError):  # that of a finished search
                time.sleep(0.01)

        with Meanwhile(kill):
            assert search(config, quadratic_trainer, pool) == expected


HANGING = """
import jax, jax.numpy as jnp, numpy as np, time
from proxy_tasks import Task

class Trap(Task):
    '''Its loss sets a trap for weights above 50.'''
    name, scale, steps, version = "trap", 1, 10, "1"
    def __init__(self, scale=1): pass
    def data(self): return {"x": np.ones(3, np.float32)}
    def test_data(self): return self.data()
    def init(self, seed): return {"w": np.ones(3, np.float32)}
    def batches(self, seed): return np.zeros((self.steps, 1), np.float32)
    def loss(self, weights, data, batch):
        def trap(w):
            if TRAP:
                ACT
            return np.float32(0)
        caught = jax.pure_callback(trap, jax.ShapeDtypeStruct((), jnp.float32), jax.lax.stop_gradient(weights["w"]))
        return jnp.sum((weights["w"] - data["x"]) ** 2) + jax.lax.stop_gradient(caught)
    def evaluate(self, weights, data): return jnp.sum(weights["w"] ** 2)
    def schedule(self): return np.ones(self.steps, np.float32)
"""
HARMLESS = dsl.parse("def train(w, g, lr):\n  u = g * 0.01\n  return u\n")
HARMFUL = dsl.parse("def train(w, g, lr):\n  u = w * -100.0\n  return u\n")


DIVERGING = dsl.parse("def train(w, g, lr):\n  z = w - w\n  u = reciprocal(z)\n  return u\n")


def trapped(
    tmp_path: Path, act: str, trap: str = "w.max() > 50", harmful: dsl.Program = HARMFUL, **options: Any
) -> list[Any]:
    """Evaluations of a program that springs the trap, among others that do not."""
    file = tmp_path / "trap.py"
    file.write_text(HANGING.replace("ACT", act).replace("TRAP", trap))
    config = replace(CONFIG, task=f"{file}:Trap", ray=RayConfig(workers=2, **options))
    trainer = proxy_tasks.Trainer(proxy_tasks.get(config.task))
    pool = pool_of(config, trainer)
    programs = [HARMLESS] * 6 + [harmful] + [HARMLESS] * 6
    try:
        asked = [Bench(1, trainer, pool).submit(dsl.canonical(program), (0, 1)) for program in programs]
        return [each.result() for each in asked]
    finally:
        pool.close()


def assert_only_the_harmful_failed(found: list[Any], kind: str) -> None:
    assert [evaluation.kind for evaluation in found] == [TRAINED] * 6 + [kind] + [TRAINED] * 6


def test_an_error_in_a_task_is_a_failure_with_its_traceback(tmp_path):
    found = trapped(tmp_path, "raise ZeroDivisionError('the task of the user')")
    assert_only_the_harmful_failed(found, TASK_ERROR)
    assert "ZeroDivisionError: the task of the user" in found[6].error


@pytest.mark.parametrize("end", ["os._exit(1)", "os.kill(os.getpid(), 9)"])  # the latter as a kernel out of memory
def test_a_program_that_ends_its_worker_three_times_is_a_failure(tmp_path, end):
    assert_only_the_harmful_failed(trapped(tmp_path, f"import os; {end}"), WORKER_LOST)


def test_a_program_that_asks_for_more_memory_than_there_is_is_a_failure(tmp_path):
    found = trapped(tmp_path, "np.ones(10**16)")
    assert_only_the_harmful_failed(found, TASK_ERROR)
    assert "MemoryError" in found[6].error


def test_what_a_task_does_with_infinite_weights_is_no_reason_not_to_begin(tmp_path):
    found = trapped(tmp_path, "raise ZeroDivisionError", trap="not np.isfinite(w).all()", harmful=DIVERGING)
    assert_only_the_harmful_failed(found, TASK_ERROR)


def test_a_program_that_computes_for_ever_is_ended_by_the_kernel(tmp_path):
    found = trapped(tmp_path, textwrap.dedent("exec('while True: pass')"), deadline_s=1.0)
    assert_only_the_harmful_failed(found, TIMED_OUT)


@pytest.mark.slow
def test_a_program_that_sleeps_for_ever_is_ended_by_the_driver(tmp_path, monkeypatch):
    monkeypatch.setattr("search.ray_workers.PATIENCE", 2.0)
    found = trapped(tmp_path, "time.sleep(10_000)", deadline_s=1.0)
    assert_only_the_harmful_failed(found, TIMED_OUT)


def test_workers_that_cannot_begin_are_an_error(config, quadratic_trainer, monkeypatch):
    monkeypatch.setattr("search.ray_cluster.sources_digest", lambda: "of another version")
    with pytest.raises(SearchError, match="the workers cannot begin: .*install the driver's version on its node"):
        search(config, quadratic_trainer, pool_of(config, quadratic_trainer))


def test_workers_that_die_again_and_again_end_the_search(config, quadratic_trainer, monkeypatch):
    monkeypatch.setattr("search.ray_workers.HOPELESS", 2)
    pool = pool_of(config, quadratic_trainer)

    def kill() -> None:
        for actor in list(pool._actors):
            ray_module.kill(actor.handle)
        time.sleep(0.01)

    with Meanwhile(kill), pytest.raises(SearchError, match="workers are lost again and again"):
        search(config, quadratic_trainer, pool)


@pytest.mark.parametrize(
    "options, problem",
    [
        ({"cpus": 3.0}, "ray.cpus: a worker takes 3 CPU, and this machine has 2"),
        ({"gpus": 1.0}, "ray.gpus: a worker takes 1 GPU, and this machine has 0"),
        ({"resources": ("unicorn=1",)}, "ray.resources: a worker takes 1 unicorn, and this machine has 0"),
        ({"cpus": 0.5, "resources": ("tpu=2",)}, None),
    ],
)
def test_what_a_machine_has_no_room_for_is_found_out_at_once(options, problem):
    there = {"CPU": 2.0, "tpu": 4.0}
    if problem is None:
        return check_room(RayConfig(**options), there)
    with pytest.raises(SearchError, match=problem):
        check_room(RayConfig(**options), there)


def test_more_workers_than_the_cluster_has_room_for_are_an_error(config, quadratic_trainer, monkeypatch):
    monkeypatch.setattr("search.ray_workers.START_S", 5.0)
    config = replace(config, ray=RayConfig(workers=1, resources=("unobtainium=1",)))
    with pytest.raises(SearchError, match="no worker has begun for 5 s"):
        search(config, quadratic_trainer, pool_of(config, quadratic_trainer))


def test_a_pool_that_is_interrupted_finishes_what_is_under_way_and_begins_nothing(config, quadratic_trainer):
    pool = pool_of(replace(config, ray=RayConfig(workers=1, batch=2)), quadratic_trainer)
    wait_for_all(pool)
    bench = Bench(1, quadratic_trainer, pool)
    asked = [bench.submit(dsl.canonical(START), (seed,)) for seed in range(9)]
    under_way = [each for each in asked if each.under_way()]
    pool.heed(lambda: True)
    assert 2 <= len(under_way) < 9 and {each.result().kind for each in under_way} == {TRAINED}
    with pytest.raises(Interrupted):
        asked[-1].result()
    pool.close()


def test_a_pool_that_is_interrupted_tries_again_what_was_under_way_with_a_worker_that_is_lost(
    config, quadratic_trainer
):
    pool = pool_of(replace(config, ray=RayConfig(workers=1, batch=4)), quadratic_trainer)
    assert pool.alive() == (0, 1)
    wait_for_all(pool)
    assert pool.alive() == (1, 1)
    bench = Bench(1, quadratic_trainer, pool)
    ray_module.kill(pool._actors[0].handle)
    asked = [bench.submit(dsl.canonical(START), (seed,)) for seed in range(4)]
    pool.heed(lambda: True)
    while pool.alive() == (1, 1):
        pool.wait()
    assert pool.alive() == (0, 1)
    assert {each.result().kind for each in asked} == {TRAINED}
    pool.close()


def test_a_worker_is_late_by_the_batch_that_it_is_at(config, quadratic_trainer):
    pool = pool_of(config, quadratic_trainer)
    actor = pool._actors[0]
    job = Job(HARMLESS, 1, (0,))
    large, small = [_Asked(pool, job)] * 32, [_Asked(pool, job)]
    assert pool._late_at(actor) == float("inf")
    actor.batches = {1: (large, 100.0), 2: (small, 100.0)}
    assert pool._late_at(actor) == 100.0 + PATIENCE * 32 * config.ray.deadline_s
    actor.batches = {}
    pool.close()


def test_a_worker_takes_long_trainings_one_by_one_and_short_ones_by_queues(config):
    worker = RayWorker(duty_of(config, Path()))
    jobs = [Job(HARMLESS, 1, (0, 1))] * 20 + [Job(HARMLESS, 1, (7,))] * 20
    assert len(worker._queue(jobs)) == 1  # nothing is known yet
    worker.longest = {1: QUEUE_S / 10}
    assert worker._queue(jobs) == jobs[:10] and worker._queue(jobs[15:]) == jobs[15:20]
    worker.longest = {1: 2 * QUEUE_S}
    assert len(worker._queue(jobs)) == 1


def test_a_run_is_stopped_by_a_signal_and_goes_on(config, tmp_path):
    path = tmp_path / "config.yaml"
    grid = TuneConfig(learning_rates=(0.1,), weight_decays=(0.1,), seeds=2)
    funnel = FunnelConfig(candidates=2, fresh_seeds=2, scales=())
    config = replace(config, tune=grid, funnel=funnel, budget=BudgetConfig(generated=20_000))
    path.write_text(yaml.safe_dump(to_dict(config)))
    root = str(Path(search_package.__file__).parents[1])
    command = [sys.executable, "-c", "import sys; from search.cli import main; sys.exit(main())"]
    run = tmp_path / "run"
    process = subprocess.Popen(
        [*command, "run", str(path), "--out", str(run)], env={**os.environ, "PYTHONPATH": root}, stderr=subprocess.PIPE
    )
    while not ((run / FILE_NAME).exists() and exists(run) and Reader(run).has_child(300)):
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130 and b"stopping: " in error and b"go on with: " in error
    assert 300 <= Reader(run).totals().generated < 20_000
    generated = Reader(run).totals().generated
    ended = search_package.resume(run, {"generated": generated + 500})
    config = replace(config, workers="inline", budget=BudgetConfig(generated=generated + 500))
    assert ended.digest() == search_package.run(config, tmp_path / "whole").digest()


def test_a_process_that_has_imported_ray_is_told_what_to_do(tmp_path):
    code = "import ray, search; search.run(search.Config())"
    bare = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    root = str(Path(search_package.__file__).parents[1])
    environment = {**bare, "PYTHONPATH": root, "XDG_CACHE_HOME": str(tmp_path)}
    found = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert "SearchError: Ray was imported before a search could close it to others: search before" in found.stderr
    assert not list(tmp_path.glob("runs/*"))


def test_a_dsl_of_the_users_is_not_what_a_worker_imports(config, quadratic_trainer, tmp_path, monkeypatch):
    (tmp_path / "dsl.py").write_text("raise RuntimeError('the wrong one')\n")
    monkeypatch.chdir(tmp_path)
    pool = pool_of(config, quadratic_trainer)
    assert trained_by(pool, quadratic_trainer, 1) == {TRAINED}
    pool.close()


def test_a_worker_is_one_thread_on_one_core(config, quadratic_trainer):
    pool = pool_of(config, quadratic_trainer)
    try:
        wait_for_all(pool)
        assert trained_by(pool, quadratic_trainer, 20) == {TRAINED}  # each is pinned before it trains
        for process in processes(pool):
            environment = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
            assert b"NPROC=1" in environment and b"JAX_PLATFORMS=cpu" in environment
            assert len(os.sched_getaffinity(process)) == 1
    finally:
        pool.close()


def test_a_task_whose_loss_is_not_finite_at_the_start_is_refused_before_any_worker_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(RayWorkers, "_start", None)
    broken = Path(__file__).parents[1] / "proxy_tasks" / "broken.py"
    config = replace(CONFIG, workers="ray", task=f"{broken}:SpoiltData", funnel=FunnelConfig(scales=()))
    with pytest.raises(proxy_tasks.TaskError, match=r"good: loss\(\) is nan at the start"):
        search_package.run(config, tmp_path / "run")
    assert not list(tmp_path.glob("run/*"))
