"""Learning curves of the winner, AdamW and Lion on the tasks of the funnel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from proxy_tasks.outcome import part_ends
from search.charts.chart import BASELINES, WINNER, Chart, axes_of, legend, loss_axis
from search.summary import format_loss

PARTS = [0, *part_ends(100)]  # in percent of the steps


@dataclass(frozen=True)
class Panel:
    """The curves on one task.

    Attributes:
        task: its name and scale, as text that a figure's font has.
        curves: program -> mean training loss of each part of a training; "winner", "adamw", "lion".
    """

    task: str
    curves: Mapping[str, Sequence[float]]


def curves_chart(panels: Sequence[Panel]) -> Chart:
    """The mean training loss over the parts of a training.

    Args:
        panels: one a task, each with a curve at least.
    """
    rows = [
        (panel.task, _label(name), *(format_loss(loss) for loss in curve), *["-"] * (len(PARTS) - 1 - len(curve)))
        for panel in panels
        for name, curve in panel.curves.items()
    ]
    return Chart(
        "curves",
        "Learning curves",
        " ".join(_told(panel) for panel in panels),
        ("task", "program", *(f"{begin} to {end} %" for begin, end in zip(PARTS, PARTS[1:], strict=False))),
        rows,
        lambda figure, narrow: _draw(figure, narrow, panels),
        panels=len(panels),
    )


def _label(name: str) -> str:
    return BASELINES[name][0] if name in BASELINES else "the winner"


def _told(panel: Panel) -> str:
    last = [f"{_label(name)} {format_loss(curve[-1])}" for name, curve in panel.curves.items()]
    return f"Mean training loss over the second half of a training on {panel.task}: {', '.join(last)}."


def _draw(figure: Figure, narrow: bool, panels: Sequence[Panel]) -> None:
    all_axes = axes_of(figure, len(panels), narrow)
    for panel, axes in zip(panels, all_axes, strict=True):
        losses = [loss for curve in panel.curves.values() for loss in curve if math.isfinite(loss)]
        loss_axis(axes, min(losses), max(losses))
        for name, curve in panel.curves.items():
            _, colour, style = BASELINES.get(name, ("", WINNER, "-"))
            edges = PARTS[: len(curve) + 1]
            axes.stairs(curve, edges, baseline=None, color=colour, linestyle=style, linewidth=1.8, label=_label(name))
        axes.set_title(panel.task, loc="left", fontsize="medium")
        axes.set_xlabel("steps, %")
        axes.set_xticks(PARTS)
        axes.set_xlim(0, 100)
    all_axes[0].set_ylabel("training loss")
    legend(figure, all_axes[0], narrow)
