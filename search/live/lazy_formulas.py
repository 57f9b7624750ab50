"""One-line formulas of programs for a view that must not cost much: they are simplified when there is time."""

from __future__ import annotations

import time
from collections.abc import Sequence

import dsl


class LazyFormulas:
    """Formulas of programs by their names. To simplify one takes from milliseconds to a second, and is done once.

    Args:
        share: of a core that may be spent on it, on the average since this was made.
    """

    def __init__(self, share: float):
        self._share = share
        self._began, self._spent = time.monotonic(), 0.0
        self._given: dict[str, tuple[dsl.Program, str]] = {}
        self._simplified: dict[str, str] = {}

    def known(self, name: str) -> bool:
        """Whether a program was given."""
        return name in self._given

    def give(self, name: str, program: dsl.Program) -> None:
        """Takes note of a program."""
        pruned = dsl.prune(program)
        self._given[name] = pruned, dsl.formula(pruned)

    def of(self, name: str) -> tuple[str, bool]:
        """(formula, whether it is simplified) of a program that was given, as it can be had at once."""
        return (self._simplified[name], True) if name in self._simplified else (self._given[name][1], False)

    def simplify(self, names: Sequence[str]) -> None:
        """Simplifies those of them that are not yet, in order, as long as there is time."""
        for name in names:
            if name not in self._simplified:
                if self._spent > self._share * (time.monotonic() - self._began):
                    return
                before = time.thread_time()
                self._simplified[name] = dsl.formula(dsl.simplify(self._given[name][0]))
                self._spent += time.thread_time() - before
