"""The line of a program: the fitness of its ancestors, and what kind of mutation made each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from search.charts.chart import (
    GREEN,
    MUTED,
    PURPLE,
    RED,
    TEAL,
    WINNER,
    Chart,
    axes_of,
    count_axis,
    draw_baselines,
    legend,
    loss_axis,
    thinned,
)
from search.lineage import Ancestor
from search.summary import format_gain, format_loss

MOST_ROWS = 100
MOST_POINTS = 400
MARKERS = {"insert": ("^", GREEN), "delete": ("v", RED), "modify": ("o", PURPLE)}
_FIRST = ("D", TEAL)  # the warm start, and the first programs of restarts


def lineage_chart(line: Sequence[Ancestor], baselines: Mapping[str, float]) -> Chart:
    """The path from the warm start to a child.

    Args:
        line: from the warm start to the child; the first and the last have a fitness.
        baselines: known optimizer -> its loss on the task of the search.
    """
    last, made = line[-1], [a for a in line if a.mutation]  # the first programs of restarts are copies
    gains = sorted((a for a in made if a.gain is not None), key=lambda a: a.gain or 0.0, reverse=True)
    told = (
        f"Child {last.key} is {len(made)} mutations from the warm start: its loss went from"
        f" {_loss(line[0])} to {_loss(last)}."
    )
    if gains and (gains[0].gain or 0.0) > 0:
        best = gains[0]
        told += f" The largest gain, {format_loss(best.gain or 0.0)}, came with child {best.key} ({best.mutation})."
    neutral, worse = sum(a.gain == 0 for a in made), sum(a.gain is not None and a.gain < 0 for a in made)
    told += f" {neutral} {'step' if neutral == 1 else 'steps'} changed nothing, {worse} made it worse."
    return Chart(
        "lineage",
        f"How child {last.key} came about",
        told,
        ("generation", "child", "mutation", "loss", "gain"),
        [
            (str(n), line[n].key, line[n].mutation or "-", _loss(line[n]), _gain(line[n]))
            for n in thinned(len(line), MOST_ROWS)
        ],
        lambda figure, narrow: _draw(figure, narrow, line, dict(baselines)),
    )


def _loss(ancestor: Ancestor) -> str:
    return "-" if ancestor.fitness is None else format_loss(ancestor.fitness)


def _gain(ancestor: Ancestor) -> str:
    return "-" if ancestor.gain is None else format_gain(ancestor.gain)


def _draw(figure: Figure, narrow: bool, line: Sequence[Ancestor], baselines: dict[str, float]) -> None:
    (axes,) = axes_of(figure, 1, narrow)
    scored = [(n, a.fitness, a.mutation or "") for n, a in enumerate(line) if a.fitness is not None]
    scored = [scored[n] for n in thinned(len(scored), MOST_POINTS)]
    losses = [loss for _, loss, _ in scored]
    loss_axis(axes, min([*losses, *baselines.values()]), max([*losses, *baselines.values()]))
    axes.plot([n for n, _, _ in scored], losses, color=MUTED, linewidth=1.0)
    size = 5.5 if len(scored) < 80 else 3.5
    for kind in dict.fromkeys(kind for _, _, kind in scored):
        marker, colour = MARKERS.get(kind, _FIRST)
        made = [(n, loss) for n, loss, of in scored if of == kind]
        axes.plot(*zip(*made, strict=True), marker, color=colour, markersize=size, label=kind or "first program")
    axes.plot(
        [scored[-1][0]], [scored[-1][1]], "*", color=WINNER, markersize=13, label=f"child {line[-1].key}", clip_on=False
    )
    draw_baselines(axes, baselines)
    count_axis(axes, "generations from the warm start", narrow)
    axes.set_ylabel("validation loss" if narrow else "validation loss, lower is better")
    legend(figure, axes, narrow)
