"""Where what is found once is kept for the user's next runs."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def user_cache(name: str) -> Path:
    """The folder of this name in the cache of optsearch, under `$XDG_CACHE_HOME` or ~/.cache; it need not exist.

    Raises:
        RuntimeError: where the user has no home.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "optsearch" / name


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that all may read, and its folder: no reader sees half of it, whatever interrupts.

    Raises:
        OSError: if it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix="partial-", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.chmod(file.name, 0o644)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def keep(path: Path, content: bytes) -> None:
    """As `write_whole`; a cache that cannot be written is no error."""
    with suppress(OSError):
        write_whole(path, content)
