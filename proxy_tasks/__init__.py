"""What a program is tried on: small tasks, their models, and training these with a program."""

from proxy_tasks.errors import TaskError
from proxy_tasks.outcome import CHECKPOINTS, NON_FINITE, STOPPED_EARLY, TRAINED, Outcome
from proxy_tasks.registry import TASKS, get
from proxy_tasks.task import Task
from proxy_tasks.trainer import NEVER, Trainer, train

__all__ = [
    "CHECKPOINTS",
    "NEVER",
    "NON_FINITE",
    "STOPPED_EARLY",
    "TASKS",
    "TRAINED",
    "Outcome",
    "Task",
    "TaskError",
    "Trainer",
    "get",
    "train",
]
