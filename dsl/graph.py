"""The hash-consed graph that programs are written in: sums of products of atoms.

An *atom* is an input or a function of forms (`dsl/forms.py`), known by its digest, a hash of its structure: names,
order and dead code are gone by construction, and equal pieces of different programs are one atom.
"""

from __future__ import annotations

from typing import NamedTuple

from dsl.forms import (
    LARGEST,
    SMALLEST,
    Form,
    Monomial,
    common,
    constant,
    is_constant,
    mantissa_and_exponent,
    settled,
    single,
    split,
    typed,
    value,
    without,
)
from dsl.functions import FUNCTIONS
from dsl.identities import NONE, Identity
from dsl.ranges import Range, Ranges
from dsl.types import SCALAR, Type

MOST_EXPANDED_TERMS = 8  # a longer sum times a product stays factored, so that nested products cannot blow up
MOST_POWER = 64  # a product of more equal factors stays as it was written; so does one of few large powers
CANCELLED = 1e-13  # what float64 leaves of a coefficient that is zero

# By name, so that a function that is added changes no digest.
_OPCODES = {
    name: int.from_bytes(name.encode(), "big") for name in (*FUNCTIONS, "w", "g", "lr", "state", "sum", "over", "zero")
}
_COMMUTATIVE = frozenset({"+", "*", "max", "min", "dot", "cosine_sim"})

Piece = int | Monomial | Form  # an atom by its digest, a product of atoms, or a form


class Atom(NamedTuple):
    """An input, or a function of forms.

    `sum` is a sum used as one factor; `over` is 1 / (x + 1e-8), the right half of a division; `zero` is 0 * x for an x
    that may be infinite or NaN.
    """

    op: str
    arguments: tuple[Form, ...]
    type: Type
    reads: int  # bit i is set if the value depends on state i
    given: Range | None = None  # of an input

    @property
    def number(self) -> int:
        """Number of a state."""
        return self.reads.bit_length() - 1


class Graph:
    """The atoms of any number of programs, by digest, and the algebra of the forms over them.

    Args:
        identities: the classes that are used beyond those that keep the bits of what a training comes to.
    """

    def __init__(self, identities: frozenset[Identity] = NONE) -> None:
        self.atoms: dict[int, Atom] = {}
        self.ranges = Ranges(self.atoms, finite=Identity.FINITE in identities)
        self.rounds = Identity.ROUNDING in identities
        self.drops_epsilon = Identity.EPSILON in identities
        self.calls: dict[tuple, Form] = {}  # what `dsl.algebra.call` has found
        self.rewritten: dict[tuple, dict[Piece, Form]] = {}  # and `dsl.states`: what becomes of pieces
        self.bounds: dict[tuple, dict[int, Range]] = {}  # and the ranges that states never leave
        self._sources: dict[tuple, Form] = {}
        self._assuming: dict[tuple, Ranges] = {}

    def source(self, op: str, type: Type, given: Range, number: int = 0) -> Form:
        """An input as a form; states are told apart by their numbers and by what is known of their values."""
        known = self._sources.get((op, number, given))
        if known is None:
            bounds = (*mantissa_and_exponent(given.low), *mantissa_and_exponent(given.high))
            digest = hash((_OPCODES[op], number, *bounds, given.nan))
            self.atoms[digest] = Atom(op, (), type, 1 << number if op == "state" else 0, given)
            known = self._sources[op, number, given] = Form({((digest, 1),): 1.0}, type)
        return known

    def assuming(self, states: dict[int, Range]) -> Ranges:
        """The ranges that atoms have if the states, by number, have these."""
        key = tuple(states.items())
        if key not in self._assuming:
            self._assuming[key] = Ranges(self.atoms, states, self.ranges, self.ranges.finite)
        return self._assuming[key]

    def atom(self, op: str, arguments: tuple[Form, ...], type: Type) -> Form:
        """A function of forms as an atom; the arguments of commutative functions are sorted."""
        keys = [a.key for a in arguments]
        if op in _COMMUTATIVE and keys[1] < keys[0]:
            keys.reverse()
            arguments = arguments[::-1]
        digest = hash((_OPCODES[op], *keys))
        if digest not in self.atoms:
            reads = 0
            for a in arguments:
                reads |= self.reads(a)
            self.atoms[digest] = Atom(op, tuple(map(settled, arguments)), type, reads)
        return Form({((digest, 1),): 1.0}, type)

    def reads(self, form: Form) -> int:
        """Bits of the states the form depends on."""
        if form.reads is None:
            found, atoms = 0, self.atoms
            for monomial in form.terms:
                for atom, _ in monomial:
                    found |= atoms[atom].reads
            form.reads = found
        return form.reads

    def independent(self, form: Form) -> Form:
        """The terms that read no state."""
        if form.independent is None:
            form.independent, atoms = Form({}, form.type), self.atoms
            for monomial, c in form.terms.items():
                if not any([atoms[atom].reads for atom, _ in monomial]):
                    form.independent.terms[monomial] = c
        return form.independent

    def add(self, a: Form, b: Form) -> Form:
        """a + b. Equal values cancel where they are finite; a partial cancellation stays as it was written.

        Coefficients of opposite signs are folded only where inf - inf cannot arise.
        """
        if not (a.terms and b.terms):
            return typed(b, a.type) if b.terms else typed(a, b.type)
        type = max(a.type, b.type)
        terms = dict(a.terms)
        opposite: dict[Monomial, float] = {}
        cancelled = False
        for monomial, c in b.terms.items():
            before = terms.get(monomial)
            if before is None:
                terms[monomial] = c
                continue
            total = before + c
            if (c < 0) != (before < 0):
                opposite[monomial] = before
            if abs(total) <= CANCELLED * abs(before):
                cancelled = True
                del terms[monomial]
            elif SMALLEST < abs(total) < LARGEST:
                terms[monomial] = total
            else:
                return self.atom("+", (a, b), type)
        if cancelled and not terms:
            return typed(self.scale(a, 0.0), type)
        if not self.rounds and (cancelled or (opposite and not self.ranges.of(Form(opposite, type)).tame)):
            return self.atom("+", (a, b), type)
        return Form(terms, type)

    def scale(self, a: Form, c: float) -> Form:
        """c * a. Zero erases only what is finite."""
        if c == 1.0:
            return a
        if c == 0.0:
            return Form({}, a.type) if self.ranges.of(a).finite else self.zero(a)
        if (atom := single(a)) is not None and self.atoms[atom].op == "zero":
            return a
        terms = {}
        for monomial, before in a.terms.items():
            terms[monomial] = scaled = c * before
            if not SMALLEST < abs(scaled) < LARGEST:
                return self.atom("*", (constant(c), a), a.type)
        return Form(terms, a.type)

    def zero(self, a: Form) -> Form:
        """0 * a for what may be infinite or NaN: it is NaN where an atom of it is, and depends on nothing else."""
        risky: dict[Monomial, float] = {}
        for monomial in a.terms:
            if self.ranges.of(Form({monomial: 1.0}, a.type)).finite:
                continue
            factors = [atom for atom, _ in monomial if not self.ranges.of_atom(atom).finite]
            for atom in factors:
                inner = self.atoms[atom]
                terms = inner.arguments[0].terms if inner.op == "zero" else {((atom, 1),): 1.0}
                risky |= dict.fromkeys(terms, 1.0)
            if not factors:  # finite each, but not their product
                risky[monomial] = 1.0
        risky = risky or dict.fromkeys(a.terms, 1.0)  # finite each, but not their sum
        type = max(map(self.type_of, risky))
        return typed(self.atom("zero", (Form(risky, type),), type), a.type)

    def multiply(self, a: Form, b: Form) -> Form:
        """a * b: products are merged, numbers and scalar products are distributed over sums, other sums are factors.

        What may be infinite is not distributed: inf * (x - y) is infinite, inf * x - inf * y is NaN.
        """
        if is_constant(b):
            a, b = b, a
        type = max(a.type, b.type)
        if is_constant(a):
            return typed(self.scale(b, value(a)), type)
        if len(b.terms) == 1:
            a, b = b, a
        if (
            len(a.terms) > 1
            or len(b.terms) > MOST_EXPANDED_TERMS
            or (len(b.terms) > 1 and not self.rounds and (a.type is not SCALAR or not self.ranges.of(a).tame))
        ):
            a, b = self.factor(a), self.factor(b)
        ((left, scale_left),) = a.terms.items()
        result = Form({}, type)
        for right, scale_right in b.terms.items():
            c = scale_left * scale_right
            merged = self._merge(left, right)
            if merged is None or not SMALLEST < abs(c) < LARGEST:
                return self.atom("*", (a, b), type)
            result = self.add(result, self.scale(merged, c)) if result.terms else self.scale(merged, c)
        return typed(result, type)

    def factor(self, a: Form) -> Form:
        """The form as one term: what its terms share comes out, the rest becomes an atom."""
        if len(a.terms) == 1:
            return a
        shared = self.shared(a)
        rest = {without(monomial, shared): c for monomial, c in a.terms.items()} if shared else a.terms
        outer, unit = split(Form(rest, max(map(self.type_of, rest))))
        ((monomial, _),) = self.atom("sum", (unit,), unit.type).terms.items()
        ((factor, _),) = monomial
        powers = dict(shared)
        powers[factor] = powers.get(factor, 0) + 1  # the rest may be a factor of `shared`
        return Form({tuple(sorted(powers.items())): outer}, a.type)

    def shared(self, a: Form) -> Monomial:
        """The largest divisor of all terms that cannot be infinite: with inf, x * y - x * z is not x * (y - z)."""
        shared = common(list(a.terms))
        return tuple([(atom, power) for atom, power in shared if self.ranges.of_atom(atom).tame])

    def _merge(self, left: Monomial, right: Monomial) -> Form | None:
        """The product of two monomials; None beyond the largest power."""
        powers = dict(left)
        for atom, power in right:
            powers[atom] = powers.get(atom, 0) + power
            if powers[atom] > MOST_POWER:
                return None
        rewritten: list[Form] = []
        for atom, _ in left + right:
            op, arguments, *_ = self.atoms[atom]
            if op == "zero":
                whole = tuple(sorted(powers.items()))
                return self.zero(Form({whole: 1.0}, self.type_of(whole)))
            if op in ("sqrt", "abs", "sign"):
                rewritten += self._reduce(op, arguments[0], atom, powers)
        monomial = tuple(sorted([(a, p) for a, p in powers.items() if p]))
        merged = Form({monomial: 1.0}, self.type_of(monomial))
        for form in rewritten:
            merged = self.multiply(merged, form)
        return merged

    def _reduce(self, op: str, a: Form, digest: int, powers: dict[int, int]) -> list[Form]:
        """Takes what is more than needed from the powers of sqrt(a), abs(a) or sign(a); returns what stands for it."""
        power = powers[digest]
        powers[digest] = power % 2
        if op == "sqrt":
            return [self.absolute(a)] * (power // 2)
        if op == "abs":
            return [a] * (power - power % 2)
        idempotent = self.ranges.of_atom(digest).low >= 0
        powers[digest] = (1 if idempotent else 2 - power % 2) if power else 0
        x = single(a)
        x = self.digest("sum", a) if x is None else x
        for inner in (x, self.digest("abs", a)):
            if powers.get(inner) and powers[digest]:  # x * sign(x) is |x|, |x| * sign(x) is x, x * sign(x)^2 is x
                odd = powers[digest] % 2
                powers[digest] = 0
                powers[inner] -= odd
                return [self.absolute(a) if inner == x else a] * odd
        return []

    @staticmethod
    def digest(op: str, a: Form) -> int:
        """What the call of a function of one argument is known by."""
        return hash((_OPCODES[op], a.key))

    def form_of(self, digest: int) -> Form:
        """An atom as a form."""
        atom = self.atoms[digest]
        return atom.arguments[0] if atom.op == "sum" else Form({((digest, 1),): 1.0}, atom.type)

    def type_of(self, monomial: Monomial) -> Type:
        """The join of the types of the factors."""
        join, atoms = SCALAR, self.atoms
        for atom, _ in monomial:
            if atoms[atom].type > join:
                join = atoms[atom].type
        return join

    def absolute(self, a: Form) -> Form:
        """|a|: the coefficient and what cannot be negative come out, the other factors get an `abs` each."""
        if is_constant(a):
            return Form({m: abs(c) for m, c in a.terms.items()}, a.type)
        bounds = self.ranges.of(a)
        if bounds.low >= 0 or bounds.high <= 0:
            return a if bounds.low >= 0 else self.scale(a, -1.0)
        if len(a.terms) > 1:
            outer, unit = split(a)
            return self.scale(self.atom("abs", (unit,), a.type), abs(outer))
        ((monomial, c),) = a.terms.items()
        result = constant(abs(c))
        for digest, power in monomial:
            type = self.atoms[digest].type
            even = power if self.ranges.of_atom(digest).low >= 0 else power - power % 2
            if even:
                result = self.multiply(result, Form({((digest, even),): 1.0}, type))
            if even < power:
                result = self.multiply(result, self._size(digest, type))
        return typed(result, a.type)

    def _size(self, digest: int, type: Type) -> Form:
        if self.ranges.of_atom(digest).high <= 0:
            return Form({((digest, 1),): -1.0}, type)
        if self.atoms[digest].op == "sign":  # |sign(x)| is 0 only where x is
            return Form({((digest, 2),): 1.0}, type)
        return self.atom("abs", (self.form_of(digest),), type)
