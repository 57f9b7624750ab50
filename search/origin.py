"""What a run was begun with, so that one that goes on is not another in silence."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import proxy_tasks
from search.config import Config
from search.errors import SearchError
from search.ray_worker import sources_digest

VERSIONS = ("jax", "jaxlib")  # what the bits of a training depend on, beside the machine and the task


def origin(config: Config, tasks: Mapping[int, Sequence[proxy_tasks.Task]]) -> dict[str, Any]:
    """Versions, platform, and the files of the tasks that are such, with their digest; plain values."""
    files = task_files(config.task)
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: metadata.version(name) for name in ("jax", "jaxlib", "numpy")},
        "sources": sources_digest(),
        "tasks": {str(scale): " + ".join(task.version for task in several) for scale, several in tasks.items()},
        "files": [str(file) for file in files],
        "digest": _digest(files),
    }


def task_files(text: str) -> list[Path]:
    """The files that tasks are named by."""
    return [file for file in map(task_file, proxy_tasks.several(text)) if file]


def task_file(name: str) -> Path | None:
    """The file that a task is named by, if it is named by one."""
    place, _, _ = name.partition(",")[0].rpartition(":")
    return Path(place).resolve() if place.endswith(".py") else None


def _digest(files: Sequence[Path]) -> str | None:
    """SHA-256 over the contents of files; None for none."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest() if files else None


def check_file(recorded: Mapping[str, Any], name: str, directory: Path, trust: bool) -> None:
    """Refuses to run a task's file that is not the one the run began with.

    Args:
        recorded: `origin()` of the run.
        name: of the task, as it is looked up now: a relative path may lead to another file from another directory.
        directory: of the run.
        trust: do not refuse.

    Raises:
        SearchError: with the name of the file.
    """
    files = task_files(name)
    if trust:
        return
    for file in files:
        if not file.is_file():
            raise SearchError(f"the task of {directory} was {file}, and there is no such file: put it back")
    if _digest(files) != recorded["digest"]:
        raise SearchError(
            f"{' or '.join(map(str, files))}, the task of {directory}, has changed since: look at it, then give --trust"
            " to run it"
        )


def check_versions(
    recorded: Mapping[str, Any], present: Mapping[str, Any], directory: Path, trust: bool, changed: bool
) -> None:
    """Refuses to go on where trainings would have other bits.

    Raises:
        SearchError: with what differs.
    """
    differing = [
        f"{key} was {recorded[key]} and is {present[key]}" for key in VERSIONS if recorded[key] != present[key]
    ]
    if recorded["tasks"] != present["tasks"] and not trust:
        differing.append("its task has another version")
    if differing and not changed:
        raise SearchError(
            f"{directory} would not go on as it began: {', '.join(differing)};"
            " go back to that, or give --changed to go on all the same"
        )
