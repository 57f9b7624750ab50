"""A search on a cluster: what it takes to the nodes, and a node that is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import ray as ray_module
from ray.cluster_utils import Cluster

import dsl
from search import Config, SearchError
from search.config import BudgetConfig, FitnessConfig, RayConfig, WindowConfig
from search.workers import ray
from tests.search.evolved import evolved, wait_for_all

pytestmark = pytest.mark.filterwarnings("ignore:os.fork")  # of JAX, that `Cluster` begins processes beside it

START = dsl.known("adamw", learning_rate=0.1, weight_decay=0.1)
CONFIG = Config(
    population=30,
    fitness=FitnessConfig(seeds=2),
    window=WindowConfig(children=64, new=16),
    budget=BudgetConfig(generated=3000),
)


@pytest.fixture
def cluster(monkeypatch) -> Iterator[Cluster]:
    """Two nodes of one core each."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray_module.shutdown()  # another file's
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        yield made
    finally:
        ray_module.shutdown()
        made.shutdown()


TASK = """
import os
from pathlib import Path
import numpy as np
from helper import STEPS
from tests.search.quadratic import Quadratic

class Mine(Quadratic):
    def __init__(self, scale=1):
        super().__init__(scale)
        self.steps = STEPS
    def data(self):
        assert Path(__file__).parent.parent == Path.cwd() != Path("DRIVER"), Path.cwd()
        return {"target": np.array(Path("data/target.txt").read_text().split(), np.float32)}
"""


def test_a_task_and_what_it_needs_are_taken_to_the_nodes(cluster, quadratic_trainer, tmp_path, monkeypatch):
    here = tmp_path / "here"
    for file, text in {
        "tasks/mine.py": TASK.replace("DRIVER", str(here)),
        "helper.py": "STEPS = 20\n",
        "data/target.txt": " ".join(map(str, np.linspace(-1, 1, 6, dtype=np.float32))),
    }.items():
        (here / file).parent.mkdir(parents=True, exist_ok=True)
        (here / file).write_text(text)
    monkeypatch.chdir(here)
    config = replace(
        CONFIG,
        task="tasks/mine.py:Mine",
        budget=BudgetConfig(generated=100),
        ray=RayConfig(address=cluster.address, files=("helper.py", "data")),
    )
    pool = ray(config)
    monkeypatch.chdir(tmp_path)
    here.rename(tmp_path / "elsewhere")  # the nodes of a cluster do not see the driver's files
    pool.prepare(1, quadratic_trainer)
    assert evolved(config, START, quadratic_trainer, pool) == evolved(config, START, quadratic_trainer)


@pytest.mark.parametrize(
    "files, problem", [(("nowhere",), "ray.files: there is no nowhere"), (("..",), "is not below the")]
)
def test_what_cannot_be_taken_to_the_nodes_is_found_out_at_once(
    cluster, quadratic, tmp_path, monkeypatch, files, problem
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SearchError, match=problem):
        ray(replace(CONFIG, ray=RayConfig(address=cluster.address, files=files)))


@pytest.mark.slow  # to find out that a node is lost takes Ray 20 s
def test_a_node_that_is_lost_changes_nothing(cluster, quadratic, quadratic_trainer):
    second = cluster.add_node(num_cpus=1)
    config = replace(CONFIG, task=quadratic, ray=RayConfig(address=cluster.address))
    expected = evolved(config, START, quadratic_trainer)
    pool = ray(config)
    pool.prepare(1, quadratic_trainer)
    assert len(pool._actors) == 2
    wait_for_all(pool)

    def lose() -> None:
        time.sleep(0.3)
        cluster.remove_node(second, allow_graceful=False)  # and there is no room for another worker

    losing = threading.Thread(target=lose)
    losing.start()
    try:
        found = evolved(config, START, quadratic_trainer, pool)
    finally:
        losing.join()
    assert found == expected
    assert len({child.evaluation.worker for child in found if child.new}) == 2
