"""What a program is tried on: small tasks and their models."""

from proxy_tasks.errors import TaskError
from proxy_tasks.registry import TASKS, get
from proxy_tasks.task import Task

__all__ = ["TASKS", "Task", "TaskError", "get"]
