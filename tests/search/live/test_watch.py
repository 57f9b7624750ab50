"""A run in a process of its own, on a terminal or not, and whoever watches it from another."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

import search
from search import BudgetConfig, Config, FitnessConfig, FunnelConfig, SearchError, TuneConfig, WindowConfig
from search.cli import main
from search.configuration import to_dict
from search.journal import FILE_NAME, Journal, Reader
from search.lock import held

ROOT = Path(search.__file__).parents[1]
COMMAND = [sys.executable, "-c", "import sys; from search.cli import main; sys.exit(main())"]
GRID = TuneConfig(learning_rates=(0.03, 0.1), weight_decays=(0.1,), seeds=2)


@pytest.fixture
def config(quadratic: str, tmp_path: Path) -> Path:
    """Of a run that takes longer than a test."""
    values = Config(
        task=quadratic,
        workers="inline",
        machine="jax",  # which a new process need not compile
        population=50,
        fitness=FitnessConfig(seeds=2),
        window=WindowConfig(children=10, new=3),
        budget=BudgetConfig(generated=100_000),
        tune=GRID,
        funnel=FunnelConfig(candidates=2, fresh_seeds=2, scales=(), tune=GRID),
    )
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(to_dict(values)))
    return path


def environment(tmp_path: Path, **variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache"), **variables}


def wait_for_children(directory: Path, count: int) -> None:
    """Until so many are on disk."""
    for _ in range(600):
        with contextlib.suppress(SearchError):
            if Reader(directory).has_child(count):
                return
        time.sleep(0.05)
    raise AssertionError("no children came")


class OnTerminal:
    """A command on a terminal of 100 x 30; `drawn` is what it has written there."""

    def __init__(self, *arguments: Any, env: dict[str, str]):
        self._ours, self.theirs = pty.openpty()
        termios.tcsetwinsize(self.theirs, (30, 100))
        self.settings = termios.tcgetattr(self.theirs)
        ends = dict.fromkeys(("stdin", "stdout", "stderr"), self.theirs)
        command = [*COMMAND, *map(str, arguments)]
        self.process = subprocess.Popen(command, start_new_session=True, env=env, **ends)  # type: ignore[call-overload]
        self.drawn = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # it is closed
            while read := os.read(self._ours, 65536):
                self.drawn += read.decode(errors="replace")

    def wait_for(self, text: str) -> None:
        """Until it was drawn."""
        deadline = time.monotonic() + 60
        while text not in self.drawn:
            assert time.monotonic() < deadline, self.drawn
            time.sleep(0.02)

    def ended(self) -> tuple[int, str]:
        """(exit code, what was written)."""
        code = self.process.wait(timeout=60)
        settings = termios.tcgetattr(self.theirs)
        os.close(self.theirs)
        self._reader.join(timeout=10)
        os.close(self._ours)
        assert settings == self.settings
        return code, self.drawn


def test_a_run_on_a_terminal_is_seen_there_and_from_elsewhere_and_leaves_the_terminal_as_it_was(
    config, tmp_path, capsys
):
    run = tmp_path / "run"
    terminal = OnTerminal("run", config, "--out", run, env=environment(tmp_path, TERM="xterm-256color"))
    wait_for_children(run, 200)
    terminal.wait_for("1 of 1 workers")
    assert main(["watch", str(run), "--once", "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert (seen["state"], seen["step"], seen["workers"]) == ("running", "evolve", 1) and seen["generated"] >= 200
    assert held(run)
    terminal.process.send_signal(signal.SIGINT)
    code, drawn = terminal.ended()
    assert code == 130 and "Traceback" not in drawn
    for text in ["of 100000 children", "AdamW", "best of its length", "1 of 1 workers", "adamw tuned on"]:
        assert text in drawn
    above, _, below = drawn.rpartition("\x1b[?25h")  # the cursor is shown, and the picture stands
    assert "stopping: what is being trained is finished first" in above and "\x1b[?25l" not in below
    assert below.count("resume") == 1  # said once
    assert "what was found so far: " in below and "optsearch: interrupted: go on with" in below

    assert main(["watch", str(run)]) == 0
    line, end = capsys.readouterr().out.splitlines()
    assert line.startswith("interrupted: ") and f"no process writes {run} any more: the run was interrupted" in end
    assert f"resume {run}" in end


def test_a_run_that_is_watched_is_followed_to_its_end_and_its_log_is_json(config, tmp_path, capsys):
    run = tmp_path / "run"
    options = ["--set", "budget.generated=500", "--log-format", "json", "--log-every", "0.1"]
    process = subprocess.Popen(
        [*COMMAND, "run", str(config), "--out", str(run), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(tmp_path),
    )
    wait_for_children(run, 0)
    assert main(["watch", str(run), "--every", "0.1"]) == 0
    *_, last, end = capsys.readouterr().out.splitlines()
    result = search.load(run)
    assert last.startswith(f"ended: 500 children, {result.totals.trained} trained, best fitness ")
    assert end.startswith(f"the run has ended, its winner is child {result.winner_key}: ")
    out, log = process.communicate(timeout=60)
    assert process.returncode == 0 and out.startswith("The winner, child ")
    events = [json.loads(line) for line in log.splitlines()]
    assert {"begun", "tuned", "progress", "evolved", "stage"} <= {event["event"] for event in events}
    assert (events[-1]["event"], events[-1]["winner"]) == ("ended", result.winner_key)
    times = [datetime.fromisoformat(event["time"]) for event in events]
    assert times == sorted(times)
    generated = [event["generated"] for event in events if event["event"] == "progress"]
    assert generated == sorted(generated)


def test_an_error_is_json_where_the_log_is(config, tmp_path, capsys):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    assert main(["run", str(config), "--out", str(tmp_path / "taken"), "--log-format", "json"]) == 2
    event = json.loads(capsys.readouterr().err)
    assert event["event"] == "error" and "is not empty" in event["text"]


def test_quiet_shows_the_summary_alone(config, tmp_path, capsys):
    options = ["--set", "budget.generated=50", "--quiet"]
    assert main(["run", str(config), "--out", str(tmp_path / "run"), *options]) == 0
    captured = capsys.readouterr()
    assert captured.err == "" and captured.out.startswith("The winner, child ")


def test_watch_of_no_run_says_so(tmp_path, capsys):
    assert main(["watch", str(tmp_path)]) == 2
    assert f"{tmp_path} is not a run: it holds no {FILE_NAME}" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["search.live.watching.Watcher.look", "time.sleep"])
def test_ctrl_c_ends_watch_without_a_word_as_it_does_every_command(tmp_path, capsys, monkeypatch, where):
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    journal = Journal(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(where, interrupted)
        assert main(["watch", str(tmp_path)]) == 130
    journal.close()
    captured = capsys.readouterr()
    assert captured.err == "" and len(captured.out.splitlines()) == (where == "time.sleep")


@pytest.mark.parametrize("every", ["0", "-1", "1e300", "inf", "soon"])
def test_a_pace_that_is_none_is_refused(every, capsys):
    for command in (["watch", "run", "--every"], ["run", "quickstart", "--log-every"]):
        with pytest.raises(SystemExit, match="2"):
            main([*command, every])
        assert f"{every!r} is not a number of seconds" in capsys.readouterr().err
