"""Directories of runs: one run each, and none is written over."""

from __future__ import annotations

from pathlib import Path

from search.errors import SearchError

RUNS = Path("runs")


def claim(directory: Path) -> Path:
    """Makes a directory for a run, or takes an empty one: nothing is overwritten.

    Raises:
        SearchError: when it is not empty, or cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        taken = any(directory.iterdir())
    except FileExistsError:
        raise SearchError(f"{directory} is a file: give another directory with --out") from None
    except OSError as error:
        raise SearchError(f"the directory {directory} cannot be used: {error.strerror}") from None
    if taken:
        raise SearchError(f"{directory} is not empty: nothing is overwritten; give another directory with --out")
    return directory


def claim_first_free(name: str) -> Path:
    """Makes runs/NAME-1, or the first number that is free: of two runs that start at once each gets its own.

    Raises:
        SearchError: when it cannot be made.
    """
    number = 1
    while True:
        directory = RUNS / f"{name}-{number}"
        try:
            directory.mkdir(parents=True)
            return directory
        except FileExistsError:
            number += 1
        except OSError as error:
            raise SearchError(f"{directory} cannot be made ({error.strerror}): give a directory with --out") from None
