"""What a run found, read from its directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dsl
from search.funnel import Score, Stage
from search.journal import Child, Reader, Totals


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
        totals: numbers of children.
        redundancy: share of redundant statements in the last population.
        stages: of the funnel; fewer than configured if the run did not end.
        winner: the child the funnel selected; None if the run did not end.
        seconds: wall-clock time of each step of the run.
        machines: scale -> what executed the programs there.
    """

    directory: Path
    config: dict[str, Any]
    baselines: dict[int, dict[str, Baseline]]
    totals: Totals
    redundancy: float
    stages: list[Stage]
    winner: Child | None
    seconds: dict[str, float]
    machines: dict[int, str]

    @property
    def simplified(self) -> dsl.Program | None:
        """The winner, simplified."""
        return dsl.simplify(self.winner.program) if self.winner else None

    def best(self, count: int = 10) -> list[Child]:
        """The best distinct programs by search fitness."""
        return Reader(self.directory).best(count)

    def child(self, id: int) -> Child:
        """One child by its number."""
        return Reader(self.directory).child(id)

    def digest(self) -> str:
        """Hash over the committed children in order."""
        return Reader(self.directory).digest()


def load(directory: Path | str) -> Result:
    """Reads a run, finished or not.

    Raises:
        SearchError: when the directory holds no journal.
    """
    directory = Path(directory)
    reader = Reader(directory)
    config = reader.fact("config", {})
    winner = reader.fact("winner")
    return Result(
        directory,
        config,
        {
            int(scale): {name: Baseline(**values) for name, values in known.items()}
            for scale, known in reader.fact("baselines", {}).items()
        },
        reader.totals(),
        redundancy(reader, config.get("population", 1000)),
        stages_of(reader),
        None if winner is None else reader.child(winner),
        reader.fact("seconds", {}),
        {int(scale): machine for scale, machine in reader.fact("machines", {}).items()},
    )


def redundancy(reader: Reader, population: int) -> float:
    """Share of the statements of the last `population` trained children that do not reach the weights."""
    children = reader.last_programs(population)
    statements = sum(len(program) for program in children)
    return 1 - sum(len(dsl.live(program)) for program in children) / statements if statements else 0.0


def stages_of(reader: Reader) -> list[Stage]:
    """The stages of the funnel that are done."""
    return [_stage(stage) for stage in reader.fact("stages", [])]


def _stage(data: dict[str, Any]) -> Stage:
    def score(value: dict[str, Any]) -> Score:
        return Score(tuple(value["losses"]), value["kind"])

    return Stage(
        data["scale"],
        data["seeds"],
        {name: score(value) for name, value in data["baselines"].items()},
        {int(id): score(value) for id, value in data["scores"].items()},
    )
