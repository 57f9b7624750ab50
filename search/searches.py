"""The searches of a run: repeats, at once over the same workers, and restarts from the best (arXiv 2302.06675, 2.2).

A run of one search keeps it in its own journal. Of more, each has a directory below the run's, with a journal that is
what a run of this search alone would have.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search import journal
from search.errors import SearchError
from search.journal import Child, Reader, exists


@dataclass(frozen=True)
class Place:
    """One search of a run.

    Attributes:
        name: "search-2", say, or "restart-1"; "" if it is the only one.
        directory: of its journal.
        seed: of the search.
    """

    name: str
    directory: Path
    seed: int

    def key(self, id: int) -> str:
        """What a child of this search is called in the run: its number, behind the search's name if it has one."""
        return f"{self.name}/{id}" if self.name else str(id)


def places(config: Mapping[str, Any], directory: Path) -> tuple[list[Place], list[Place]]:
    """The searches of a run: (repeats, restarts).

    Args:
        config: of the run, as plain values.
        directory: of the run.
    """
    seed, repeats, restarts = config.get("seed", 0), config.get("repeats", 1), config.get("restarts", 0)
    if (repeats, restarts) == (1, 0):
        return [Place("", directory, seed)], []
    names = [f"search-{number}" for number in range(1, repeats + 1)]
    names += [f"restart-{number}" for number in range(1, restarts + 1)]
    found = [Place(name, directory / name, seed + number) for number, name in enumerate(names)]
    return found[:repeats], found[repeats:]


def begun(config: Mapping[str, Any], directory: Path) -> dict[Place, Reader]:
    """The searches of a run that have a first child, in their order."""
    readers = {
        place: Reader(place.directory)
        for several in places(config, directory)
        for place in several
        if exists(place.directory)
    }
    return {place: reader for place, reader in readers.items() if reader.has_child(0)}


def is_restart(directory: Path) -> bool:
    """Whether a directory is that of a restart: of a search of a run, from the best program before it."""
    return Reader(directory).fact("part", False) and directory.resolve().name.startswith("restart")


def seconds(config: Mapping[str, Any], directory: Path) -> float:
    """Wall-clock time of the searches of a run, interruptions left out; repeats are at work at once."""
    known = {place: reader.seconds() for place, reader in begun(config, directory).items()}
    repeats, restarts = ([known.get(place, 0.0) for place in several] for several in places(config, directory))
    return max(repeats) + sum(restarts)


def best(searches: Mapping[Place, Reader], count: int) -> dict[str, Child]:
    """The first child of each of the `count` best programs of all searches, best first, by its key."""
    found = [(place, child) for place, reader in searches.items() for child in reader.best(count)]
    found.sort(key=lambda pair: pair[1].evaluation.fitness or 0.0)  # of equals, that of the first search
    distinct: dict[Any, tuple[Place, Child]] = {}
    for place, child in found:
        if all(other.hash != child.hash for _, other in distinct.values()):
            distinct.setdefault(child.evaluation.outcomes, (place, child))
    return {place.key(child.id): child for place, child in list(distinct.values())[:count]}


def front(searches: Mapping[Place, Reader]) -> dict[str, tuple[int, Child]]:
    """The Pareto front of length against fitness over all searches, shortest first.

    Returns:
        Key of a child -> (live statements, child): each is better than all that are as short.
    """
    rows = [
        (length, fitness, (place, id)) for place, reader in searches.items() for length, fitness, id in reader.front()
    ]
    return {place.key(id): (length, searches[place].child(id)) for length, _, (place, id) in journal.front(rows)}


def located(config: Mapping[str, Any], directory: Path, key: str) -> tuple[Place, Reader, int]:
    """The search that a child of this key is of, its journal, and the number that it would have there.

    Raises:
        SearchError: when there is no such search.
    """
    name, _, number = key.rpartition("/")
    searches = begun(config, directory)
    found = {place.name: (place, reader) for place, reader in searches.items()}
    if name not in found and name == directory.name:  # as the run that this is a search of calls it
        name = ""
    if found and name not in found:
        places = f"NAME/NUMBER, with NAME one of {', '.join(found)}" if "" not in found else "its number alone"
        raise SearchError(f"there is no child {key}: of this run, write {places}")
    place, reader = found.get(name, (Place("", directory, 0), Reader(directory)))
    return place, reader, int(number)


def digest(config: Mapping[str, Any], directory: Path) -> str:
    """Hash over the committed children of a run, in order; of several searches, over their digests."""
    found = {place.name: reader.digest() for place, reader in begun(config, directory).items()}
    if not found:
        return Reader(directory).digest()
    if "" in found:
        return found[""]
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()
