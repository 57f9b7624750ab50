"""Text of programs, tasks, paths and errors, for a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Text that a terminal shows and does not obey: control characters, and what is no text, are replaced; lines stay.

    >>> printable("a\x1b[2Jb\tc\n")
    'a�[2Jb  c\n'
    """
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text.expandtabs(4))


def short(name: str) -> str:
    """The name of a task without the directory of its file.

    >>> short("tasks/mine.py:Mine,batch=8")
    'mine.py:Mine,batch=8'
    """
    place, comma, settings = name.partition(",")
    return f"{place.rpartition('/')[2] if '.py:' in place else place}{comma}{settings}"
