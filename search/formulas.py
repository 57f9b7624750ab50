"""One-line formulas of programs for a view that must not cost much: they are simplified when there is time."""

from __future__ import annotations

import time

import dsl


class Formulas:
    """Formulas by hash; to simplify a program takes from milliseconds to a second, and is done once for each hash.

    Args:
        share: of a core that may be spent on it, on the average since it was made.
    """

    def __init__(self, share: float):
        self._share = share
        self._began = time.monotonic()
        self._spent = 0.0
        self._known: dict[str, tuple[dsl.Program, str]] = {}
        self._simplified: dict[str, str] = {}

    def known(self, hash: str) -> bool:
        """Whether the program of a hash was given."""
        return hash in self._known

    def give(self, hash: str, program: dsl.Program) -> None:
        """Takes note of a program."""
        pruned = dsl.prune(program)
        self._known[hash] = pruned, dsl.formula(pruned)

    def of(self, hash: str) -> tuple[str, bool]:
        """(formula, whether it is simplified) of a program that was given, as it can be had at once."""
        return (self._simplified[hash], True) if hash in self._simplified else (self._known[hash][1], False)

    def simplify(self, hashes: list[str]) -> None:
        """Simplifies those of them that are not yet, in order, as far as the share goes."""
        for hash in hashes:
            if hash not in self._simplified:
                if self._spent > self._share * (time.monotonic() - self._began):
                    return
                before = time.thread_time()
                self._simplified[hash] = dsl.formula(dsl.simplify(self._known[hash][0]))
                self._spent += time.thread_time() - before
