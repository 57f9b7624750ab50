"""A form: a value written as `sum of coefficient * monomial`, and the arithmetic that needs no graph.

A monomial is a product of powers of *atoms*; an atom is known by its digest (`dsl/graph.py`). Coefficients are folded
in float64 and count in digests with 36 bits: the order in which they were folded does not show, other float32 numbers
do.
"""

from __future__ import annotations

import math
from functools import lru_cache

from dsl.types import SCALAR, Type

Monomial = tuple[tuple[int, int], ...]  # ((atom, power), ...), sorted by atom; () is the constant 1

SMALLEST, LARGEST = 1e-30, 1e30  # coefficients folded beyond these would flush or overflow in float32
EQUAL = 1e-9  # relative difference of coefficients that differ by their rounding only
ROUNDING = 1e-6  # relative: a few roundings of float32
SMALL_TOTAL = 0.1  # of the largest coefficient: the sum of weights that nearly cancel

_SPLITTER = 2.0**17 + 1  # of Veltkamp's splitting, which leaves 36 bits of the 53 of a float64


class Form:
    """A linear form; its type may be larger than that of its terms (a tree of zeros has none).

    Attributes:
        terms: the coefficient of each monomial, never 0.
        type: the type of the value.
        reads: what `Graph.reads` has found, or None.
        independent: what `Graph.independent` has found, or None.
    """

    __slots__ = ("terms", "type", "reads", "independent", "_key", "_split")

    def __init__(self, terms: dict[Monomial, float], type: Type):
        self.terms, self.type = terms, type
        self._key: int | None = None
        self._split: tuple[float, Form] | None = None
        self.reads: int | None = None
        self.independent: Form | None = None

    @property
    def key(self) -> int:
        """Digest of the form."""
        if self._key is None:
            terms = frozenset([(monomial, *_digits(c)) for monomial, c in self.terms.items()])
            self._key = hash((int(self.type), terms))
        return self._key


@lru_cache(10_000)
def _digits(c: float) -> tuple[float, int]:
    return mantissa_and_exponent(rounded(c))


def mantissa_and_exponent(c: float) -> tuple[float, int]:
    """To be hashed: hash(c) is hash(c * 2**61), and hash(-1) is hash(-2), so that the exponent is made positive."""
    mantissa, exponent = math.frexp(c)
    return mantissa, exponent + 2000


def rounded(c: float) -> float:
    """c with 36 bits, whatever its exponent."""
    high = c * _SPLITTER
    return high - (high - c)


def constant(c: float, type: Type = SCALAR) -> Form:
    """A number as a form."""
    return Form({(): c} if c else {}, type)


def typed(a: Form, type: Type) -> Form:
    """The same terms, of at least this type."""
    return a if a.type >= type else Form(a.terms, type)


def settled(a: Form) -> Form:
    """The form as its digest determines it, whatever it was made of: coefficients with 36 bits, terms in order."""
    result = Form({monomial: rounded(c) for monomial, c in sorted(a.terms.items())}, a.type)
    result._key = a.key  # it counts no more than these bits
    return result


def is_constant(a: Form) -> bool:
    """Whether the form is a number, of whatever type."""
    return not a.terms or (len(a.terms) == 1 and () in a.terms)


def value(a: Form) -> float:
    """The number that a constant form is."""
    return a.terms.get((), 0.0)


def single(a: Form) -> int | None:
    """The atom that the form is a multiple of, or None."""
    if len(a.terms) == 1:
        (monomial,) = a.terms
        if len(monomial) == 1 and monomial[0][1] == 1:
            return monomial[0][0]
    return None


def common(monomials: list[Monomial]) -> Monomial:
    """The largest monomial that divides all of these."""
    shared = dict(monomials[0])
    for monomial in monomials[1:]:
        if not shared:
            break
        powers = dict(monomial)
        shared = {atom: min(power, powers[atom]) for atom, power in shared.items() if atom in powers}
    return tuple(sorted(shared.items()))


def without(monomial: Monomial, divisor: Monomial) -> Monomial:
    """monomial / divisor."""
    powers = dict(monomial)
    for atom, power in divisor:
        powers[atom] -= power
    return tuple((atom, power) for atom, power in sorted(powers.items()) if power)


def split(a: Form) -> tuple[float, Form]:
    """(scale, unit) with a = scale * unit, the same unit for all multiples of a form.

    A weighted mean is its own unit, so that what is read as `interp` stays one statement; a sum with a constant or
    with weights that nearly cancel is led by its largest coefficient, one with equal weights by its first. Where the
    quotients of coefficients would leave float32, nothing is divided.
    """
    if len(a.terms) == 1:
        ((monomial, scale),) = a.terms.items()
        return (scale, a if scale == 1.0 else Form({monomial: 1.0}, a.type))
    if not a.terms:
        return 1.0, a
    if a._split is None:
        a._split = _split(a)
    return a._split


def _split(a: Form) -> tuple[float, Form]:
    sizes = [abs(c) for c in a.terms.values()]
    largest, smallest = max(sizes), min(sizes)
    if largest > LARGEST * smallest:
        return 1.0, a
    scale = sum(a.terms.values())
    if smallest >= (1 - EQUAL) * largest or () in a.terms or abs(scale) < SMALL_TOTAL * largest:
        leaders = [(hash(m), c) for m, c in a.terms.items() if abs(c) >= (1 - EQUAL) * largest and m]
        leaders = leaders or [(hash(m), c) for m, c in a.terms.items() if m]
        scale = min(leaders)[1]
    return scale, Form({m: c / scale for m, c in a.terms.items()}, a.type)
