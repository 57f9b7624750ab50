"""What a program is tried on: small tasks, their models, and training these with a program.

JAX is imported with the first name that needs it: whoever only reads the outcomes of a run goes without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from proxy_tasks.errors import TaskError
from proxy_tasks.naming import several
from proxy_tasks.outcome import CHECKPOINTS, NEVER, NON_FINITE, STOPPED_EARLY, TRAINED, Outcome

if TYPE_CHECKING:
    from proxy_tasks.combination import Combination, trainer_of
    from proxy_tasks.registry import TASKS, get, get_all
    from proxy_tasks.task import Task, fingerprint
    from proxy_tasks.trainer import Trainer, train

__all__ = [
    "CHECKPOINTS",
    "NEVER",
    "NON_FINITE",
    "STOPPED_EARLY",
    "TASKS",
    "TRAINED",
    "Combination",
    "Outcome",
    "Task",
    "TaskError",
    "Trainer",
    "fingerprint",
    "get",
    "get_all",
    "several",
    "train",
    "trainer_of",
]

_NEEDS_JAX = {
    "Combination": "combination",
    "TASKS": "registry",
    "Task": "task",
    "Trainer": "trainer",
    "fingerprint": "task",
    "get": "registry",
    "get_all": "registry",
    "train": "trainer",
    "trainer_of": "combination",
}


def __getattr__(name: str) -> Any:
    if name not in _NEEDS_JAX:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_NEEDS_JAX[name]}"), name)
