"""What a run looks like at a moment."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from search.journal import Totals


@dataclass(frozen=True)
class Member:
    """A program of the Pareto front of length against fitness.

    Attributes:
        child: its number, behind the name of its search if the run has several.
        live: statements that reach the weights.
        fitness: mean validation loss.
        formula: on one line.
        simplified: whether that is the formula of the simplified program; if not, of these statements as they are.
    """

    child: str
    live: int
    fitness: float
    formula: str
    simplified: bool


@dataclass(frozen=True)
class Work:
    """Work done, of work to do.

    Attributes:
        done: so much.
        of: in all; 0 if nothing says how much.
        unit: of both, "children", say; "" if that goes without saying.
        left_s: seconds that the rest will take; None if nothing says so.
    """

    done: float = 0
    of: float = 0
    unit: str = ""
    left_s: float | None = None


@dataclass(frozen=True)
class Rates:
    """Children generated and trained a second."""

    generated: float = 0.0
    trained: float = 0.0


@dataclass(frozen=True)
class View:
    """A run at a moment.

    Attributes:
        time: of the moment, Unix clock.
        directory: of the run.
        task: of the search.
        scale: of the task.
        state: of the run, as `search.state` has it.
        winner: name of the child that won.
        step: that the run is at, or was at last: tune, evolve or funnel; "" before these, "end" behind them.
        doing: what is done in it; "" if the children say it all.
        work: of the step, or of what is done in it.
        step_seconds: that the step has taken, interruptions left out; 0 at the end.
        seconds_in_all: that all steps have.
        workers: that are there and have begun.
        workers_in_all: that there are to be.
        searches: of the run that have begun.
        searches_in_all: that there are to be.
        totals: numbers of children.
        redundancy: share of redundant statements in the last populations.
        rates: of the last seconds; 0 when the run does not evolve.
        rates_in_all: of the whole evolution.
        adamw: fitness of tuned AdamW; None before it is tuned.
        history: (children of a search, best fitness until then), wherever it got better; of several at once the best
            of all, and a restart goes on behind those before it.
        length: of the history, in children of a search.
        front: Pareto front of length against fitness, shortest first.
    """

    time: float
    directory: Path
    task: str
    scale: int
    state: str
    winner: str | None
    step: str
    doing: str
    work: Work
    step_seconds: float
    seconds_in_all: float
    workers: int
    workers_in_all: int
    searches: int
    searches_in_all: int
    totals: Totals
    redundancy: float
    rates: Rates
    rates_in_all: Rates
    adamw: float | None
    history: tuple[tuple[int, float], ...]
    length: int
    front: tuple[Member, ...]

    @property
    def best(self) -> Member | None:
        """The best program; None before the first."""
        return self.front[-1] if self.front else None

    def figures(self) -> dict[str, Any]:
        """What a log wants to know, as JSON has it."""
        best = self.best
        return {
            "state": self.state,
            "step": self.step,
            "doing": self.doing,
            **asdict(self.work),
            "step_seconds": round(self.step_seconds, 1),
            "seconds_in_all": round(self.seconds_in_all, 1),
            "generated": self.totals.generated,
            "trained": self.totals.trained,
            "outcomes": self.totals.outcomes,
            "cache_hit_rate": self.totals.cache_hit_rate,
            "redundancy": self.redundancy,
            "children_per_s": self.rates.generated,
            "trainings_per_s": self.rates.trained,
            "children_per_s_in_all": self.rates_in_all.generated,
            "trainings_per_s_in_all": self.rates_in_all.trained,
            "best": best and best.fitness,
            "best_child": best and best.child,
            "adamw": self.adamw,
            "workers": self.workers,
            "workers_in_all": self.workers_in_all,
            "searches": self.searches,
            "searches_in_all": self.searches_in_all,
            "winner": self.winner,
        }

    def whole(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        about = {"time": iso(self.time), "directory": str(self.directory), "task": self.task, "scale": self.scale}
        front = [asdict(member) for member in self.front]
        return {**about, **self.figures(), "history": self.history, "length": self.length, "front": front}


def iso(time: float) -> str:
    """A Unix time as ISO 8601 has it, in UTC, to the millisecond."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
