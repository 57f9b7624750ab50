"""What a user may change of a built-in task: fields with a meaning, a range and a default for each scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from dsl.checker import nearest
from proxy_tasks.errors import TaskError
from proxy_tasks.schedules import SCHEDULES

S = TypeVar("S", bound="Settings")


def setting(
    default: Any, meaning: str, low: float | None = None, high: float | None = None, choices: Sequence[str] = ()
) -> Any:
    """A field with its meaning, its range (ends included) or its choices."""
    return field(default=default, metadata={"meaning": meaning, "low": low, "high": high, "choices": tuple(choices)})


@dataclass(frozen=True)
class Settings:
    """What every built-in task has; a family adds its own."""

    batch: int = setting(16, "examples a step", 1)
    steps: int = setting(500, "training steps of a candidate", 6)
    schedule: str = setting("cosine", "learning rate over the steps, with peak 1", choices=tuple(SCHEDULES))
    warm_up: float = setting(0.05, "share of the steps in which the learning rate rises", 0, 0.9)


def changed(settings: S, changes: Mapping[str, Any], task: str) -> S:
    """Settings with some of their fields changed.

    Args:
        settings: of a scale of the task.
        changes: field -> value.
        task: its name, for errors.

    Raises:
        TaskError: for an unknown field, or a value of another type or out of range.
    """
    known = {part.name: part for part in fields(settings)}
    for name, value in changes.items():
        if name not in known:
            raise TaskError(f"{task} has no setting {name!r}{nearest(name, known)}; it has {', '.join(known)}")
        usual, metadata = getattr(settings, name), known[name].metadata
        if problem := _problem(value, type(usual), metadata):
            raise TaskError(f"{task}: {name} = {value!r}: {problem} ({metadata['meaning']})")
    return replace(settings, **changes)


def _problem(value: Any, kind: type, metadata: Mapping[str, Any]) -> str:
    """What is wrong with a value; "" if nothing is."""
    fits = isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
    if not fits:
        expected = {bool: "True or False", int: "a whole number", float: "a number", str: "text"}[kind]
        return f"write {expected}"
    if metadata["choices"] and value not in metadata["choices"]:
        return f"write {' or '.join(metadata['choices'])}"
    low, high = metadata["low"], metadata["high"]
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        return f"write {low:g} or more" if high is None else f"write {low:g} to {high:g}"
    return ""
