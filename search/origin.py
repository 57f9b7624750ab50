"""What a run was begun with, so that one that goes on is not another in silence."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import proxy_tasks
from search.config import Config
from search.errors import SearchError
from search.ray_worker import sources_digest

VERSIONS = ("jax", "jaxlib")  # what the bits of a training depend on, beside the machine and the task


def origin(config: Config, tasks: Mapping[int, proxy_tasks.Task]) -> dict[str, Any]:
    """Versions, platform, and the file of the task if it is one, with its digest; plain values."""
    file = task_file(config.task)
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: metadata.version(name) for name in ("jax", "jaxlib", "numpy")},
        "sources": sources_digest(),
        "tasks": {str(scale): task.version for scale, task in tasks.items()},
        "file": str(file) if file else None,
        "digest": hashlib.sha256(file.read_bytes()).hexdigest() if file else None,
    }


def task_file(name: str) -> Path | None:
    """The file that a task is named by, if it is named by one."""
    place, _, _ = name.rpartition(":")
    return Path(place).resolve() if place.endswith(".py") else None


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
    file = task_file(name)
    if file is None or trust:
        return
    if not file.is_file():
        raise SearchError(f"the task of {directory} was {file}, and there is no such file: put it back")
    if hashlib.sha256(file.read_bytes()).hexdigest() != recorded["digest"]:
        raise SearchError(
            f"{file}, the task of {directory}, has changed since: look at it, then give --trust to run it"
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
