"""Where a run reports: whatever becomes of that, the run goes on, and finds the same."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import search
from search import BudgetConfig, Config, Console, FunnelConfig, TuneConfig
from search.journal import Journal
from search.live.view import View
from search.live.watching import Watcher
from tests.search.live.test_panel import HOSTILE, VIEW

GRID = TuneConfig(learning_rates=(0.03, 0.1), weight_decays=(0.1,), seeds=2)


@pytest.fixture
def config(quadratic: str) -> Config:
    funnel = FunnelConfig(candidates=2, fresh_seeds=2, scales=(), tune=GRID)
    return Config(
        task=quadratic, workers="inline", population=20, budget=BudgetConfig(generated=60), tune=GRID, funnel=funnel
    )


class Terminal(io.StringIO):
    """A terminal that has everything."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Gone(Terminal):
    """A terminal that has been closed."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


class Pipe(Gone):
    """A pipe that nobody reads from."""

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_a_terminal_has_the_picture_and_the_lines_above_it():
    stream = Terminal()
    console = Console(stream=stream)
    with console.screen():
        console.show(VIEW)
        console.line(f"said {HOSTILE}")
        console.show(replace(VIEW, adamw=0.25))
    shown = stream.getvalue()
    assert shown.index("[red]not red[/red] [/] [link=x]y[/link] :boom:") < shown.index("0.2500")
    assert shown.count("\x1b[?25l") == 1 and shown.index("\x1b[?25h") < shown.index("5000")  # the cursor is there


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()], ids=["terminal", "file"])
def test_what_is_said_is_shown_and_not_obeyed(stream):
    console = Console(stream=stream, every=0)
    console.every = 0
    console.line(HOSTILE)
    console.update(lambda: f"{HOSTILE}: 1 of 2")
    assert stream.getvalue().replace("\r\x1b[K", "").count("\N{REPLACEMENT CHARACTER}[2J") == 2
    assert "\x1b" not in stream.getvalue().replace("\r\x1b[K", "")


@pytest.mark.parametrize("term", ["dumb", "unknown", None])
def test_a_terminal_that_can_do_nothing_has_lines(monkeypatch, term):
    if term:
        monkeypatch.setenv("TERM", term)
    stream = Terminal() if term else io.StringIO()
    console = Console(stream=stream)
    with console.screen():
        console.line("said")
        console.show(VIEW)
    said, where = stream.getvalue().splitlines()
    assert said == "said" and where.startswith("evolve: 5000 of 20000 children, ")


def test_json_is_an_object_a_line_with_figures():
    stream = Terminal()
    console = Console(stream=stream, as_json=True, every=0)
    with console.screen():
        console.line("lion tuned:\n0.5", "tuned", loss=0.5, error=float("inf"))
        console.show(VIEW)
        console.update(lambda: "tuning: 3 of 12", doing="tuning", done=3, of=12)
    tuned, evolving, tuning = map(json.loads, stream.getvalue().splitlines())
    for found in (tuned, evolving, tuning):
        assert datetime.fromisoformat(found["time"]).utcoffset() == timedelta(0)
    assert (tuned["event"], tuned["text"], tuned["loss"]) == ("tuned", "lion tuned:\n0.5", 0.5)
    assert tuned["error"] is None
    assert (evolving["event"], evolving["step"], evolving["generated"]) == ("progress", "evolve", 5000)
    assert evolving["outcomes"] == VIEW.totals.outcomes and evolving["left_s"] == 65.0
    assert (tuning["event"], tuning["doing"], tuning["done"], tuning["of"]) == ("progress", "tuning", 3, 12)


def told(config: Config, directory: Path, make: Callable[..., Console], stream: io.StringIO) -> tuple[str, str]:
    """What a run tells, and its digest."""
    result = search.run(config, directory, make(stream=stream))
    return stream.getvalue(), result.digest()


def test_what_is_found_does_not_depend_on_who_looks(config, tmp_path):
    def often(**values: io.StringIO) -> Console:
        console = Console(**values)  # type: ignore[arg-type]
        console.every = 0.01
        return console

    silent, digest = told(config, tmp_path / "quiet", lambda stream: Console(quiet=True, stream=stream), io.StringIO())
    assert silent == ""
    drawn, same = told(config, tmp_path / "drawn", often, Terminal())
    assert same == digest and "best of its length" in drawn and "of 60 children" in drawn
    lines, same = told(config, tmp_path / "lines", often, io.StringIO())
    assert same == digest and "60 children" in lines and "\x1b" not in lines


@pytest.mark.parametrize("stream", [Gone(), Pipe()], ids=["terminal", "pipe"])
def test_a_run_whose_stream_is_gone_goes_on(config, tmp_path, stream):
    assert search.run(config, tmp_path / "run", Console(stream=stream, every=0.01)).winner


def test_a_terminal_that_takes_nothing_does_not_hold_up_a_run(config, tmp_path, monkeypatch):
    monkeypatch.setattr("search.console.PATIENCE_S", 0.1)
    ours, theirs = pty.openpty()
    os.set_blocking(theirs, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(theirs, b"full " * 100)
    os.set_blocking(theirs, True)
    stream = os.fdopen(theirs, "w", encoding="utf-8")
    console = Console(stream=stream)
    console.every = 0.01
    try:
        assert search.run(config, tmp_path / "run", console).winner
        (thread,) = (thread for thread in threading.enumerate() if thread.name == "view")
        assert thread.is_alive()
    finally:
        os.close(ours)
        thread.join(timeout=60)
        with contextlib.suppress(OSError):
            stream.close()
    assert not thread.is_alive()


def test_a_look_that_outlasts_the_patience_shows_nothing(tmp_path, monkeypatch):
    begun, end = threading.Event(), threading.Event()

    def look(watcher: Watcher) -> View:
        begun.set()
        end.wait()
        return VIEW

    monkeypatch.setattr(Watcher, "look", look)
    monkeypatch.setattr("search.console.PATIENCE_S", 0.01)
    Journal(tmp_path).close()
    stream = io.StringIO()
    console = Console(stream=stream, every=0.01)
    with console.watching(tmp_path):
        begun.wait()
        console.line("said")
    console.line("summary")
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "view")
    end.set()
    thread.join(timeout=60)
    assert stream.getvalue() == "summary\nsaid\n"


def test_lines_are_written_at_once_and_all_of_them(tmp_path):
    written = threading.Event()

    class Told(io.StringIO):
        def write(self, text: str) -> int:
            written.set()
            return super().write(text)

    stream = Told()
    console = Console(stream=stream, every=1e6)
    with console.watching(tmp_path):  # where there is no run yet
        console.line("first")
        assert written.wait(timeout=60)
        for number in range(100):
            console.line(f"line {number}")
    assert stream.getvalue().splitlines() == ["first", *(f"line {number}" for number in range(100))]


def test_an_error_of_the_view_is_none_of_the_run(config, tmp_path, monkeypatch):
    def fails(console: Console, view: View) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Console, "show", fails)
    assert search.run(config, tmp_path / "run", Console(stream=Terminal(), every=0.01)).winner
