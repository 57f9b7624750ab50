"""The shortest program that a normal form is found to be written as."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, permutations, product

from dsl.canonical import Writer, reachable
from dsl.forms import ROUNDING, Form, split
from dsl.liveness import prune
from dsl.normal import NormalForm
from dsl.program import Program
from dsl.ranges import Range
from dsl.roles import roles
from dsl.short_writer import ShortWriter, effort
from dsl.states import System, in_scales
from dsl.wording import worded

MOST_SCALINGS = 10  # choices of the scales of the states
LARGE = 100  # functions in a normal form that is written in one way
MOST_WORDED = 2000  # statements
MOST_ORDERS = 3  # in which the outputs are written
MOST_WRITTEN = 600  # functions in all that is tried


def shortest(form: NormalForm) -> Program:
    """The shortest of the programs that are tried: a function of the normal form."""
    if len(reachable(form)) > LARGE:
        program = Writer(form).program()
        return worded(program, roles(form)) if len(program) <= MOST_WORDED else program
    found = []
    orders = list(islice(permutations(range(len(form.states) + 1)), MOST_ORDERS))
    ways = ((scaled, order) for scaled in _scalings(form) for order in orders)
    for scaled, order in islice(ways, MOST_WRITTEN // (1 + len(reachable(form)))):
        program = prune(ShortWriter(scaled, order).program())
        statements, *read = effort(program.statements)
        # a state leaves the scale in which it is a mean for less to do only, not for less to read
        found.append(((statements, scaled is not form, *read, str(program)), program))
    return worded(min(found)[1], roles(form))


def _scalings(form: NormalForm) -> Iterator[NormalForm]:
    """The normal form with its states in other scales: those in which a coefficient becomes 1, or a sum a mean."""
    yield form
    graph, states = form.graph, dict[int, Form]()
    forms = (form.update, *form.states, *(a for digest in reachable(form) for a in graph.atoms[digest].arguments))
    for digest in {digest for a in forms for monomial in a.terms for digest, _ in monomial}:
        if graph.atoms[digest].op == "state":
            states[graph.atoms[digest].number] = graph.form_of(digest)
    tried = [_scales(form, number, state) for number, state in sorted(states.items())]
    system = System(form.update, states, dict(enumerate(form.states)))
    for chosen in islice(product(*tried), 1, MOST_SCALINGS):
        scales = dict(zip(sorted(states), chosen, strict=True))
        bounds = {n: _divided(graph.ranges.of(states[n]), scale) for n, scale in scales.items()}
        scaled = in_scales(graph, system, scales, bounds)
        yield NormalForm(graph, scaled.update, tuple(scaled.after.values()), form.digest)


def _scales(form: NormalForm, number: int, state: Form) -> list[float]:
    """1 first, then what the state may be divided by."""
    ((own, _),) = state.terms.items()
    after = form.states[number].terms
    rest = 1 - after.get(own, 0.0)
    found = [abs(c) for monomial, c in after.items() if monomial != own]
    found += [c / abs(rest) for c in found if abs(rest) > ROUNDING]
    found.append(abs(split(form.states[number])[0]))
    return list(dict.fromkeys([1.0, *(c for c in found if abs(c - 1) > ROUNDING)]))


def _divided(bounds: Range, scale: float) -> Range:
    return Range(bounds.low / scale, bounds.high / scale, bounds.nan)
