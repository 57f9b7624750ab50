"""What a run found, read from its directory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import dsl
from search.errors import SearchError
from search.funnel import Score, Stage
from search.journal import COLUMNS, Child, Reader, Totals
from search.lineage import Ancestor, lineage
from search.searches import begun, best, digest, front, located


@dataclass(frozen=True)
class Baseline:
    """A known optimizer, tuned on a task.

    Attributes:
        learning_rate: peak learning rate.
        weight_decay: decoupled weight decay.
        fitness: mean validation loss over the tuning seeds.
    """

    learning_rate: float
    weight_decay: float
    fitness: float

    def program(self, name: str) -> dsl.Program:
        """The optimizer of this name with these constants."""
        return dsl.known(name, learning_rate=self.learning_rate, weight_decay=self.weight_decay)


@dataclass(frozen=True)
class Result:
    """A run.

    Attributes:
        directory: of the run.
        config: its configuration, as plain values.
        baselines: scale -> known optimizer -> what it reached.
        searches: name of a search -> its numbers of children; the only search of a run has the name "".
        redundancy: share of redundant statements in the last populations.
        stages: of the funnel; fewer than configured if the run did not end.
        winner_key: what the child that the funnel selected is called: its number, behind the name of its search if the
            run has several; None if the run did not end.
        winner: that child.
        seconds: wall-clock time of each step of the run.
        machines: scale -> what executed the programs there.
    """

    directory: Path
    config: dict[str, Any]
    baselines: dict[int, dict[str, Baseline]]
    searches: dict[str, Totals]
    redundancy: float
    stages: list[Stage]
    winner_key: str | None
    winner: Child | None
    seconds: dict[str, float]
    machines: dict[int, str]

    @property
    def tuned(self) -> dict[str, Baseline]:
        """Known optimizer -> what it reached at the scale of the search; none before they are tuned."""
        return self.baselines.get(self.config.get("scale", 1), {})

    @property
    def totals(self) -> Totals:
        """Numbers of children of all searches."""
        return sum(self.searches.values(), Totals(0, 0, {}))

    @property
    def simplified(self) -> dsl.Program | None:
        """The winner, simplified."""
        return dsl.simplify(self.winner.program) if self.winner else None

    def best(self, count: int = 10) -> dict[str, Child]:
        """The best distinct programs by search fitness, best first, by their keys."""
        return best(begun(self.config, self.directory), count)

    def front(self) -> dict[str, Child]:
        """The Pareto front of length (live statements) against search fitness, shortest first, by their keys."""
        return {key: child for key, (_, child) in front(begun(self.config, self.directory)).items()}

    def columns(self) -> dict[str, np.ndarray]:
        """The children of all searches as columns of equal length, in their order; `pandas.DataFrame` takes them.

        - search: name of the search, "" if the run has only one;
        - id, parent: numbers in the search; parent is -1 for its first program;
        - mutation: kind of the mutation, "" for the first;
        - statements, live: statements in all, and those that reach the weights;
        - hash: of what it computes;
        - trained: whether it was trained itself; False if an earlier child of its hash answers for it;
        - kind, fitness: what became of it; NaN without a fitness;
        - seconds: of the search when it was committed, interruptions left out.
        """
        found = [(place.name, reader.columns()) for place, reader in begun(self.config, self.directory).items()]
        names = [np.full(len(columns["id"]), name) for name, columns in found]
        joined = {
            name: np.concatenate([np.array([], type), *(columns[name] for _, columns in found)])
            for name, type in COLUMNS.items()
        }
        return {"search": np.concatenate([np.array([], np.str_), *names]), **joined}

    def lineage(self, key: str | int) -> list[Ancestor]:
        """The ancestors of a child and itself, the warm-start program first; through the restarts, if there are any."""
        return lineage(self.config, self.directory, str(key))

    def child(self, key: str | int) -> Child:
        """One child by its number, behind the name of its search if the run has several: "search-2/17"."""
        return _child(self.config, self.directory, str(key))

    def chosen(self, key: str | None) -> tuple[str, Child]:
        """The child of this key; if None the winner or, while there is none, the best so far; and its key.

        Raises:
            SearchError: if there is no such child, or none that was trained yet.
        """
        key = key or self.winner_key or next(iter(self.best(1)), None)
        if key is None:
            raise SearchError(f"{self.directory} holds no trained program yet: wait until its search has begun")
        return key, self.child(key)

    def digest(self) -> str:
        """Hash over the committed children in order; of several searches, over their digests."""
        return digest(self.config, self.directory)


def load(directory: Path | str) -> Result:
    """Reads a run, finished or not.

    Raises:
        SearchError: when the directory holds no journal.
    """
    directory = Path(directory)
    reader = Reader(directory)
    config = reader.fact("config", {})
    winner = reader.fact("winner")
    searches = begun(config, directory)
    return Result(
        directory,
        config,
        {
            int(scale): {name: Baseline(**values) for name, values in known.items()}
            for scale, known in reader.fact("baselines", {}).items()
        },
        {place.name: reader.totals() for place, reader in searches.items()},
        redundancy(searches.values(), config.get("population", 1000)),
        stages_of(reader),
        winner,
        None if winner is None else _child(config, directory, winner),
        reader.fact("seconds", {}),
        {int(scale): machine for scale, machine in reader.fact("machines", {}).items()},
    )


def _child(config: dict[str, Any], directory: Path, key: str) -> Child:
    _, reader, number = located(config, directory, key)
    return reader.child(number)


def redundancy(searches: Iterable[Reader], population: int) -> float:
    """Share of the statements of the last `population` trained children of searches that do not reach the weights."""
    counted = [reader.statements(population) for reader in searches]
    statements, live = (sum(column) for column in zip(*counted, strict=True)) if counted else (0, 0)
    return 1 - live / statements if statements else 0.0


def stages_of(reader: Reader) -> list[Stage]:
    """The stages of the funnel that are done."""
    return [_stage(stage) for stage in reader.fact("stages", [])]


def _stage(data: dict[str, Any]) -> Stage:
    def score(value: dict[str, Any]) -> Score:
        curves = tuple(map(tuple, value.get("curves", ())))
        return Score(tuple(value["losses"]), value["kind"], value.get("tasks", 1), curves)

    return Stage(
        data["scale"],
        data["seeds"],
        {name: score(value) for name, value in data["baselines"].items()},
        {name: score(value) for name, value in data["scores"].items()},
    )
