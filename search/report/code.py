"""Code with its words in the colours of the page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

import dsl


@dataclass(frozen=True)
class Block:
    """A block of code that can be copied.

    Attributes:
        name: of its element.
        title: what it is.
        text: what is copied.
        lines: the same, coloured, a line each.
        dead: numbers of the lines that stand back, from 0.
        open: whether it is shown at once.
    """

    name: str
    title: str
    text: str
    lines: list[Markup]
    dead: frozenset[int] = frozenset()
    open: bool = False


def block(name: str, title: str, text: str, language: str, dead: Iterable[int] = (), open: bool = False) -> Block:
    """A block of code.

    Args:
        name: of its element.
        title: what it is.
        text: the code.
        language: that it is in, as pygments calls it.
        dead: numbers of the lines that stand back, from 0.
        open: whether it is shown at once.
    """
    text = text.rstrip("\n")
    lexer = get_lexer_by_name(language, stripnl=False)
    coloured = highlight(text, lexer, HtmlFormatter(nowrap=True, classprefix="t-"))
    return Block(name, title, text, [Markup(line) for line in coloured.rstrip("\n").split("\n")], frozenset(dead), open)  # noqa: S704


def program_block(name: str, title: str, program: dsl.Program, open: bool = False) -> Block:
    """A program, whose dead statements stand back."""
    live = set(dsl.live(program))
    dead = [number + 1 for number in range(len(program)) if number not in live]
    return block(name, title, str(program), "python", dead, open)
