"""Progress for people: one line that is rewritten on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

SECONDS_ON_TERMINAL, SECONDS_ELSEWHERE = 0.5, 10.0


class Console:
    """Where a run reports.

    Args:
        quiet: show nothing.
        stream: takes the lines.
    """

    def __init__(self, quiet: bool = False, stream: TextIO | None = None):
        self._quiet, self._stream = quiet, stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._shown = time.monotonic()

    def line(self, text: str) -> None:
        """One line that stays."""
        if not self._quiet:
            print(f"\r\x1b[K{text}" if self._terminal else text, file=self._stream, flush=True)

    def update(self, text: Callable[[], str]) -> None:
        """A line that the next one replaces; shown now and then."""
        now = time.monotonic()
        if self._quiet or now - self._shown < (SECONDS_ON_TERMINAL if self._terminal else SECONDS_ELSEWHERE):
            return
        self._shown = now
        if self._terminal:
            print(f"\r\x1b[K{text()}", end="", file=self._stream, flush=True)
        else:
            print(text(), file=self._stream, flush=True)

    def progress(self, what: str) -> Callable[[int, int], None]:
        """A function that shows work done, of work to do."""
        return lambda done, of: self.update(lambda: f"{what}: {done} of {of}")
