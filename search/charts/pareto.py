"""The Pareto front of length against fitness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from search.charts.chart import (
    GREEN,
    MUTED,
    WINNER,
    Chart,
    axes_of,
    count_axis,
    draw_baselines,
    legend,
    loss_axis,
    sampled,
)
from search.charts.tracks import Track
from search.summary import format_loss

MOST_POINTS = 800


@dataclass(frozen=True)
class Point:
    """A program of the front.

    Attributes:
        key: what the child is called in the run.
        live: its statements that reach the weights.
        fitness: its loss.
    """

    key: str
    live: int
    fitness: float


def pareto_chart(
    tracks: Sequence[Track], front: Sequence[Point], baselines: Mapping[str, float], winner: Point | None
) -> Chart:
    """The best loss for each length, over a sample of the programs that trained.

    Args:
        tracks: the searches.
        front: shortest first, one at least.
        baselines: known optimizer -> its loss.
        winner: of the run; None while there is none.
    """
    short, best = front[0], front[-1]
    told = (
        f"Of the programs that trained, {len(front)} {'are' if len(front) > 1 else 'is'} better than all that are as"
        f" short. The shortest has {_statements(short)} and loss {format_loss(short.fitness)} (child"
        f" {short.key}), the best {best.live} and {format_loss(best.fitness)} (child {best.key})."
    )
    if winner:
        told += f" The winner, child {winner.key}, has {winner.live} and {format_loss(winner.fitness)}."
    return Chart(
        "pareto",
        "Length against fitness",
        told,
        ("child", "live statements", "loss"),
        [(point.key, str(point.live), format_loss(point.fitness)) for point in front],
        lambda figure, narrow: _draw(figure, narrow, tracks, front, dict(baselines), winner),
    )


def _statements(point: Point) -> str:
    return "one live statement" if point.live == 1 else f"{point.live} live statements"


def _draw(
    figure: Figure,
    narrow: bool,
    tracks: Sequence[Track],
    front: Sequence[Point],
    baselines: dict[str, float],
    winner: Point | None,
) -> None:
    (axes,) = axes_of(figure, 1, narrow)
    trained = [track.trained & np.isfinite(track.fitness) for track in tracks]
    live, fitness = (
        np.concatenate([getattr(track, name)[of] for track, of in zip(tracks, trained, strict=True)])
        for name in ("live", "fitness")
    )
    named = [*front, *([winner] if winner else [])]
    shown = [*(point.fitness for point in named), *baselines.values()]
    low, high = loss_axis(axes, min(shown), max(shown))
    last = max(*(point.live for point in named), int(np.quantile(live, 0.99)))
    kept = sampled(np.flatnonzero((fitness >= low) & (fitness <= high) & (live <= last)), MOST_POINTS)
    axes.plot(
        live[kept],
        fitness[kept],
        "o",
        color=MUTED,
        markersize=2.6,
        alpha=0.4,
        markeredgewidth=0,
        label="trained, a sample",
    )
    lengths, losses = [point.live for point in front], [point.fitness for point in front]
    axes.step([*lengths, last], [*losses, losses[-1]], where="post", color=GREEN)
    axes.plot(lengths, losses, "s", color=GREEN, markersize=5, label="the front")
    if winner:
        axes.plot([winner.live], [winner.fitness], "*", color=WINNER, markersize=13, label="the winner", clip_on=False)
    draw_baselines(axes, baselines)
    count_axis(axes, "live statements", narrow)
    axes.set_xlim(left=0)
    axes.set_ylabel("validation loss" if narrow else "validation loss, lower is better")
    legend(figure, axes, narrow)
