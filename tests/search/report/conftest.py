"""Runs that are reported on: one of several searches and tasks, and one whose every text is hostile."""

from __future__ import annotations

from pathlib import Path

import pytest

import search
from search import Config, Result
from search.config import BudgetConfig, FitnessConfig, FunnelConfig, TuneConfig, WindowConfig
from search.journal import Journal
from tests.search.report.hostile import HOSTILE, fill

GRID = TuneConfig(learning_rates=(0.03, 0.1), weight_decays=(0.1,), seeds=2)


@pytest.fixture(scope="session")
def several(quadratic: str, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A run of two searches and a restart on two tasks."""
    config = Config(
        task=f"{quadratic} + {quadratic.replace('Quadratic', 'Scaled')}",
        workers="inline",
        population=20,
        repeats=2,
        restarts=1,
        fitness=FitnessConfig(seeds=2),
        window=WindowConfig(children=10, new=3),
        budget=BudgetConfig(generated=60),
        tune=GRID,
        funnel=FunnelConfig(candidates=3, fresh_seeds=4, scales=()),
    )
    return search.run(config, tmp_path_factory.mktemp("runs") / "several")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Of an empty run with a hostile name."""
    return _journal(tmp_path)


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A run that ended, with hostile texts."""
    return fill(_journal(tmp_path_factory.mktemp("hostile")))


def _journal(parent: Path) -> Journal:
    directory = parent / HOSTILE.replace("/", "_")
    directory.mkdir()
    return Journal(directory)
