"""Where a run is, as it tells it."""

from __future__ import annotations

from typing import Any

import pytest

from search.live.now import Now, Teller


class Told:
    """A journal that keeps all that it is told."""

    def __init__(self) -> None:
        self.all: list[Now] = []

    def facts(self, now: dict[str, Any]) -> None:
        self.all.append(Now(**now))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clocks of the process show."""
    found = [1000.0]
    monkeypatch.setattr("time.time", lambda: found[0])
    monkeypatch.setattr("time.monotonic", lambda: found[0])
    return found


def test_it_is_told_once_a_second_however_often_there_is_something_to_tell(clock):
    told: Any = Told()
    teller = Teller(told, lambda: (1, 2))
    teller.step("tune", before=7.0)
    for _ in range(40):
        clock[0] += 0.125
        teller.doing("tuning lion", int(clock[0]) - 1000, 9)
        teller.tell()
    assert [now.done for now in told.all] == [0, 1, 2, 3, 4, 5]
    last = told.all[-1]
    assert last == Now("tune", 993.0, "tuning lion", 1000.125, 5, 9, workers=1, workers_in_all=2)


def test_a_step_that_begins_is_told_at_once(clock):
    told: Any = Told()
    teller = Teller(told, lambda: (1, 1))
    teller.step("tune", before=0.0)
    teller.doing("tuning lion", 1, 2)
    teller.step("evolve", before=5.0)
    assert told.all[-1] == Now("evolve", 995.0, workers=1, workers_in_all=1)
