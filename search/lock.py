"""One driver a run: a lock on its directory that goes with the process, however that ends."""

from __future__ import annotations

import os
from pathlib import Path


class Lock:
    """Held from the beginning until `release`.

    Args:
        directory: of the run.

    Raises:
        BlockingIOError: while another process holds it.
    """

    def __init__(self, directory: Path):
        self._descriptor: int | None = None
        try:
            import fcntl
        except ImportError:  # not on Windows
            return
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise
        except OSError:  # a file system without locks
            os.close(descriptor)
            return
        self._descriptor = descriptor

    def release(self) -> None:
        """Lets others have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
