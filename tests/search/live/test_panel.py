"""The picture of a run fits the terminal, whatever it is of and whatever the terminal is."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from search.journal import Totals
from search.live.line import line
from search.live.panel import BLOCKS, panel, sparkline
from search.live.view import Member, Rates, View, Work
from search.state import ENDED, INTERRUPTED, RUNNING

HOSTILE = "[red]not red[/red] [/] [link=x]y[/link] :boom: \x1b[2J\x1b]0;title\x07 \n\r 日本語 "

VIEW = View(
    time=1e9,
    directory=Path("runs/first-1"),
    task="digits_vit",
    scale=1,
    state=RUNNING,
    winner=None,
    step="evolve",
    doing="",
    work=Work(5000, 20000, "children", 65.0),
    step_seconds=25.0,
    seconds_in_all=31.0,
    workers=2,
    workers_in_all=2,
    searches=1,
    searches_in_all=1,
    totals=Totals(5000, 1000, {"non-finite": 200, "stopped early": 500, "trained": 300}),
    redundancy=0.7,
    rates=Rates(210.0, 33.3),
    rates_in_all=Rates(200.0, 40.0),
    adamw=0.19,
    history=((0, 0.19), (100, 0.18), (4000, 0.15)),
    length=5000,
    front=tuple(Member(str(100 * n), n, 0.2 - n / 1000, f"update = {n} * g", n > 20) for n in range(1, 31)),
)


def drawn(view: View, width: int, height: int, **options: bool) -> list[str]:
    """The lines of the picture, as they would be written to a terminal."""
    written = io.StringIO()
    console = Console(file=written, width=width, height=height, force_terminal=True, **options)  # type: ignore[arg-type]
    console.print(panel(view, width, height))
    return written.getvalue().splitlines()


def plain(lines: list[str]) -> list[str]:
    return [Text.from_ansi(line).plain for line in lines]


def test_the_picture_has_what_there_is_to_know():
    shown = "\n".join(plain(drawn(VIEW, 100, 30)))
    for text in [
        "runs/first-1   digits_vit x1   2 of 2 workers",
        "25% 5000 of 20000 children, 0:25, 1:05 left",
        "children 5000, 210/s (200 in all)",
        "trained 1000, 33/s (40 in all)",
        "cache hits 80.0%   redundant 70.0%   non-finite 200   stopped early 500",
        "best 0.1700 (child 3000)   AdamW 0.1900",
        "best fitness of 5000 children, 0.1900 to 0.1500",
        "    30    0.1700    3000  update = 30 * g",
    ]:
        assert text in shown


SIZES = [(80, 24), (120, 40), (100, 30), (40, 12), (20, 5), (3, 2), (1, 1), (80, 0)]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("state", [RUNNING, ENDED, INTERRUPTED])
def test_it_fits(width, height, state):
    begun = replace(VIEW, step="", workers_in_all=0, history=(), front=(), adamw=None, work=Work())
    hostile = tuple(
        replace(member, formula=HOSTILE + member.formula, child=f"search-2/{HOSTILE}") for member in VIEW.front
    )
    several = replace(VIEW, task=HOSTILE, doing=HOSTILE, directory=Path(HOSTILE), front=hostile, searches_in_all=3)
    for view in (VIEW, begun, several):
        lines = plain(drawn(replace(view, state=state), width, height))
        assert len(lines) <= height + (height == 0) and max(map(cell_len, lines), default=0) <= width


@pytest.mark.parametrize("state, told", [(RUNNING, "2 of 2 workers"), (ENDED, "the winner is child 7")])
def test_long_names_leave_room_for_what_the_run_is_at(state, told):
    named = replace(VIEW, directory=Path("a/long/way/to" * 9), task="my/own/task.py:Task" * 9, state=state, winner="7")
    first = plain(drawn(named, 80, 24))[0]
    assert first.endswith(told) and len(first) <= 80


def test_what_others_have_named_is_shown_as_it_is_written():
    named = replace(VIEW, task=HOSTILE, doing=HOSTILE, front=(replace(VIEW.front[0], formula=HOSTILE),))
    lines = drawn(named, 400, 30)
    assert (
        sum(
            "[red]not red[/red] [/] [link=x]y[/link] :boom: \N{REPLACEMENT CHARACTER}[2J" in row for row in plain(lines)
        )
        == 3
    )
    assert not any(code in row for row in lines for code in ("\x1b[2J", "\x1b]", "\x07"))


def test_a_line_of_what_others_have_named_is_one_line_without_escape_sequences():
    named = replace(VIEW, doing=HOSTILE)
    for view in (named, replace(named, state=ENDED, winner=HOSTILE)):
        assert "\x1b" not in line(view) and "\n" not in line(view) and "\N{REPLACEMENT CHARACTER}[2J" in line(view)


def test_at_the_end_it_says_how_long_all_steps_have_taken():
    ended = replace(VIEW, state=ENDED, step="end", doing="tune 6 s, evolve 25 s", work=Work(), step_seconds=0.0)
    assert "end    tune 6 s, evolve 25 s, 0:31" in plain(drawn(ended, 100, 30))


def test_the_best_programs_are_shown_where_not_all_have_room():
    lines = plain(drawn(VIEW, 80, 12))
    assert lines[-1].split()[:3] == ["30", "0.1700", "3000"] and "; 26 shorter ones" in lines[-5]
    assert len(plain(drawn(VIEW, 80, 60))) == 6 + 2 + 30


def test_it_needs_no_colour(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert plain(drawn(VIEW, 80, 24)) == plain(drawn(VIEW, 80, 24, no_color=False))
    assert not any("\x1b[3" in row for row in drawn(VIEW, 80, 24))


@pytest.mark.parametrize("width", [1, 2, 7, 60])
def test_the_sparkline_goes_from_the_first_to_the_best(width):
    drawn = sparkline([(0, 0.19), (1, 0.17), (500, 0.15), (1000, 0.1)], 1000, width)
    assert len(drawn) == width and drawn[0] == BLOCKS[-1]
    assert list(drawn) == sorted(drawn, reverse=True) and (width == 1 or drawn[-1] == BLOCKS[0])


def test_a_search_that_has_found_nothing_yet_is_a_flat_line():
    assert sparkline([(0, 0.19)], 0, 5) == BLOCKS[0] * 5


def test_a_line_says_the_same_in_short():
    assert line(VIEW) == (
        "evolve: 5000 of 20000 children, 210/s, 1000 trained, 33/s, cache hits 80%, best fitness 0.1700, AdamW 0.1900,"
        " 0:25, 1:05 left, 2 of 2 workers"
    )
    work = Work(3, 12, left_s=9.0)
    tuning = replace(VIEW, step="tune", doing="tuning lion on digits x1", work=work, step_seconds=3.0)
    assert line(tuning) == "tune: tuning lion on digits x1, 3 of 12, 0:03, 0:09 left, 2 of 2 workers"
    assert line(replace(VIEW, state=ENDED, winner="7")).endswith("the winner is child 7")
