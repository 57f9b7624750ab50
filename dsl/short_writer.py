"""Writes a normal form as a program, with several ways tried wherever a sum is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import partial
from itertools import chain

from dsl.canonical import LOST_BY_A_MEAN, Writer, reachable
from dsl.forms import ROUNDING, Form, Monomial, is_constant, split, without
from dsl.length import length, tidy
from dsl.normal import NormalForm
from dsl.program import Argument, Program, Statement, to_constant
from dsl.types import Type

DEEPEST = 10  # sums in sums that are written from the outermost on
MOST_GROUPED = 12  # terms of a sum that is written in groups
MOST_SUMS = 20  # latest sums that may be a part of another
MOST_TRIALS = 200  # ways of writing a sum that are tried in one program; after these the first one is taken

Way = Callable[[], Argument]


def effort(statements: Sequence[Statement]) -> tuple[int, ...]:
    """What it takes to read statements; weights that are added without a factor hide their decay."""
    count, *read = length(statements)
    return count, sum("w" in s.arguments for s in statements if s.function in ("+", "-")), *read


class ShortWriter(Writer):
    """Writes the outputs in a given order, and each sum in the cheapest of several ways.

    Args:
        form: what is written.
        order: of the outputs by their number; 0 is the update.
    """

    def __init__(self, form: NormalForm, order: tuple[int, ...]):
        super().__init__(form)
        self.order, self.trials = order, 0
        self.sums: list[Form] = []  # units that a variable holds a multiple of

    def program(self) -> Program:
        """As `Writer.program`."""
        depths = dict[int, int]()  # of sums in sums that are not written yet
        for digest in reachable(self.form):  # inner ones first, so that a long program is no deep recursion
            op, arguments, *_ = self.atoms[digest]
            within = max((depths.get(atom, 0) for a in arguments for m in a.terms for atom, _ in m), default=0)
            if op in ("sum", "over") and within < DEEPEST:
                depths[digest] = within + 1  # in which scale it is wanted, what it is in will say
            elif op in ("sum", "over"):
                self.argument(arguments[0])
            elif arguments:
                self._atom(digest)
        forms = (self.form.update, *self.form.states)
        written = {number: str(self.argument(forms[number])) for number in self.order}
        outputs = tuple(written[number] for number in range(len(forms)))
        return Program(("w", "g", *self.names, "lr"), tuple(self.statements), outputs)

    def emit(self, function: str, *arguments: Argument) -> str:
        """As `Writer.emit`; where rounding is allowed, numbers with few digits stand for those beside them."""
        if self.form.graph.rounds:
            weight = function == "interp"
            arguments = tuple(a if isinstance(a, str) else tidy(a, weight and i == 2) for i, a in enumerate(arguments))
            if function == "*" and arguments[1] == 1.0:
                return str(arguments[0])
        return super().emit(function, *arguments)

    def _sum(self, form: Form) -> Argument:
        if is_constant(form) or len(form.terms) == 1 or split(form)[1].key in self.units:
            return super()._sum(form)
        name = self._cheapest(chain(self._as_product(form), self._as_parts(form), self._as_multiple(form)))
        scale, unit = split(form)
        self.units.setdefault(unit.key, (name, scale))
        self.sums.append(unit)
        return name

    def product(self, monomial: Monomial, c: float, extra: tuple[Argument, Type] | None = None) -> Argument:
        """As `Writer.product`; a sum among the factors is written in the scale that is the cheapest."""
        sums = [atom for atom, power in monomial if power == 1 and self.atoms[atom].op == "sum"]
        if extra or not sums:
            return super().product(monomial, c, extra)
        largest = max(sums, key=lambda atom: self.atoms[atom].type)
        (unit,) = self.atoms[largest].arguments
        return self._cheapest(self._scaled(without(monomial, ((largest, 1),)), c, unit))

    def _scaled(self, monomial: Monomial, c: float, inner: Form) -> Iterator[Way]:
        """monomial * c * inner, with a coefficient of `inner` made 1."""
        scale, unit = split(inner)
        yield partial(self._with, monomial, c * scale, unit)
        groups = [(m,) for m in inner.terms] + self._groups(inner)
        # the weights keep a coefficient, so that the decay is read off
        freed = [
            self._part(inner, group) for group in groups if () not in group and not any(map(self._of_weights, group))
        ]
        for k in dict.fromkeys(split(part)[0] for part in freed):
            within = Form({m: x / k for m, x in inner.terms.items()}, inner.type)
            yield partial(self._with, monomial, c * k, within)

    def _with(self, monomial: Monomial, c: float, inner: Form) -> Argument:
        return super().product(monomial, c, (self.argument(inner), inner.type))

    def _cheapest(self, ways: Iterator[Way]) -> Argument:
        """The result of the way that takes the fewest statements; of equals, the first."""
        if self.trials >= MOST_TRIALS:
            return next(ways)()
        begun = self._memory()
        best: tuple[tuple[int, ...], Argument, tuple] | None = None
        for way in ways:
            self.trials += 1
            result = way()
            cost = effort(self.statements[len(begun[0]) :])
            if best is None or cost < best[0]:
                best = cost, result, self._memory()
            self.statements, self.calls, self.written, self.units, self.sums = map(copy, begun)
            if self.trials >= MOST_TRIALS:
                break
        assert best is not None
        _, result, (self.statements, self.calls, self.written, self.units, self.sums) = best
        return result

    def _memory(self) -> tuple:
        """What is written so far."""
        return tuple(map(copy, (self.statements, self.calls, self.written, self.units, self.sums)))

    def _as_multiple(self, form: Form) -> Iterator[Way]:
        """A multiple of a sum of terms with coefficients 1 or -1."""
        scale, unit = split(form)
        if abs(abs(scale) - 1) > ROUNDING and all(abs(abs(c) - 1) < ROUNDING for c in unit.terms.values()):
            yield lambda: self._times(self.argument(unit), scale)

    def _as_product(self, form: Form, c: float = 1.0) -> Iterator[Way]:
        """What all terms share, times the rest, times a number."""
        if shared := self._shared(form):
            rest = {without(m, shared): own for m, own in form.terms.items()}
            yield from self._scaled(shared, c, Form(rest, max(map(self.form.graph.type_of, rest))))

    def _shared(self, form: Form) -> Monomial:
        """What all terms share, without weights that a term is a number times: their decay is to be read off."""
        shared = self.form.graph.shared(form)
        if shared in form.terms:
            shared = tuple((atom, power) for atom, power in shared if self.atoms[atom].op != "w")
        return shared

    def _as_parts(self, form: Form) -> Iterator[Way]:
        """The sum of its terms, or of groups of terms and the rest."""
        terms = form.terms
        singles = [self._part(form, [m]) for m in terms]
        yield partial(self._added, singles)
        for chosen in self._groups(form):
            group, rest = self._part(form, chosen), self._part(form, [m for m in terms if m not in chosen])
            yield partial(self._added, [group, rest])
            if len(rest.terms) > 1:
                yield partial(self._added, [group, *(self._part(rest, [m]) for m in rest.terms)])

    def _part(self, form: Form, chosen: Sequence[Monomial]) -> Form:
        return Form({m: form.terms[m] for m in chosen}, max(map(self.form.graph.type_of, chosen)))

    def _groups(self, form: Form) -> list[tuple[Monomial, ...]]:
        """Terms that are a multiple of a known sum, or share a factor, or have coefficients of one size."""
        found = dict[tuple[Monomial, ...], None]()
        if len(form.terms) > MOST_GROUPED:
            return []
        for unit in self.sums[-MOST_SUMS:]:
            if unit.terms.keys() < form.terms.keys():
                ratios = [form.terms[m] / c for m, c in unit.terms.items()]
                if max(ratios) - min(ratios) <= ROUNDING * abs(ratios[0]):
                    found[tuple(unit.terms)] = None
        counted = Counter(atom for monomial in form.terms for atom, _ in monomial)
        for atom in sorted(counted):
            group = tuple(m for m in form.terms if any(a == atom for a, _ in m))
            if 1 < len(group) < len(form.terms):
                found[group] = None
        for c in form.terms.values():
            group = tuple(m for m, d in form.terms.items() if m and abs(abs(d) - abs(c)) <= ROUNDING * abs(c))
            if 1 < len(group) < len(form.terms):
                found[group] = None
        return list(found)

    def _added(self, parts: list[Form]) -> Argument:
        """The sum of forms: an interp where that saves a statement, else one after the other."""
        scaled = sorted(map(split, parts), key=lambda part: (-abs(part[0]), part[1].key))
        total = sum(scale for scale, _ in scaled)
        if len(scaled) == 2 and abs(total - 1) < LOST_BY_A_MEAN and self._of_one_kind(*(unit for _, unit in scaled)):
            (c, memory), (d, new) = sorted(scaled, key=lambda part: not self.form.graph.reads(part[1]))
            weight = to_constant(c / total)
            if min(abs(abs(c) - 1), abs(abs(d) - 1)) > ROUNDING and abs((1 - weight) * total / d - 1) <= LOST_BY_A_MEAN:
                return self.emit("interp", self.argument(new), self.argument(memory), weight)
        result: Argument | None = None
        for c, unit in sorted(scaled, key=lambda part: part[0] < 0):
            if result is None:
                result = self._multiple(unit, c)
            elif abs(c + 1) < ROUNDING and not is_constant(unit):
                result = self.emit("-", result, self.argument(unit))
            else:
                result = self.emit("+", result, self._multiple(unit, c))
        assert result is not None
        return result

    def _of_one_kind(self, a: Form, b: Form) -> bool:
        """Whether a mean of the two says something: not with a number, and not of weights with what changes them."""
        weights = [any(map(self._of_weights, unit.terms)) for unit in (a, b)]
        return not (is_constant(a) or is_constant(b)) and weights[0] == weights[1]

    def _of_weights(self, monomial: Monomial) -> bool:
        return any(self.atoms[atom].op == "w" for atom, _ in monomial)

    def _multiple(self, unit: Form, c: float) -> Argument:
        if len(unit.terms) == 1:
            ((monomial, own),) = unit.terms.items()
            return self.product(monomial, own * c)
        if unit.key not in self.units and self._shared(unit):
            return self._cheapest(self._as_product(unit, c))
        return self._times(self.argument(unit), c)
