"""Where what is found once is kept for the user's next runs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def user_cache(name: str) -> Path:
    """The folder of this name in the cache of optsearch, under `$XDG_CACHE_HOME` or ~/.cache; it need not exist.

    Raises:
        RuntimeError: where the user has no home.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "optsearch" / name


def keep(path: Path, content: bytes) -> None:
    """Writes a file whole: no reader sees half of it. A cache that cannot be written is no error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix="partial-", delete=False) as file:
            try:
                file.write(content)
                file.flush()
                os.replace(file.name, path)
            except OSError:
                os.unlink(file.name)
    except OSError:
        pass
