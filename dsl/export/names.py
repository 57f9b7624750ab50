"""Names that the variables of a program may have in exported Python."""

from __future__ import annotations

import builtins
import itertools
import keyword
import re
from collections.abc import Iterable

from dsl.program import Program

_MOST_CHARACTERS = 14  # so that the longest statement, an interp over leaves, fits in a line


def rename(program: Program, reserved: Iterable[str]) -> dict[str, str]:
    """A name for each variable of a program: its own wherever Python and the exported text allow it.

    Args:
        program: any program.
        reserved: names that the exported text uses itself.

    Returns:
        Distinct names of at most 14 ASCII characters, without leading underscores: neither keywords nor builtins nor
        reserved.
    """
    taken = {*keyword.kwlist, *dir(builtins), *reserved}
    names: dict[str, str] = {}
    for name in (*program.inputs, *(statement.target for statement in program.statements)):
        if name not in names:
            names[name] = _free(name, taken)
            taken.add(names[name])
    return names


def _free(name: str, taken: set[str]) -> str:
    base = re.sub(r"[^A-Za-z0-9_]", "", name).lstrip("_")
    if not base or base[0].isdigit():
        base = f"v{base}"
    suffixes = itertools.chain(["", "_"], (f"_{number}" for number in itertools.count(2)))
    candidates = (base[: _MOST_CHARACTERS - len(suffix)] + suffix for suffix in suffixes)
    return next(candidate for candidate in candidates if candidate not in taken)
