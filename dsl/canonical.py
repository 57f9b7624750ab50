"""The canonical program: the normal form as a program again, which is what is trained in a program's stead."""

from __future__ import annotations

from dsl.forms import LARGEST, ROUNDING, SMALL_TOTAL, SMALLEST, Form, Monomial, is_constant, split, value, without
from dsl.normal import NormalForm, normal_form
from dsl.program import Argument, Program, Statement, expect_program, to_constant
from dsl.types import LEAFWISE, SCALAR, Type

_STATE_NAMES = {1: ("m",), 2: ("m", "v")}  # more are s0, s1, ...

LOST_BY_A_MEAN = 1e-4  # relative: of the light half by the float32 weight; a mean of the program's own lost as much


def canonical(program: Program) -> Program:
    """The canonical program of all programs that share a hash.

    Args:
        program: a program that `dsl.check` accepts.

    Returns:
        A program that computes the same update, step after step, up to rounding; redundant statements and states are
        gone.
    """
    expect_program(program)
    return write(normal_form(program))


def canonical_hash(program: Program) -> str:
    """Hash of the normal form; programs that share it compute the same.

    Args:
        program: a program that `dsl.check` accepts.

    Returns:
        16 hexadecimal digits, the same in every process.
    """
    expect_program(program)
    return f"{normal_form(program).digest & 0xFFFFFFFFFFFFFFFF:016x}"


def write(form: NormalForm) -> Program:
    """Prints a normal form as a program."""
    return named(Writer(form).program())


class Writer:
    """Emits one statement for each distinct piece of a normal form.

    Args:
        form: what is written.
    """

    def __init__(self, form: NormalForm):
        count = len(form.states)
        self.names = _STATE_NAMES.get(count) or tuple(f"s{i}" for i in range(count))
        self.form, self.atoms = form, form.graph.atoms
        self.statements: list[Statement] = []
        self.calls: dict[tuple[Argument, ...], str] = {}  # (function, arguments...) -> its variable
        self.written: dict[int, Argument] = {}  # key of a form -> a constant, or the variable that holds it
        self.units: dict[int, tuple[Argument, float]] = {}  # key of a unit -> a variable that holds a multiple of it
        self.pieces = [a for digest in reachable(form) for a in self.atoms[digest].arguments]
        sums = [*form.states, *self.pieces]
        self.wanted = {split(a)[1].key for a in sums if len(a.terms) > 1}  # units that are written anyway

    def program(self) -> Program:
        """The program, with a variable for each piece, which is set once."""
        for piece in self.pieces:  # inner ones first, so that a long program is no deep recursion
            self.argument(piece)
        outputs = [str(self.argument(form)) for form in (self.form.update, *self.form.states)]
        return Program(("w", "g", *self.names, "lr"), tuple(self.statements), tuple(outputs))

    def emit(self, function: str, *arguments: Argument) -> str:
        """The variable that holds the result; the same call is written once."""
        call = (function, *arguments)
        target = self.calls.get(call)
        if target is None:
            target = self.calls[call] = f"t{len(self.statements) + 1}"
            self.statements.append(Statement(target, function, arguments))
        return target

    def argument(self, form: Form) -> Argument:
        """A constant, or the variable that holds the form."""
        if is_constant(form) and form.type is SCALAR:
            return to_constant(value(form))
        if form.key not in self.written:
            self.written[form.key] = self._of_type(form)
        return self.written[form.key]

    def _of_type(self, form: Form) -> Argument:
        own = max(map(self.form.graph.type_of, form.terms), default=SCALAR)
        result = None
        if form.terms:
            result = self._sum(form if own is form.type else Form(form.terms, own))
        if own is form.type and result is not None:
            return result
        zeros = self.emit("-", "w", "w")  # not w * 0.0: that is -0.0 where w is negative
        if form.type is LEAFWISE:
            zeros = self.emit("norm", zeros)
        return zeros if result is None else self.emit("+", zeros, result)

    def _sum(self, form: Form) -> Argument:
        if is_constant(form):
            return to_constant(value(form))
        if len(form.terms) == 1:
            ((monomial, c),) = form.terms.items()
            return self.product(monomial, c)
        coefficients = [abs(c) for c in form.terms.values()]
        shared = self.form.graph.shared(form) if max(coefficients) < LARGEST * min(coefficients) else ()
        if shared:
            rest = {without(m, shared): c for m, c in form.terms.items()}
            type = max(map(self.form.graph.type_of, rest))
            outer, unit = split(Form(rest, type))
            if unit.key not in self.wanted:  # the factor is multiplied with anyway: one coefficient can be 1
                outer = max(rest.values(), key=abs)
                unit = Form({m: c / outer for m, c in rest.items()}, type)
            unit = Form(dict(sorted(unit.terms.items())), type)  # as the terms of settled forms are
            return self.product(shared, outer, (self.argument(unit), type))
        scale, unit = split(form)
        unit_key = unit.key
        if unit_key in self.units:
            name, known_scale = self.units[unit_key]
            if SMALLEST < abs(scale / known_scale) < LARGEST:
                return self._times(name, scale / known_scale)
        name, factor = self._weighted(form)
        self.units[unit_key] = (name, scale / factor)
        return self._times(name, factor)

    def _weighted(self, form: Form) -> tuple[Argument, float]:
        """A sum of several terms as (name, factor): an interp where that loses nothing, else term by term."""
        terms = sorted(form.terms.items(), key=lambda item: (-abs(item[1]), hash(item[0])))
        total = sum(form.terms.values())
        if len(terms) == 2 and () not in form.terms and abs(total) > SMALL_TOTAL * abs(terms[0][1]):
            (heavy, c), (light, d) = terms
            weight = to_constant(c / total)
            saves = min(abs(abs(c) - 1), abs(abs(d) - 1)) > ROUNDING
            lost = abs((1 - weight) * total / d - 1)  # by the float32 weight
            if saves and lost <= (LOST_BY_A_MEAN if abs(total - 1) < ROUNDING else ROUNDING):
                return self.emit("interp", self.product(light, 1.0), self.product(heavy, 1.0), weight), total
        (monomial, c), *rest = sorted(terms, key=lambda item: item[1] < 0)
        result: Argument = self.product(monomial, c)
        for monomial, c in rest:
            if c == -1.0:
                result = self.emit("-", result, self.product(monomial, 1.0))
            else:
                result = self.emit("+", result, self.product(monomial, c))
        return result, 1.0

    def product(self, monomial: Monomial, c: float, extra: tuple[Argument, Type] | None = None) -> Argument:
        """c * monomial * extra: what is small is multiplied first, the largest type last."""
        small: list[Argument] = []
        large: list[Argument] = []
        divisors: list[Argument] = []
        kind = max(self.form.graph.type_of(monomial), extra[1] if extra else SCALAR)
        for digest, power in monomial:
            atom = self.atoms[digest]
            if atom.op == "over":
                divisors += [self.argument(atom.arguments[0])] * power
            else:
                (large if atom.type is kind else small).append(self._power(self._atom(digest), power))
        if extra:
            (large if extra[1] is kind else small).append(extra[0])
        if kind is SCALAR:
            small, large = [], small + large
        factor: Argument | None = None
        for name in small:
            factor = name if factor is None else self.emit("*", factor, name)
        if factor is not None and c != 1.0:
            factor = self._times(factor, c)
        elif c != 1.0:
            factor = to_constant(c)
        result: Argument | None = None
        for name in large:
            result = name if result is None else self.emit("*", result, name)
        if result is None and divisors:
            result, factor = (factor if factor is not None else 1.0), None
        for name in divisors:
            assert result is not None
            result = self.emit("/", result, name)
        if result is None:
            return factor if factor is not None else 1.0
        if factor is None:
            return result
        return self._times(result, factor) if isinstance(factor, float) else self.emit("*", result, factor)

    def _times(self, name: Argument, c: float) -> Argument:
        c = to_constant(c)
        if c == 1.0:
            return name
        return self.emit("negative", name) if c == -1.0 else self.emit("*", name, c)

    def _power(self, name: Argument, power: int) -> Argument:
        if power == 1:
            return name
        if power == 3:
            return self.emit("cube", name)
        half = self.emit("square", self._power(name, power // 2))
        return self.emit("*", half, name) if power % 2 else half

    def _atom(self, digest: int) -> Argument:
        atom = self.atoms[digest]
        if atom.op in ("w", "g", "lr"):
            return atom.op
        if atom.op == "state":
            return self.names[atom.number]
        if atom.op == "sum":
            return self.argument(atom.arguments[0])
        if atom.op == "zero":
            return self.emit("*", 0.0, self.argument(atom.arguments[0]))
        return self.emit(atom.op, *(self.argument(a) for a in atom.arguments))


def reachable(form: NormalForm) -> list[int]:
    """The functions in a normal form, those of its arguments before each, in an order that depends on nothing else."""
    atoms, found = form.graph.atoms, dict[int, None]()
    stack = [(digest, False) for digest in reversed(_atoms_of((form.update, *form.states)))]
    while stack:
        digest, complete = stack.pop()
        if complete:
            found[digest] = None
        elif digest not in found:
            stack.append((digest, True))
            inner = reversed(_atoms_of(atoms[digest].arguments))
            stack += [(atom, False) for atom in inner if atom not in found and atoms[atom].arguments]
    return list(found)


def _atoms_of(forms: tuple[Form, ...]) -> list[int]:
    return [digest for form in forms for monomial in form.terms for digest, _ in monomial]


def named(program: Program) -> Program:
    """The program with its results named as people name them: `update`, and a new state as the state it replaces."""
    names: dict[Argument, str] = {}
    made = {s.target: i for i, s in enumerate(program.statements)}
    last_read = {argument: i for i, s in enumerate(program.statements) for argument in s.arguments}
    for output, name in zip(program.outputs, ("update", *program.states), strict=True):
        if output in program.inputs or output in names:
            continue
        if last_read.get(name, -1) <= made[output] and name not in program.outputs:
            names[output] = name
    statements = [
        Statement(names.get(target, target), function, tuple([names.get(a, a) for a in arguments]))
        for target, function, arguments in program.statements
    ]
    return Program(program.inputs, tuple(statements), tuple([names.get(name, name) for name in program.outputs]))
