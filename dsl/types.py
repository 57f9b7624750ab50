"""The three types of the language: SCALAR < LEAFWISE < TREE (the released search space, Hero)."""

from __future__ import annotations

from enum import IntEnum


class Type(IntEnum):
    """What a variable holds; the larger of two types is their join."""

    SCALAR = 0  # one number
    LEAFWISE = 1  # one number for each leaf of the weights
    TREE = 2  # shaped like the weights


SCALAR, LEAFWISE, TREE = Type.SCALAR, Type.LEAFWISE, Type.TREE
