"""One driver a run: a lock on its directory that goes with the process, however that ends."""

from __future__ import annotations

import os
import time
from pathlib import Path

LOOKS, LOOK_S = 10, 0.02  # whoever looks whether it is held has it for microseconds: a driver tries again


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
        for tries_left in reversed(range(LOOKS)):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not tries_left:
                    os.close(descriptor)
                    raise
                time.sleep(LOOK_S)
            except OSError:  # a file system without locks
                os.close(descriptor)
                return
        self._descriptor = descriptor

    def release(self) -> None:
        """Lets others have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def held(directory: Path) -> bool | None:
    """Whether a process holds the lock of a directory; None where that cannot be told."""
    try:
        import fcntl
    except ImportError:
        return None
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False
