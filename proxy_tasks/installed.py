"""Tasks that installed packages declare: entry points of one group, read when they are asked for.

[project.entry-points."optsearch.tasks"]
my_task = "package.module:Class"
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata

GROUP = "optsearch.tasks"


@dataclass(frozen=True)
class Declared:
    """A task as a distribution declares it; nothing of it is imported.

    Attributes:
        name: as `proxy_tasks.get` takes it.
        target: "package.module:Class".
        distribution: its name and version.
    """

    name: str
    target: str
    distribution: str


def declared() -> list[Declared]:
    """The tasks that the distributions on `sys.path` declare, by name."""
    found = []
    for point in metadata.entry_points(group=GROUP):
        distribution = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
        found.append(Declared(point.name, point.value, distribution))
    return sorted(found, key=lambda task: (task.name, task.distribution))
