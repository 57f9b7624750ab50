"""Files that subcommands write anew whenever they are asked, and never over anything else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from search.charts import MADE_BY
from search.errors import SearchError


def write(path: Path, make: Callable[[], bytes]) -> Path:
    """Writes a file that says of itself that optsearch made it, over nothing but such a file.

    Args:
        path: of the file.
        make: gives its content, which holds `MADE_BY`; called once nothing is in its way.

    Returns:
        The path.

    Raises:
        SearchError: when another file is there, or it cannot be written.
    """
    try:
        if path.exists() and MADE_BY.encode() not in path.read_bytes():
            raise SearchError(f"{path} exists and was not made by this command: give another file with -o")
        if not path.parent.is_dir():
            raise SearchError(f"{path.parent} is no directory: make it, or give another file with -o")
        path.write_bytes(make())
    except OSError as error:
        raise SearchError(f"{path} cannot be written ({error.strerror}): give another file with -o") from None
    return path
