"""Where a run reports: a picture on a terminal, plain lines elsewhere, or JSON for machines."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

from search.live.line import line as line_of
from search.live.view import View, iso
from search.printable import printable
from search.to_json import to_json

if TYPE_CHECKING:
    from rich.live import Live

SECONDS_ON_TERMINAL, SECONDS_ELSEWHERE = 0.5, 10.0
PATIENCE_S = 2.0  # with a terminal, for the last lines and the last look
CLEAR_LINE = "\r\x1b[K"

Entry: TypeAlias = tuple[str, str]  # what is to be written, and how it ends


class Console:
    """Where a run reports. That its stream is gone, or takes nothing, makes no difference to the run.

    Args:
        quiet: show nothing.
        stream: takes the lines; standard error if None.
        every: seconds between two lines that say where the run is; a terminal has its own pace.
        as_json: one JSON object a line, with `time` (ISO 8601, UTC) and `event`, for all that is told.

    Attributes:
        as_json: whether it tells in JSON.
        terminal: whether it draws.
        every: seconds between two looks at a run.
    """

    def __init__(
        self, quiet: bool = False, stream: TextIO | None = None, every: float = SECONDS_ELSEWHERE, as_json: bool = False
    ):
        self._quiet, self._stream, self.as_json = quiet, stream or sys.stderr, as_json
        self.terminal = not as_json and _can_draw(self._stream)
        self.every = SECONDS_ON_TERMINAL if self.terminal else every
        self._shown = time.monotonic()
        self._live: Live | None = None
        self._waiting: SimpleQueue[Entry | None] | None = None  # for the thread that writes, while there is one

    def line(self, text: str, event: str = "message", **figures: Any) -> None:
        """What stays.

        Args:
            text: for people.
            event: kind of it, in JSON.
            figures: of it, in JSON.
        """
        self._write(_object(event, text=text, **figures) if self.as_json else printable(text))

    def update(self, text: Callable[[], str], **figures: Any) -> None:
        """A line that the next one replaces; shown now and then."""
        now = time.monotonic()
        if self._quiet or now - self._shown < self.every:
            return
        self._shown = now
        if self.as_json:
            self._write(_object("progress", text=text(), **figures))
        else:
            self._write(printable(text()), end="" if self.terminal else "\n")

    def show(self, view: View) -> None:
        """Where a run is: a picture that the next one replaces, or a line."""
        if self._live:
            from search.live.panel import panel

            width, height = self._live.console.size
            self._live.update(panel(view, width, height - 1), refresh=True)
        elif self.as_json:
            self._write(_object("progress", **view.figures()))
        elif view.step:  # before the first there is nothing to tell
            self._write(line_of(view))

    @contextmanager
    def screen(self) -> Iterator[None]:
        """Lines are printed above the picture meanwhile; it stays when this is over."""
        if self._quiet or not self.terminal:
            yield
            return
        from rich.console import Console as Terminal
        from rich.live import Live

        live = Live(
            console=Terminal(file=self._stream, force_terminal=True),
            auto_refresh=False,
            redirect_stdout=sys.stdout.isatty(),  # what goes to a file stays there
            redirect_stderr=sys.stderr.isatty(),
        )
        with suppress(OSError, ValueError):
            live.start()
            live.console.show_cursor()  # a process that is killed leaves the terminal as it is
        self._live = live
        try:
            yield
        finally:
            self._live = None
            with suppress(OSError, ValueError):
                live.stop()

    @contextmanager
    def watching(self, directory: Path) -> Iterator[None]:
        """Shows a run that is under way, and lines, from a thread of its own.

        Nothing else writes meanwhile: a terminal that takes nothing holds up the thread, and not the run.
        """
        if self._quiet:
            yield
            return
        waiting, left = SimpleQueue[Entry | None](), threading.Event()
        thread = threading.Thread(target=self._view, args=(directory, waiting, left), name="view", daemon=True)
        self._waiting = waiting
        thread.start()
        try:
            yield
        finally:
            waiting.put(None)
            try:
                thread.join(PATIENCE_S)
            finally:
                left.set()
                self._waiting = None
            while not (thread.is_alive() or waiting.empty()):  # said after the end
                if entry := waiting.get():
                    self._print(*entry)

    def _view(self, directory: Path, waiting: SimpleQueue[Entry | None], left: threading.Event) -> None:
        """Writes what waits, and looks at the run now and then, until None waits; shows no more once it is left."""
        from search.live.watching import SHARE, Watcher

        watcher: Watcher | None = None

        def look() -> None:
            nonlocal watcher
            with suppress(Exception):  # whatever becomes of the view, the search goes on
                watcher = watcher or Watcher(directory, SHARE if self.terminal else 0.0)
                view = watcher.look()
                if not left.is_set():
                    self.show(view)

        with self.screen():
            due = time.monotonic() + self.every
            while True:
                with suppress(Empty):
                    entry = waiting.get(timeout=max(0.0, due - time.monotonic()))
                    if entry is None:
                        break
                    self._print(*entry)
                if time.monotonic() >= due:
                    look()
                    due = time.monotonic() + self.every
            if self._live:
                look()

    def _write(self, text: str, end: str = "\n") -> None:
        if self._waiting is not None:
            self._waiting.put((text, end))
        elif not self._quiet:
            self._print(text, end)

    def _print(self, text: str, end: str) -> None:
        with suppress(OSError, ValueError):  # a terminal that is gone, a pipe that is closed
            if self._live:
                from rich.text import Text

                self._live.console.print(Text(text), soft_wrap=True)
            else:
                print(f"{CLEAR_LINE if self.terminal else ''}{text}", end=end, file=self._stream, flush=True)


def _object(event: str, **figures: Any) -> str:
    return to_json({"time": iso(time.time()), "event": event, **figures})


def _can_draw(stream: TextIO) -> bool:
    """Whether it is a terminal on which lines can be written anew."""
    encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "")
    return stream.isatty() and encoding == "utf8" and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
