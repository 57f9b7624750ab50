"""A search on a cluster that loses a node."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import ray as ray_module
from ray.cluster_utils import Cluster

import dsl
from search import Config
from search.config import BudgetConfig, FitnessConfig, RayConfig, WindowConfig
from search.workers import ray
from tests.search.evolved import evolved

pytestmark = [
    pytest.mark.slow,  # to find out that a node is lost takes Ray 20 s
    pytest.mark.filterwarnings("ignore:os.fork"),  # of JAX, that `Cluster` begins processes beside it
]

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
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray_module.shutdown()  # another file's
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        yield made
    finally:
        ray_module.shutdown()
        made.shutdown()


def test_a_node_that_is_lost_changes_nothing(cluster, quadratic, quadratic_trainer):
    second = cluster.add_node(num_cpus=1)
    config = replace(CONFIG, task=quadratic, ray=RayConfig(address=cluster.address))
    expected = evolved(config, START, quadratic_trainer)
    pool = ray(config)
    pool.prepare(1, quadratic_trainer)
    assert len(pool._actors) == 2

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
