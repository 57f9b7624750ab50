"""Fitness over children (arXiv 2302.06675, figure 2, left): the best so far of each search, beside the baselines."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from search.charts.chart import (
    BASELINES,
    MUTED,
    SEARCHES,
    Chart,
    axes_of,
    count_axis,
    draw_baselines,
    legend,
    loss_axis,
    sampled,
    thinned,
)
from search.charts.tracks import Track
from search.summary import format_loss

MOST_POINTS = 600  # of the sample of children
MOST_STEPS = 400  # of the best so far that are drawn, and
MOST_ROWS = 60  # that are written, of each search


def fitness_chart(tracks: Sequence[Track], baselines: dict[str, float]) -> Chart:
    """The best search fitness so far over the children, with a sample of those that trained.

    Args:
        tracks: the searches, each with a first program that trained.
        baselines: known optimizer -> its loss, tuned on the task of the search.
    """
    rows = [
        (track.name, f"{child:,}", format_loss(track.fitness[child]))
        for track in tracks
        for child in _steps(track, MOST_ROWS)
    ]
    several = len(tracks) > 1
    return Chart(
        "fitness",
        "Fitness over children",
        " ".join([*map(_told, tracks[:6]), *_untold(tracks[6:]), *_told_baselines(baselines)]),
        ("search", "child", "best loss so far") if several else ("child", "best loss so far"),
        rows if several else [row[1:] for row in rows],
        lambda figure, narrow: _draw(figure, narrow, tracks, baselines),
    )


def _steps(track: Track, most: int) -> np.ndarray:
    steps = track.improvements()
    return steps[thinned(len(steps), most)]


def _told(track: Track) -> str:
    steps = track.improvements()
    subject = f"In {track.name} the" if track.name else "The"
    first, last = format_loss(track.fitness[steps[0]]), format_loss(track.fitness[steps[-1]])
    if len(steps) == 1:
        return f"{subject} loss of the first program, {first}, is not improved on by {track.children:,} children."
    times = f"{len(steps) - 1} steps" if len(steps) > 2 else "one step"
    return (
        f"{subject} best validation loss falls from {first} to {last} at child {steps[-1]:,} of {track.children:,},"
        f" in {times}."
    )


def _untold(tracks: Sequence[Track]) -> list[str]:
    if not tracks:
        return []
    best = min(float(np.nanmin(track.fitness)) for track in tracks)
    return [f"{len(tracks)} more searches come to {format_loss(best)} at best."]


def _told_baselines(baselines: dict[str, float]) -> list[str]:
    said = [
        f"{BASELINES[name][0]}, tuned on the same task, comes to {format_loss(loss)}"
        for name, loss in baselines.items()
    ]
    return [f"{'; '.join(said)}."] if said else []


def _draw(figure: Figure, narrow: bool, tracks: Sequence[Track], baselines: dict[str, float]) -> None:
    (axes,) = axes_of(figure, 1, narrow)
    lines = [(track, _steps(track, MOST_STEPS)) for track in tracks]
    shown = [*baselines.values(), *(loss for track, steps in lines for loss in track.fitness[steps])]
    shown = [loss for loss in shown if math.isfinite(loss)]
    low, high = loss_axis(axes, min(shown), max(shown))
    x, y = (np.concatenate(values) for values in zip(*(_points(track, low, high) for track in tracks), strict=True))
    kept = sampled(np.arange(len(x)), MOST_POINTS)
    axes.plot(
        x[kept], y[kept], "o", color=MUTED, markersize=2.2, alpha=0.5, markeredgewidth=0, label="children, a sample"
    )
    for number, (track, steps) in enumerate(lines):
        ends = [*(track.begins + steps), track.begins + track.children]
        losses = track.fitness[[*steps, steps[-1]]]
        label = "best so far" if len(tracks) == 1 else track.name
        colour, dashes = SEARCHES[number % len(SEARCHES)]
        axes.step(ends, losses, where="post", color=colour, linestyle=dashes, label=label)
    draw_baselines(axes, baselines)
    count_axis(
        axes, "children" if all(t.begins == 0 for t in tracks) else "children, one search after the other", narrow
    )
    axes.set_ylabel("validation loss, lower is better" if not narrow else "validation loss")
    legend(figure, axes, narrow)


def _points(track: Track, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Of the children that were trained, and whose loss the axis has."""
    with np.errstate(invalid="ignore"):
        (of,) = np.nonzero(track.trained & (track.fitness >= low) & (track.fitness <= high))
    return track.begins + of, track.fitness[of]
