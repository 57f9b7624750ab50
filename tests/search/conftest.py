"""A cheap task, a trainer that does not train, and a cache that is not the user's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

import dsl
import proxy_tasks
from proxy_tasks import NEVER, NON_FINITE, STOPPED_EARLY, TRAINED, Outcome, Trainer
from proxy_tasks.outcome import part_ends
from search.ray_cluster import keep_to_this_machine

keep_to_this_machine()  # the tests import Ray before any search does

QUADRATIC = f"{Path(__file__).parent / 'quadratic.py'}:Quadratic"


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache directory in a test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def quadratic() -> str:
    """A task with scales 1 and 10, for the `task` of a configuration; it fails a test that opens its test split."""
    return QUADRATIC


@pytest.fixture(scope="session")
def quadratic_trainer() -> Trainer:
    return Trainer(proxy_tasks.get(QUADRATIC))


class DrawnTrainer:
    """Draws outcomes instead of training: functions of the program's text and the seed, in exact arithmetic.

    Attributes:
        trained: (text, seed) of every training.
    """

    def __init__(self) -> None:
        self.trained: list[tuple[str, int]] = []
        self.task = SimpleNamespace(steps=100)
        self.tasks = (self.task,)

    def train(self, program: dsl.Program, seed: int = 0, thresholds: Sequence[float] = NEVER) -> Outcome:
        self.trained.append((str(program), seed))
        drawn = hashlib.sha256(str(program).encode()).digest()
        if drawn[0] < 64:
            return Outcome(NON_FINITE, None, (), 3)
        curve = tuple(4.0 - part + drawn[part] / 256 for part in range(4))
        for checkpoint, threshold in enumerate(thresholds):
            if curve[checkpoint] > threshold:
                return Outcome(STOPPED_EARLY, None, curve[: checkpoint + 1], part_ends(100)[checkpoint])
        return Outcome(TRAINED, 1 + drawn[4] / 256 + seed / 1024, curve, 100)


@pytest.fixture
def drawn_trainer() -> DrawnTrainer:
    return DrawnTrainer()
