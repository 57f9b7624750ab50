"""A chart: what it shows in words, its numbers as a table, and how it is drawn; the same for a page and for a file."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from search.charts import MADE_BY

MOST_LABELS = 10  # of a legend

# Colour -> (on a light ground, on a dark one). Text is told from its ground by 4.5 to 1 at least, lines by 3 to 1. They
# are drawn in the light ones, each of which stands for itself alone: a page finds and replaces them.
COLOURS = {
    "ground": ("#ffffff", "#0d1117"),
    "ink": ("#1b1f24", "#e6edf3"),
    "muted": ("#57606a", "#9da7b3"),
    "grid": ("#d8dee4", "#30363d"),
    "blue": ("#0550ae", "#79c0ff"),
    "orange": ("#b35900", "#ffa657"),
    "green": ("#1a7f37", "#56d364"),
    "purple": ("#8250df", "#d2a8ff"),
    "red": ("#cf222e", "#ff7b72"),
    "teal": ("#0e7a83", "#56d4dd"),
}
_LIGHT = {name: light for name, (light, _) in COLOURS.items()}
INK, MUTED, GRID = _LIGHT["ink"], _LIGHT["muted"], _LIGHT["grid"]
BLUE, ORANGE, GREEN, PURPLE, RED, TEAL = list(_LIGHT.values())[4:]
WINNER, ADAMW, LION = BLUE, ORANGE, PURPLE
_DASHES: list[Any] = ["-", ":", (0, (5, 1)), (0, (3, 1, 1, 1))]
# Colour and dashes of the searches: sixteen that differ from each other and from those of the baselines.
SEARCHES = [(c, _DASHES[(n + turn) % 4]) for turn in range(4) for n, c in enumerate((BLUE, GREEN, RED, TEAL))]
BASELINES = {"adamw": ("AdamW", ADAMW, "--"), "lion": ("Lion", LION, "-.")}  # name -> label, colour, dashes

_STYLE: dict[Any, Any] = {
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "font.size": 9.0,
    "font.family": ["DejaVu Sans"],  # it comes with matplotlib
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.xmargin": 0.015,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "grid.color": GRID,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "legend.frameon": False,
    "figure.dpi": 150.0,
    "savefig.dpi": 150.0,
    "svg.hashsalt": "optsearch",  # the same chart has the same bytes
}


@dataclass(frozen=True)
class Chart:
    """A figure that can be drawn, read, and read out.

    Attributes:
        name: of its file, and what its parts are called by in a page.
        title: a few words.
        description: what it shows, with its numbers, in sentences.
        header: of the table of its data.
        rows: of that table, as text.
        draw: puts it into an empty figure; the second argument is whether that is as narrow as a phone.
        panels: number of axes, of which a narrow figure has one above the other.
    """

    name: str
    title: str
    description: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    draw: Callable[[Figure, bool], None]
    panels: int = 1


def picture(chart: Chart, format: str = "svg") -> bytes:
    """The chart as a file.

    Args:
        chart: to be drawn.
        format: one of `search.charts.FORMATS`.
    """
    told: dict[str, dict[str, str | None]] = {
        "svg": {"Creator": MADE_BY, "Date": None, "Title": chart.title, "Description": chart.description},
        "png": {"Software": MADE_BY, "Title": chart.title, "Description": chart.description},
        "pdf": {"Creator": MADE_BY, "CreationDate": None, "Title": chart.title, "Subject": chart.description},
    }
    return drawn(chart, format, False, told[format])


def drawn(chart: Chart, format: str, narrow: bool, metadata: Mapping[str, str | None], letters: bool = False) -> bytes:
    """The bytes of the chart as matplotlib writes it.

    Args:
        chart: to be drawn.
        format: one of `search.charts.FORMATS`.
        narrow: for a phone.
        metadata: for `Figure.savefig`.
        letters: whether those of an SVG stay such, and are not drawn.
    """
    rows = chart.panels if narrow else math.ceil(chart.panels / 3)
    with _style("none" if letters else "path"):
        size = (3.5, 0.9 + 2.3 * rows) if narrow else (7.4, 0.6 + 3.0 * rows)
        figure = Figure(size, layout="constrained")
        chart.draw(figure, narrow)
        file = io.BytesIO()
        figure.savefig(file, format=format, metadata=metadata)
    return file.getvalue()


@contextmanager
def _style(fonttype: str) -> Iterator[None]:
    """The project's style, whatever the user's own is."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**_STYLE, "svg.fonttype": fonttype})
        yield


def axes_of(figure: Figure, panels: int, narrow: bool) -> list[Axes]:
    """So many axes: one above the other in a narrow figure, else up to three in a row."""
    columns = 1 if narrow else min(panels, 3)
    rows = math.ceil(panels / columns)
    found = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in found[panels:]:
        axes.remove()
    return found[:panels]


def legend(figure: Figure, axes: Axes, narrow: bool) -> None:
    """A legend above the axes; of many labels, the first."""
    handles, labels = axes.get_legend_handles_labels()
    handles, labels = handles[:MOST_LABELS], labels[:MOST_LABELS]
    columns = len(labels) if sum(len(label) + 6 for label in labels) < 95 else 5
    figure.legend(handles, labels, loc="outside upper left", ncols=2 if narrow else columns, columnspacing=1.5)


def loss_axis(axes: Axes, low: float, high: float) -> tuple[float, float]:
    """Makes the vertical axis that of losses: logarithmic where all are positive; returns its ends.

    Args:
        axes: to be set.
        low: the least loss to be shown.
        high: the largest.
    """
    if low > 0:
        margin = (high / low) ** 0.06 if high > low else 1.05
        low, high = low / margin, high * margin
        axes.set_yscale("log")
    else:
        margin = 0.06 * (high - low) or 0.05 * abs(high) or 0.05
        low, high = low - margin, high + margin
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(FixedLocator(_ticks(low, high, axes.get_yscale() == "log")))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:,.0f}" if 1e3 <= abs(value) < 1e6 else f"{value:.4g}")
    )
    return low, high


def _ticks(low: float, high: float, logarithmic: bool) -> list[float]:
    if not logarithmic or high < 8 * low:
        ticks = [float(tick) for tick in MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)]
    else:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        factors = (1, 2, 5) if last - first < 4 else (1,)
        apart = max(1, (last - first) // 6)
        ticks = [factor * 10.0**power for power in range(first, last + 1, apart) for factor in factors]
    return [tick for tick in ticks if low <= tick <= high]


def count_axis(axes: Axes, label: str, narrow: bool) -> None:
    """Makes the horizontal axis that of whole numbers, with separators."""
    axes.set_xlabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4 if narrow else 7, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def draw_baselines(axes: Axes, baselines: dict[str, float]) -> None:
    """A level line for each known optimizer's loss."""
    for name, loss in baselines.items():
        label, colour, dashes = BASELINES[name]
        axes.axhline(loss, color=colour, linestyle=dashes, label=f"{label}, tuned")


def thinned(count: int, most: int) -> np.ndarray:
    """At most so many of the numbers from 0 to count - 1, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def sampled(numbers: np.ndarray, most: int) -> np.ndarray:
    """At most so many of these, drawn with a fixed seed, in their order."""
    if len(numbers) <= most:
        return numbers
    return np.sort(np.random.default_rng(0).choice(numbers, most, replace=False))
