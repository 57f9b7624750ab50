"""What becomes of a run at this moment: it is running, has ended, or was interrupted."""

from __future__ import annotations

from pathlib import Path

from search.journal import Reader, exists
from search.lock import held

RUNNING, ENDED, INTERRUPTED = "running", "ended", "interrupted"


def state(directory: Path) -> str:
    """RUNNING; ENDED: there is a winner; INTERRUPTED: there is none, and no process writes the run.

    Where a file system has no locks, a run without a winner counts as running.

    Args:
        directory: of the run; a search that is a part of one is in the state of that.

    Raises:
        SearchError: when there is no run.
        FileNotFoundError: when the directory is gone.
    """
    if Reader(directory).fact("part") and exists(directory.parent):
        directory = directory.parent
    written = held(directory)  # before the winner: a run that ends in between has left it there
    if Reader(directory).fact("winner") is not None:
        return ENDED
    return INTERRUPTED if written is False else RUNNING
