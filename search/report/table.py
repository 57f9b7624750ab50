"""A table of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True)
class Code:
    """A cell that is code.

    Attributes:
        text: of it; its lines stay lines.
    """

    text: str


@dataclass(frozen=True)
class Number:
    """A cell by whose number its row is sorted.

    Attributes:
        value: the number; NaN for none.
        text: how it is shown.
    """

    value: float
    text: str


Cell: TypeAlias = "str | int | Code | Number"


@dataclass(frozen=True)
class Table:
    """Rows under a header.

    Attributes:
        caption: what the table is.
        header: of the columns; the first column names the rows.
        rows: cells, one for each column.
        marked: numbers of the rows that stand out.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    marked: frozenset[int] = field(default=frozenset())
