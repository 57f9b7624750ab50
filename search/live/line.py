"""Where a run is, in one line: for logs."""

from __future__ import annotations

from collections.abc import Iterator

from search.live.view import View, Work
from search.printable import printable
from search.state import ENDED, INTERRUPTED
from search.summary import format_loss


def line(view: View) -> str:
    """The figures that matter at the moment; names that others have given are shown and not obeyed."""
    return printable(_text(view)).replace("\n", " ")


def _text(view: View) -> str:
    if view.state == ENDED:
        return f"ended: {_children(view)}, the winner is child {view.winner}"
    if view.state == INTERRUPTED:
        return f"interrupted: {_children(view)}"
    return f"{view.step or 'begin'}: {', '.join(_parts(view))}"


def _parts(view: View) -> Iterator[str]:
    if view.doing:
        yield view.doing
    if work := format_work(view.work):
        yield work
    if view.step == "evolve":
        yield f"{format_rate(view.rates.generated)}/s"
        yield f"{view.totals.trained} trained, {format_rate(view.rates.trained)}/s"
        yield f"cache hits {view.totals.cache_hit_rate:.0%}"
        yield from _best(view)
    yield format_span(view.step_seconds)
    if view.work.left_s is not None:
        yield f"{format_span(view.work.left_s)} left"
    yield f"{view.workers} of {view.workers_in_all} workers"


def _children(view: View) -> str:
    return ", ".join([f"{view.totals.generated} children, {view.totals.trained} trained", *_best(view)])


def _best(view: View) -> Iterator[str]:
    if view.best:
        yield f"best fitness {format_loss(view.best.fitness)}"
    if view.adamw is not None:
        yield f"AdamW {format_loss(view.adamw)}"


def format_work(work: Work) -> str:
    """`12 of 60 children`; "" if there is none."""
    of = f" of {work.of:.0f}" if work.of else ""
    return f"{work.done:.0f}{of} {work.unit}".rstrip() if work.of or work.done else ""


def format_span(seconds: float) -> str:
    """`1:02:03`, or `2:03` below an hour.

    >>> format_span(123), format_span(3723)
    ('2:03', '1:02:03')
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def format_rate(rate: float) -> str:
    """A number a second, with three digits at most.

    >>> format_rate(1234.5), format_rate(12.34), format_rate(0.0123)
    ('1234', '12', '0.012')
    """
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.2g}"
