"""Programs that a user names: a known optimizer, or a file."""

from __future__ import annotations

import os
from pathlib import Path

import dsl
from dsl.checker import nearest
from search.errors import SearchError


def read_program(name: str) -> dsl.Program:
    """The program of a name.

    Args:
        name: of a known optimizer, or path of a file that holds a program's text.

    Raises:
        SearchError: for neither, or a file that is no program, with file, line and column.
    """
    if name in dsl.optimizers:
        return dsl.optimizers[name]
    if not os.path.exists(name):
        hint = nearest(name, dsl.optimizers) or f"; the known optimizers are {', '.join(dsl.optimizers)}"
        raise SearchError(f"there is no file and no known optimizer {name!r}{hint}")
    try:
        content = Path(name).read_bytes()
    except OSError as error:
        raise SearchError(f"{name} cannot be read ({error.strerror}): give a file that holds a program") from None
    return parse_text(content, name)


def parse_text(content: bytes, where: str) -> dsl.Program:
    """The program of a text in UTF-8; `where` is what to call the text in errors.

    Raises:
        SearchError: when it is none, with line and column.
    """
    try:
        return dsl.parse(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SearchError(f"{where} is not text in UTF-8 (byte {error.start}): give a program's text") from None
    except dsl.ProgramError as error:
        place = ":".join(str(part) for part in (where, error.line, error.column) if part is not None)
        raise SearchError(f"{place}: {error.message}") from None
