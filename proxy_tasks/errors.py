"""The one error of this room: which task, what was wrong, and how to mend it."""

from __future__ import annotations


class TaskError(ValueError):
    """A task that cannot be found, built or given its data."""
