"""The picture of a run for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.text import Text

from proxy_tasks import TRAINED
from search.live.line import format_rate, format_span, format_work
from search.live.view import View
from search.printable import printable
from search.state import ENDED, INTERRUPTED
from search.summary import format_loss

BLOCKS = "▁▂▃▄▅▆▇█"
BAR = 30  # columns, at most
LEAST = 4  # lines of the front that are worth the lines above them


def panel(view: View, width: int, height: int) -> Group:
    """The picture; what others have named is shown as it is written, and nothing in it means markup.

    Args:
        view: of the run.
        width: columns that there are.
        height: lines that there are.
    """
    above = [_line(parts, width) for parts in _above(view, width)]
    room = max(0, height - len(above))
    front = [_line(parts, width) for parts in _front(view, room)] if room >= LEAST and view.front else []
    return Group(*[*above, *front][:height])


def _line(parts: Sequence[tuple[str, str]], width: int) -> Text:
    """(text, style)... on one line, cut where the line ends."""
    line = Text(no_wrap=True, end="\n")
    for text, style in parts:
        line.append(printable(text).replace("\n", " "), style)
    line.truncate(width, overflow="ellipsis")
    return line


def _above(view: View, width: int) -> Iterator[list[tuple[str, str]]]:
    """What is said of the run, a line each."""
    totals, in_all = view.totals, view.rates_in_all
    several = f"{view.searches} of {view.searches_in_all} searches   " if view.searches_in_all > 1 else ""
    workers = f"{view.workers} of {view.workers_in_all} workers" if view.workers_in_all else "begins"
    state = {ENDED: f"ended, the winner is child {view.winner}", INTERRUPTED: "interrupted"}.get(view.state, workers)
    room = max(8, (width - len(f"optsearch     x{view.scale}   {several}{state}")) // 2)  # of each name
    yield [
        ("optsearch ", "bold"),
        (_end_of(str(view.directory), room), "bold cyan"),
        (f"   {_end_of(view.task, room)} x{view.scale}   {several}", ""),
        (state, "" if state is workers and view.workers == view.workers_in_all else "bold yellow"),
    ]
    share = min(1.0, view.work.done / view.work.of) if view.work.of else 0.0
    columns = min(BAR, width // 3) if view.work.of else 0
    full = round(share * columns)
    seconds = view.seconds_in_all if view.state == ENDED else view.step_seconds
    left = f"{format_span(view.work.left_s)} left" if view.work.left_s is not None else ""
    yield [
        (f"{view.step or 'begin':<7}", "bold"),
        ("━" * full, "green"),
        ("━" * (columns - full), "dim"),
        (f" {share:.0%} " if columns else "", ""),
        (", ".join(filter(None, (view.doing, format_work(view.work), format_span(seconds), left))), ""),
    ]
    yield [
        ("children ", "dim"),
        (f"{totals.generated}, {_a_second(view.rates.generated, in_all.generated)}", ""),
        ("   trained ", "dim"),
        (f"{totals.trained}, {_a_second(view.rates.trained, in_all.trained)}", ""),
    ]
    failures = {kind: count for kind, count in totals.outcomes.items() if kind != TRAINED}
    yield [
        ("cache hits ", "dim"),
        (f"{totals.cache_hit_rate:.1%}", ""),
        ("   redundant ", "dim"),
        (f"{view.redundancy:.1%}", ""),
        *(part for kind, count in failures.items() for part in ((f"   {kind} ", "dim"), (f"{count}", ""))),
    ]
    best = view.best
    yield [
        ("best ", "dim"),
        (format_loss(best.fitness), "bold green") if best else ("-", ""),
        (f" (child {best.child})" if best else "", "dim"),
        ("   AdamW ", "dim"),
        ("-" if view.adamw is None else format_loss(view.adamw), ""),
    ]
    yield _curve(view, width)


def _end_of(name: str, most: int) -> str:
    """A path or the like, of which the end matters."""
    return name if len(name) <= most else f"…{name[len(name) - most + 1 :]}"


def _a_second(now: float, in_all: float) -> str:
    """Of the last seconds, if there is anything to say of these, and of the whole evolution."""
    return f"{format_rate(now)}/s ({format_rate(in_all)} in all)" if now else f"{format_rate(in_all)}/s in all"


def _curve(view: View, width: int) -> list[tuple[str, str]]:
    """The sparkline of the best fitness over the children, and what it is."""
    if not view.history:
        return [("", "")]
    first, last = view.history[0][1], view.history[-1][1]
    label = f" best fitness of {view.length} children, {format_loss(first)} to {format_loss(last)}"
    return [(sparkline(view.history, view.length, max(8, min(60, width - len(label)))), "cyan"), (label, "dim")]


def sparkline(history: Sequence[tuple[int, float]], length: int, width: int) -> str:
    """The best fitness over the children, from left to right; the highest block is the first, the lowest the last.

    Args:
        history: (children, fitness) wherever it got better.
        length: children in all.
        width: columns.

    >>> sparkline([(0, 1.0), (40, 0.5), (70, 0.0)], 70, 8)
    '████▅▅▅▁'
    """
    (_, first), (_, last) = history[0], history[-1]
    found, at = [], 0
    for column in range(width):
        while at + 1 < len(history) and history[at + 1][0] <= column * length / max(1, width - 1):
            at += 1
        height = (history[at][1] - last) / (first - last) if first > last else 0.0
        found.append(BLOCKS[math.ceil(height * (len(BLOCKS) - 1))])
    return "".join(found)


def _front(view: View, room: int) -> Iterator[list[tuple[str, str]]]:
    """The hall of fame in so many lines, the best programs if not all have room."""
    width = max(6, *(len(member.child) for member in view.front))
    shown = view.front[-(room - 2) :]
    cut = len(view.front) - len(shown)
    yield [("", "")]
    heading = f"{'length':>6}  {'fitness':>8}  {'child':>{width}}  "
    yield [(f"{heading}best of its length{f'; {cut} shorter ones' if cut else ''}", "dim")]
    for member in shown:
        yield [
            (f"{member.live:>6}  {format_loss(member.fitness):>8}  ", ""),
            (f"{member.child:>{width}}  ", "dim"),
            (member.formula, "" if member.simplified else "dim"),
        ]
