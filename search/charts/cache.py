"""Cache hits and redundant statements over children (arXiv 2302.06675, figure 2, right)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from search.charts.chart import ADAMW, SEARCHES, Chart, axes_of, count_axis, legend, thinned
from search.charts.tracks import Track
from search.summary import format_share

WINDOW = 1000  # children, or a fifth of them where a search has few
MOST_POINTS, MOST_ROWS = 200, 21  # of each line; of the table, for each search
PANELS = ("cache hits", "redundant statements")


def cache_chart(tracks: Sequence[Track]) -> Chart:
    """The share of children that computed what an earlier one did, and of statements that reach no weights.

    Args:
        tracks: the searches.
    """
    rows = []
    for track in tracks:
        at = 1 + thinned(track.children, MOST_ROWS)
        values = [shares[at] for panel in range(2) for shares in _shares(track, panel)]
        rows += [
            (track.name, f"{child:,}", *(format_share(value) for value in row))
            for child, *row in zip(at, *values, strict=True)
        ]
    header = ("search", "children", *(f"{what}, {of}" for what in PANELS for of in ("all so far", "the last")))
    several = len(tracks) > 1
    return Chart(
        "cache",
        "Cache hits and redundant statements over children",
        " ".join(_told(track) for track in tracks[:6]),
        header if several else header[1:],
        rows if several else [row[1:] for row in rows],
        lambda figure, narrow: _draw(figure, narrow, tracks),
        panels=2,
    )


def window(track: Track) -> int:
    """Number of children that "the last" are."""
    return max(1, min(WINDOW, track.children // 5))


def _shares(track: Track, panel: int) -> tuple[np.ndarray, np.ndarray]:
    """By number of children: the share over all so far, and over the last of them; NaN where there is none."""
    if panel == 0:  # of the children
        whole, part = np.ones(track.children), ~track.trained[1:]
    else:  # of the statements of those that trained to the end
        able = np.isfinite(track.fitness[1:])
        whole, part = able * track.statements[1:], able * (track.statements - track.live)[1:]
    sums = [np.concatenate([[0.0], np.cumsum(values)]) for values in (whole, part)]
    before = np.maximum(0, np.arange(track.children + 1) - window(track))
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[1] / sums[0], (sums[1] - sums[1][before]) / (sums[0] - sums[0][before])


def _told(track: Track) -> str:
    (hits, last_hits), (redundant, last_redundant) = (_shares(track, panel) for panel in range(2))
    where = f"In {track.name}, of" if track.name else "Of"
    return (
        f"{where} {track.children:,} children {format_share(hits[-1])} computed what an earlier one did, of the last"
        f" {window(track):,} {format_share(last_hits[-1])}. Of the statements of those that trained"
        f" {format_share(redundant[-1])} reach no weights, of the last {format_share(last_redundant[-1])}."
    )


def _draw(figure: Figure, narrow: bool, tracks: Sequence[Track]) -> None:
    both = axes_of(figure, 2, narrow)
    for panel, axes in enumerate(both):
        for number, track in enumerate(tracks):
            _draw_lines(axes, track, panel, number, alone=len(tracks) == 1)
        axes.set_title(PANELS[panel], loc="left", fontsize="medium")
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        count_axis(axes, "children of the search", narrow=True)
    legend(figure, both[0], narrow)


def _draw_lines(axes: Axes, track: Track, panel: int, number: int, alone: bool) -> None:
    at = 1 + thinned(track.children, MOST_POINTS)
    so_far, last = (shares[at] for shares in _shares(track, panel))
    colour, style = SEARCHES[number % len(SEARCHES)]
    axes.plot(at, last, color=colour, linestyle=style, label=f"the last {window(track):,}" if alone else track.name)
    if alone:
        axes.plot(at, so_far, color=ADAMW, linestyle="--", label="all so far")
