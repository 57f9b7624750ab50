"""The hash-consed graph that a program's outputs are written in: sums of products of atoms.

A *form* is a linear form, `sum of coefficient * monomial`; a monomial is a product of powers of *atoms*; an atom is an
input or a function of forms. Names, order and dead code are gone by construction. An atom is known by its digest, a
hash of its structure, so that equal pieces of different graphs have equal digests. Coefficients are kept in float64
while they are folded and count in digests as float32, the precision in which programs are trained.
"""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

from dsl.functions import FUNCTIONS
from dsl.types import SCALAR, Type

Monomial = tuple[tuple[int, int], ...]  # ((atom, power), ...), sorted by atom; () is the constant 1

MOST_EXPANDED_TERMS = 8  # a longer sum times a product stays factored, so that nested products cannot blow up
MOST_POWER = 64
SMALLEST, LARGEST = 1e-30, 1e30  # coefficients folded beyond these would flush or overflow in float32
CANCELLED = 1e-13  # what float64 leaves of a coefficient that is zero

_OPCODES = {name: i for i, name in enumerate([*FUNCTIONS, "w", "g", "lr", "state", "sum", "over"])}
MOST_DIGITS = 24  # log10 of what an ordinary number may be multiplied with and still be far from float32's infinity

# log10 of the largest value, whatever the arguments; `over` has it where its argument cannot be negative
_DIGITS = {"sign": 0.0, "tanh": 0.0, "sin": 0.0, "cos": 0.0, "arctan": 0.2, "arcsin": 0.2, "arccos": 0.5, "over": 8.0}
_PARTIAL = frozenset({"arcsin", "arccos"})  # NaN for some finite arguments
_SLOW = frozenset({"sqrt", "cbrt", "arcsinh"})  # grow more slowly than any multiple of the argument
_KEEPING = frozenset({"sqrt", "abs", "cbrt", "arcsinh", "max", "min", "sum"})  # finite if the arguments are, tame too
_NONNEGATIVE = frozenset({"sqrt", "abs", "cosh", "exp", "exp2", "exp10", "norm", "global_norm", "arccos", "arccosh"})
_COMMUTATIVE = frozenset({"+", "*", "max", "min", "dot", "cosine_sim"})


class Form(NamedTuple):
    """A linear form; its type may be larger than that of its terms (a tree of zeros has none)."""

    terms: dict[Monomial, float]
    type: Type


class Atom(NamedTuple):
    """An input, or a function of forms.

    `sum` is a sum used as one factor; `over` is 1 / (x + 1e-8), the right half of a division.
    """

    op: str
    arguments: tuple[Form, ...]
    type: Type
    reads: int  # bit i is set if the value depends on state i
    nonnegative: bool


class Nature(NamedTuple):
    """What is known of the values of an atom while the inputs are finite."""

    tame: bool  # never infinite; it may be NaN
    finite: bool  # neither infinite nor NaN
    bounded: bool  # at most 10 ^ _DIGITS[op] whatever the inputs, or NaN
    growth: float  # where the states that it reads grow, it grows at most this many times as much; if it is tame


class Graph:
    """The atoms of one program, by digest.

    Args:
        finite_states: bit i is set if state i is taken to stay finite.
        tame_states: bit i is set if state i is taken never to be infinite.
    """

    def __init__(self, finite_states: int = 0, tame_states: int = 0):
        self.atoms: dict[int, Atom] = {}
        self.finite_states, self.tame_states = finite_states, tame_states | finite_states
        self.leaned = False  # whether a merge asked for the finiteness of what depends on a state
        self._natures: dict[int, Nature] = {}

    def source(self, op: str, type: Type, index: int = 0) -> Form:
        """An input as a form; states are told apart by `index`."""
        digest = hash((_OPCODES[op], index))
        self.atoms[digest] = Atom(op, (), type, 1 << index if op == "state" else 0, False)
        return Form({((digest, 1),): 1.0}, type)

    def call(self, op: str, arguments: tuple[Form, ...], type: Type) -> Form:
        """A function of forms as an atom; the arguments of commutative functions are sorted."""
        keys = [key(a) for a in arguments]
        if op in _COMMUTATIVE and keys[1] < keys[0]:
            keys.reverse()
            arguments = arguments[::-1]
        digest = hash((_OPCODES[op], *keys))
        if digest not in self.atoms:
            reads = 0
            for a in arguments:
                reads |= self.reads(a)
            nonnegative = op in _NONNEGATIVE or (op in ("over", "sum") and self.nonnegative(arguments[0]))
            self.atoms[digest] = Atom(op, arguments, type, reads, nonnegative)
        return Form({((digest, 1),): 1.0}, type)

    def assume_nothing(self) -> None:
        """Takes no state to be finite from now on, so that what is asked next depends on the forms only."""
        self.finite_states = self.tame_states = 0
        self._natures.clear()

    def nature(self, digest: int) -> Nature:
        """What is known of the values of an atom."""
        waiting = [] if digest in self._natures else [digest]
        while waiting:  # inner atoms first and without recursion: a program may nest a thousand deep
            atom = self.atoms[waiting[-1]]
            monomials = (monomial for a in atom.arguments for monomial in a.terms)
            missing = [inner for monomial in monomials for inner, _ in monomial if inner not in self._natures]
            if missing:
                waiting += missing
            else:
                self._natures[waiting.pop()] = self._nature(atom)
        return self._natures[digest]

    def _nature(self, atom: Atom) -> Nature:
        op, arguments, _, reads, nonnegative = atom
        if not arguments:
            state = op == "state"
            tame, finite = not state or bool(self.tame_states & reads), not state or bool(self.finite_states & reads)
            return Nature(tame, finite, False, float(state))
        keeping = op in _KEEPING
        bounded = nonnegative if op == "over" else op in _DIGITS
        tame = bounded or (keeping and all(self.tame(a) for a in arguments))
        finite = (keeping or (bounded and op not in _PARTIAL)) and all(self.finite(a) for a in arguments)
        growth = max(map(self.growth, arguments)) if keeping and reads and op not in _SLOW else 0.0
        return Nature(tame, finite, bounded, growth)

    def reads(self, form: Form) -> int:
        """Bits of the states the form depends on."""
        found = 0
        for monomial in form.terms:
            for atom, _ in monomial:
                found |= self.atoms[atom].reads
        return found

    def finite(self, form: Form) -> bool:
        """Whether the form is neither infinite nor NaN while the inputs are finite."""
        return self.tame(form) and all(self.nature(atom).finite for monomial in form.terms for atom, _ in monomial)

    def tame(self, form: Form) -> bool:
        """Whether the form is never infinite; a product of two unbounded factors may overflow."""
        self.leaned = self.leaned or self.reads(form) != 0
        for monomial, c in form.terms.items():
            if not all(self.nature(atom).tame for atom, _ in monomial):
                return False
            if self._digits(monomial, c) > MOST_DIGITS or sum(power for _, power in self._unbounded(monomial)) > 1:
                return False
        return True

    def _digits(self, monomial: Monomial, c: float) -> float:
        """log10 of the largest product of the coefficient and the bounded factors."""
        bounded = (power * _DIGITS[self.atoms[atom].op] for atom, power in monomial if self.nature(atom).bounded)
        return math.log10(abs(c)) + sum(bounded)

    def _unbounded(self, monomial: Monomial) -> Monomial:
        return tuple((digest, power) for digest, power in monomial if not self.nature(digest).bounded)

    def growth(self, form: Form) -> float:
        """The largest factor, up to a summand, by which a tame form exceeds the states that it reads.

        States whose factors are at most 1 grow no faster than linearly, so that no number of steps overflows them.
        """
        total = 0.0
        for monomial, c in form.terms.items():
            fastest = max((self.nature(digest).growth for digest, _ in self._unbounded(monomial)), default=0.0)
            total += fastest * 10 ** min(self._digits(monomial, c), MOST_DIGITS) if fastest else 0.0
        return total

    def nonnegative(self, form: Form) -> bool:
        """Whether no value of the form can be negative."""
        return all(
            c > 0 and all(power % 2 == 0 or self.atoms[atom].nonnegative for atom, power in monomial)
            for monomial, c in form.terms.items()
        )

    def add(self, a: Form, b: Form) -> Form:
        """a + b. Equal values cancel where they are finite; a partial cancellation stays as it was written.

        Coefficients of opposite signs are folded only where inf - inf cannot arise.
        """
        type = max(a.type, b.type)
        terms = dict(a.terms)
        cancelled = False
        for monomial, c in b.terms.items():
            before = terms.get(monomial)
            if before is None:
                terms[monomial] = c
                continue
            total = before + c
            if (c < 0) != (before < 0) and not self.tame(Form({monomial: before}, type)):
                return self.call("+", (a, b), type)
            if abs(total) <= CANCELLED * abs(before):
                cancelled = True
                del terms[monomial]
            elif SMALLEST < abs(total) < LARGEST:
                terms[monomial] = total
            else:
                return self.call("+", (a, b), type)
        if cancelled and (terms or not self.finite(a)):
            return self.call("+", (a, b), type)
        return Form(terms, type)

    def scale(self, a: Form, c: float) -> Form:
        """c * a. Zero erases only what is finite."""
        if c == 1.0:
            return a
        if c == 0.0:
            return Form({}, a.type) if self.finite(a) else self.call("*", (constant(0.0), a), a.type)
        terms = {monomial: c * before for monomial, before in a.terms.items()}
        if all(SMALLEST < abs(x) < LARGEST for x in terms.values()):
            return Form(terms, a.type)
        return self.call("*", (constant(c), a), a.type)

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
        if len(a.terms) > 1 or len(b.terms) > MOST_EXPANDED_TERMS or a.type is not SCALAR or not self.tame(a):
            a, b = self.factor(a), self.factor(b)
        ((left, scale_left),) = a.terms.items()
        result = Form({}, type)
        for right, scale_right in b.terms.items():
            c = scale_left * scale_right
            merged = self._merge(left, right)
            if merged is None or not SMALLEST < abs(c) < LARGEST:
                return self.call("*", (a, b), type)
            result = self.add(result, self.scale(merged, c))
        return result

    def factor(self, a: Form) -> Form:
        """The form as one term: what its terms share comes out, the rest becomes an atom."""
        if len(a.terms) == 1:
            return a
        shared = self.shared(a)
        rest = {without(monomial, shared): c for monomial, c in a.terms.items()}
        outer, unit = split(Form(rest, max(map(self.type_of, rest))))
        ((monomial, _),) = self.call("sum", (unit,), unit.type).terms.items()
        return Form({tuple(sorted(shared + monomial)): outer}, a.type)

    def shared(self, a: Form) -> Monomial:
        """The largest divisor of all terms that cannot be infinite: with inf, x * y - x * z is not x * (y - z)."""
        shared = common(list(a.terms))
        return tuple((atom, power) for atom, power in shared if self.tame(self.form_of(atom)))

    def _merge(self, left: Monomial, right: Monomial) -> Form | None:
        """The product of two monomials; None beyond the largest power. sqrt(x)^2 and abs(x)^2 are rewritten."""
        powers = dict(left)
        rewritten: list[Form] = []
        for atom, power in right:
            total = powers.get(atom, 0) + power
            if total > MOST_POWER:
                return None
            op, arguments = self.atoms[atom][:2]
            if total > 1 and op in ("sqrt", "abs"):
                inner = arguments[0] if op == "abs" else self.absolute(arguments[0])
                rewritten += [inner] * (total // 2 * (2 if op == "abs" else 1))
                total %= 2
            powers[atom] = total
        monomial = tuple(sorted((a, p) for a, p in powers.items() if p))
        merged = Form({monomial: 1.0}, self.type_of(monomial))
        for form in rewritten:
            merged = self.multiply(merged, form)
        return merged

    def form_of(self, digest: int) -> Form:
        """An atom as a form."""
        atom = self.atoms[digest]
        return atom.arguments[0] if atom.op == "sum" else Form({((digest, 1),): 1.0}, atom.type)

    def type_of(self, monomial: Monomial) -> Type:
        """The join of the types of the factors."""
        return max((self.atoms[atom].type for atom, _ in monomial), default=SCALAR)

    def absolute(self, a: Form) -> Form:
        """|a|: the coefficient and what cannot be negative come out, the other factors get an `abs` each."""
        if is_constant(a):
            return Form({m: abs(c) for m, c in a.terms.items()}, a.type)
        if self.nonnegative(a):
            return a
        if len(a.terms) > 1:
            outer, unit = split(a)
            return self.scale(unit if self.nonnegative(unit) else self.call("abs", (unit,), a.type), abs(outer))
        ((monomial, c),) = a.terms.items()
        result = constant(abs(c))
        for digest, power in monomial:
            atom = self.atoms[digest]
            even = power if atom.nonnegative else power - power % 2
            base = self.form_of(digest)
            if even:
                result = self.multiply(result, Form({((digest, even),): 1.0}, atom.type))
            if even < power:
                result = self.multiply(result, self.call("abs", (base,), atom.type))
        return typed(result, a.type)


def constant(c: float, type: Type = SCALAR) -> Form:
    """A number as a form."""
    return Form({(): c} if c else {}, type)


def typed(a: Form, type: Type) -> Form:
    """The same terms, of at least this type."""
    return a if a.type >= type else Form(a.terms, type)


def is_constant(a: Form) -> bool:
    """Whether the form is a number, of whatever type."""
    return not a.terms or (len(a.terms) == 1 and () in a.terms)


def value(a: Form) -> float:
    """The number that a constant form is."""
    return a.terms.get((), 0.0)


def common(monomials: list[Monomial]) -> Monomial:
    """The largest monomial that divides all of these."""
    shared = dict(monomials[0])
    for monomial in monomials[1:]:
        powers = dict(monomial)
        shared = {atom: min(power, powers[atom]) for atom, power in shared.items() if atom in powers}
    return tuple(sorted(shared.items()))


def without(monomial: Monomial, divisor: Monomial) -> Monomial:
    """monomial / divisor."""
    powers = dict(monomial)
    for atom, power in divisor:
        powers[atom] -= power
    return tuple((atom, power) for atom, power in sorted(powers.items()) if power)


def key(a: Form) -> int:
    """Digest of a form; coefficients count as float32."""
    items = sorted((hash(monomial), struct.unpack("<I", struct.pack("<f", c))[0]) for monomial, c in a.terms.items())
    return hash((int(a.type), *(x for item in items for x in item)))


def split(a: Form) -> tuple[float, Form]:
    """(scale, unit) with a = scale * unit, the same unit for all multiples of a form.

    A weighted mean is its own unit, so that what is read as `interp` stays one statement; a sum with a constant or
    with weights that nearly cancel is led by its largest coefficient, one with equal weights by its first. Where the
    quotients of coefficients would leave float32, nothing is divided.
    """
    coefficients = list(a.terms.values())
    largest, smallest = max(map(abs, coefficients)), min(map(abs, coefficients))
    if largest > LARGEST * smallest:
        return 1.0, a
    scale = sum(coefficients)
    equal = all(abs(abs(c) - largest) <= 1e-9 * largest for c in coefficients)
    if equal or () in a.terms or abs(scale) < 0.1 * largest:
        leaders = [
            (hash(m), c) for m, c in a.terms.items() if abs(c) >= (1 - 1e-9) * largest and (m or len(a.terms) == 1)
        ]
        leaders = leaders or [(hash(m), c) for m, c in a.terms.items() if m]
        scale = min(leaders)[1]
    return scale, Form({m: c / scale for m, c in a.terms.items()}, a.type)
