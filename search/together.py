"""Searches side by side in one thread: each goes on until it has to wait, and then it is another one's turn."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

ALLOCATIONS = 20_000  # between two looks for cycles


def together(searches: Sequence[Generator[bool, None, T]], wait: Callable[[], None]) -> list[T]:
    """Runs searches side by side until all have ended.

    Args:
        searches: each yields whether it waits for workers.
        wait: called when all do.

    Returns:
        What they return, in their order.
    """
    ended: dict[int, T] = {}
    with _rare_collections():
        while len(ended) < len(searches):
            waiting = True
            for number, search in enumerate(searches):
                if number not in ended:
                    try:
                        waiting &= next(search)
                    except StopIteration as end:
                        ended[number], waiting = end.value, False
            if waiting:
                wait()
    return [ended[number] for number in range(len(searches))]


@contextmanager
def _rare_collections() -> Iterator[None]:
    """A search makes many objects that stay and few cycles: to look for these as often as Python does costs 7 %."""
    before = gc.get_threshold()
    gc.set_threshold(ALLOCATIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
