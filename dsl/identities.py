"""The classes of identities that simplification may use beyond those of the hash (`dsl/algebra.py`)."""

from __future__ import annotations

from enum import Enum


class Identity(Enum):
    """What is lost by an identity; in the order in which simplification takes them up.

    Each value says it as it is reported.
    """

    FINITE = "false only at inf or NaN"
    ROUNDING = "up to rounding"
    EPSILON = "up to the 1e-8 of a division"

    @property
    def tolerance(self) -> float:
        """How far they may lead the weights apart in float64, in units of the way these go (`dsl/agreement.py`)."""
        return 0.03 if self is Identity.EPSILON else 1e-4


NONE: frozenset[Identity] = frozenset()
