"""Where what is found once is kept for the user's next runs."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache(name: str) -> Path:
    """The folder of this name in the cache of optsearch, under `$XDG_CACHE_HOME` or ~/.cache; it need not exist.

    Raises:
        RuntimeError: where the user has no home.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "optsearch" / name
