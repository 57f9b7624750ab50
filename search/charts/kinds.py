"""The charts of a run by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

import dsl
from proxy_tasks import several
from search.charts.cache import cache_chart
from search.charts.chart import Chart
from search.charts.curves import Panel
from search.charts.fitness import fitness_chart
from search.charts.lineage import lineage_chart
from search.charts.pareto import Point, pareto_chart
from search.charts.tracks import Track, tracks
from search.errors import SearchError
from search.journal import Child
from search.printable import short
from search.result import Result

Columns: TypeAlias = "Mapping[str, np.ndarray]"  # of the children (`Result.columns`)


def fitness(result: Result, columns: Columns) -> Chart:
    """Fitness over the children of every search."""
    return fitness_chart(_tracks(result, columns), _baselines(result))


def cache(result: Result, columns: Columns) -> Chart:
    """Cache hits and redundant statements over the children of every search."""
    return cache_chart(_tracks(result, columns))


def pareto(result: Result, columns: Columns) -> Chart:
    """Length against fitness."""
    front = [_point(key, child) for key, child in result.front().items()]
    scored = result.winner and result.winner_key and result.winner.evaluation.fitness is not None
    winner = _point(result.winner_key, result.winner) if scored else None  # type: ignore[arg-type]
    return pareto_chart(_tracks(result, columns), front, _baselines(result), winner)


# A new chart of the children is one file and one line here; the line of a child is another thing.
CHARTS: dict[str, Callable[[Result, Columns], Chart]] = {"fitness": fitness, "pareto": pareto, "cache": cache}


def lineage(result: Result, key: str) -> Chart:
    """The line of a child.

    Raises:
        SearchError: for one without a fitness.
    """
    line = result.lineage(key)
    if line[-1].fitness is None:
        raise SearchError(f"child {key} has no fitness: name one that trained; `optsearch show` lists the best")
    return lineage_chart(line, _baselines(result))


def panels(result: Result) -> list[Panel]:
    """The learning curves of winner, AdamW and Lion, task by task; none where the journal has none."""
    found = []
    tasks = several(result.config.get("task", ""))
    for stage in result.stages:
        scores = {"winner": stage.scores.get(result.winner_key or ""), **stage.baselines}
        for number, task in enumerate(tasks):
            curves = {name: score.curves[number] for name, score in scores.items() if score and score.curves}
            if curves:
                found.append(Panel(f"{_plain(task)} x{stage.scale}", curves))
    return found


def _plain(name: str) -> str:
    """What a figure's font has of a task's name."""
    return "".join(c if " " <= c <= "~" else "?" for c in short(name) if c.isprintable())[:32]


def _tracks(result: Result, columns: Columns) -> list[Track]:
    found = [track for track in tracks(columns) if np.isfinite(track.fitness).any()]
    if not found:
        raise SearchError(f"{result.directory} holds no trained program yet: wait until its search has begun")
    return found


def _baselines(result: Result) -> dict[str, float]:
    """The losses of the known optimizers on the task of the search."""
    return {name: baseline.fitness for name, baseline in result.tuned.items()}


def _point(key: str, child: Child) -> Point:
    fitness = child.evaluation.fitness
    assert fitness is not None, "only children that trained are compared"
    return Point(key, len(dsl.live(child.program)), fitness)
