"""Where a run reports: a picture on a terminal, plain lines elsewhere, or JSON for machines."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from search.live.line import line as line_of
from search.live.view import View, iso
from search.printable import printable
from search.to_json import to_json

if TYPE_CHECKING:
    from rich.live import Live

SECONDS_ON_TERMINAL, SECONDS_ELSEWHERE = 0.5, 10.0
PATIENCE_S = 2.0  # for a last look


class Console:
    """Where a run reports. That its stream is gone, or takes nothing, makes no difference to the run.

    Args:
        quiet: show nothing.
        stream: takes the lines; standard error if None.
        every: seconds between two lines that say where the run is; a terminal has its own pace.
        as_json: one JSON object a line, with `time` (ISO 8601, UTC) and `event`, for all that is told.

    Attributes:
        terminal: whether it draws.
        every: seconds between two looks at a run.
    """

    def __init__(
        self, quiet: bool = False, stream: TextIO | None = None, every: float = SECONDS_ELSEWHERE, as_json: bool = False
    ):
        self._quiet, self._stream, self._json = quiet, stream or sys.stderr, as_json
        self.terminal = not as_json and _can_draw(self._stream)
        self.every = SECONDS_ON_TERMINAL if self.terminal else every
        self._shown = time.monotonic()
        self._live: Live | None = None

    def line(self, text: str, event: str = "message", **figures: Any) -> None:
        """What stays.

        Args:
            text: for people.
            event: kind of it, in JSON.
            figures: of it, in JSON.
        """
        if self._json:
            self._write(_object(event, text=text, **figures))
        elif self._live:
            from rich.text import Text

            with suppress(OSError, ValueError):
                self._live.console.print(Text(printable(text)), soft_wrap=True)
        else:
            self._write(f"\r\x1b[K{printable(text)}" if self.terminal else printable(text))

    def update(self, text: Callable[[], str], **figures: Any) -> None:
        """A line that the next one replaces; shown now and then."""
        now = time.monotonic()
        if self._quiet or now - self._shown < self.every:
            return
        self._shown = now
        if self._json:
            self._write(_object("progress", text=text(), **figures))
        elif self.terminal:
            self._write(f"\r\x1b[K{printable(text())}", end="")
        else:
            self._write(printable(text()))

    def progress(self, what: str) -> Callable[[int, int], None]:
        """A function that shows work done, of work to do."""
        return lambda done, of: self.update(lambda: f"{what}: {done} of {of}", doing=what, done=done, of=of)

    def show(self, view: View) -> None:
        """Where a run is: a picture that the next one replaces, or a line."""
        if self._live:
            from search.live.panel import panel

            width, height = self._live.console.size
            self._live.update(panel(view, width, height - 1), refresh=True)
        elif self._json:
            self._write(_object("progress", **view.figures()))
        else:
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
        """Shows a run that is under way, from a thread of its own: whoever writes it need not think of it."""
        if self._quiet:
            yield
            return
        from search.live.watching import SHARE, Watcher

        watcher, over = Watcher(directory, SHARE if self.terminal else 0.0), threading.Event()

        def look() -> None:
            while not over.wait(self.every):
                with suppress(Exception):  # whatever becomes of the view, the search goes on
                    self.show(watcher.look())

        thread = threading.Thread(target=look, name="view", daemon=True)
        with self.screen():
            thread.start()
            try:
                yield
            finally:
                over.set()
                thread.join(PATIENCE_S)
                if self._live and not thread.is_alive():
                    with suppress(Exception):
                        self.show(watcher.look())

    def _write(self, text: str, end: str = "\n") -> None:
        if not self._quiet:
            with suppress(OSError, ValueError):  # a terminal that is gone, a pipe that is closed
                print(text, end=end, file=self._stream, flush=True)


def _object(event: str, **figures: Any) -> str:
    return to_json({"time": iso(time.time()), "event": event, **figures})


def _can_draw(stream: TextIO) -> bool:
    """Whether it is a terminal on which lines can be written anew."""
    encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "")
    return stream.isatty() and encoding == "utf8" and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
