"""The states of a normal form, reduced by induction over the training steps.

What a program computes is unchanged when a state that no later update reads goes, when a state that stays zero is zero,
when a state that stays a multiple of another is that multiple, and when states change names and scales. Each is
assumed, the forms are written again under the assumption, and it is kept if one step preserves it: all states start as
zeros. What is written depends on the forms alone, never on how a program came to them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations, permutations
from typing import NamedTuple

from dsl import algebra
from dsl.forms import EQUAL, LARGEST, ROUNDING, SMALLEST, Form, Monomial, constant, single, split, typed
from dsl.graph import Graph, Piece
from dsl.ranges import UNKNOWN, ZERO, Range, Ranges
from dsl.types import TREE

UNREAD = "nothing that reaches the weights reads it before it is set again"
MOST_ROUNDS = 6  # nearly always two, of which the second changes nothing; a few systems go round in circles
MOST_PERMUTED = 4  # of more states, those that nothing tells apart keep the order they came in
PROPORTIONAL = 1e-12  # relative difference of the ratios of states that are multiples of each other
LARGEST_SCALE = 1e6  # a state in a larger scale might leave float32 where it did not

# Bounds that a state is tried for, with the growth in one step that rounding, or a sum that grows linearly, explains:
# no number of steps takes a sum of ordinary numbers out of float32.
_BOUNDS = ((0.0, 0.0), (1.0, 1e-12), (1e18, 2e-6), (1e30, 2e-6), (math.inf, 0.0))

_OF_SIGNED_ZERO = ("reciprocal", "power")  # they tell -0 from +0

_ZEROS = Form({}, TREE)

Meanings = dict[int, Form]  # number of a state -> what stands for it


class System(NamedTuple):
    """One training step: the update, the forms that the states are read as, and what becomes of each, by its number."""

    update: Form
    states: dict[int, Form]
    after: dict[int, Form]

    @property
    def key(self) -> tuple[int, ...]:
        """Equal for systems that are written alike."""
        forms = (self.update, *self.states.values(), *self.after.values())
        return (*self.after, *[form.key for form in forms])


Step = Callable[[Graph, System], System]  # the system it is given, where it has nothing to do


def reduced(graph: Graph, system: System, told: list[str]) -> System:
    """The system without the states that an induction spares, the others numbered 0, 1, ... by what they compute.

    Args:
        graph: of the forms.
        system: a training step.
        told: takes why each state could go.
    """
    unchanged: dict[Step, System] = {}  # what a step leaves as it is, so that it need not be tried again
    for _ in range(MOST_ROUNDS):
        before = system
        for step in (_reached, _without_zeros, _without_multiples, _reached, _signs, _ordered, _scaled, _ordered):
            if unchanged.get(step) is not system:
                given, system = system, step(graph, system)
                told += [_WHY.get(step, "")] * (len(given.after) - len(system.after))
                if system is given:
                    unchanged[step] = given
        if system is before or system.key == before.key:
            break
    return system


def substitute(graph: Graph, system: System, meanings: Meanings, known: dict[Piece, Form]) -> System:
    """The system with other forms in place of its states, which keep their numbers.

    `known` has what stands for other atoms, and gathers what becomes of all pieces.
    """
    for form in system.after.values():  # many systems share these, nearly none an update
        if form not in known:
            known[form] = _replace(graph, form, meanings, known)
    after = {number: known[form] for number, form in system.after.items()}
    return System(_replace(graph, system.update, meanings, known), meanings, after)


def _replace(graph: Graph, form: Form, meanings: Meanings, known: dict[Piece, Form]) -> Form:
    """The form with the states replaced; `known` gathers what became of the pieces."""
    waiting = [atom for monomial in form.terms for atom, _ in monomial]
    while waiting:  # without recursion: a program may nest a thousand deep
        digest = waiting[-1]
        op, arguments, _, reads, given = graph.atoms[digest]
        if digest in known or not reads:
            waiting.pop()
        elif given is not None:
            known[waiting.pop()] = meanings[graph.atoms[digest].number]
        else:
            monomials = (monomial for a in arguments for monomial in a.terms)
            missing = [a for m in monomials for a, _ in m if a not in known and graph.atoms[a].reads]
            if missing:
                waiting += missing
            else:
                known[waiting.pop()] = algebra.rebuild(graph, op, tuple(_rewrite(graph, a, known) for a in arguments))
    return _rewrite(graph, form, known)


def _rewrite(graph: Graph, form: Form, known: dict[Piece, Form]) -> Form:
    if not graph.reads(form):
        return form
    result = kept = graph.independent(form)
    for monomial, c in form.terms.items():
        if monomial not in kept.terms:
            if monomial not in known:
                known[monomial] = _product(graph, monomial, known)
            result = graph.add(result, graph.scale(known[monomial], c))
    return typed(result, form.type)


def _product(graph: Graph, monomial: Monomial, known: dict[Piece, Form]) -> Form:
    product = constant(1.0)
    for atom, power in monomial:
        factor = known.get(atom) or graph.form_of(atom)
        for _ in range(power):
            product = graph.multiply(product, factor)
    return product


def _reached(graph: Graph, system: System) -> System:
    """Without the states that never reach the update."""
    reads = {number: graph.reads(form) for number, form in system.after.items()}
    reached, before = graph.reads(system.update), -1
    while reached != before:
        before = reached
        for number, bits in reads.items():
            if reached >> number & 1:
                reached |= bits
    return _only(system, [number for number in system.after if reached >> number & 1])


def _only(system: System, numbers: list[int]) -> System:
    if len(numbers) == len(system.after):
        return system
    return System(system.update, {n: system.states[n] for n in numbers}, {n: system.after[n] for n in numbers})


def _without_zeros(graph: Graph, system: System) -> System:
    zeros = {number for number, form in system.after.items() if not graph.independent(form).terms}
    while zeros:
        meanings = system.states | dict.fromkeys(zeros, _ZEROS)
        known = graph.rewritten.setdefault(tuple(meanings.items()), {})
        assumed = substitute(graph, system, meanings, known)
        broken = {number for number in zeros if assumed.after[number].terms}
        if not broken:
            return _only(assumed, [number for number in system.after if number not in zeros])
        zeros -= broken
    return system


def _without_multiples(graph: Graph, system: System) -> System:
    while (fewer := _without_a_multiple(graph, system)) is not None:
        system = fewer
    return system


def _without_a_multiple(graph: Graph, system: System) -> System | None:
    independent = {number: graph.independent(form) for number, form in system.after.items()}
    for a, b in combinations(system.after, 2):
        factor = _ratio(independent[a], independent[b])
        if factor is None:
            continue
        kept, gone = a, b
        negative = factor == -1.0 and split(independent[a])[0] < 0
        if abs(factor) < 1 - EQUAL or negative:  # which of them is kept must not depend on their order
            kept, gone, factor = b, a, 1 / factor
        rewritten: dict[Piece, Form] = {}
        meanings = system.states | {gone: graph.scale(system.states[kept], factor)}
        after = {number: _replace(graph, system.after[number], meanings, rewritten) for number in (gone, kept)}
        if after[gone].key != graph.scale(after[kept], factor).key:
            continue
        assumed = substitute(graph, system, meanings, rewritten)
        if factor < 0 and any(graph.atoms[a].op in _OF_SIGNED_ZERO for a in rewritten if isinstance(a, int)):
            continue  # both start as +0; which of the states is read there is not looked for
        return _only(assumed, [number for number in system.after if number != gone])
    return None


def _ratio(a: Form, b: Form) -> float | None:
    """c with b = c * a, or None."""
    if not a.terms or a.terms.keys() != b.terms.keys():
        return None
    ratios = [b.terms[m] / c for m, c in a.terms.items()]
    same = max(ratios) - min(ratios) <= PROPORTIONAL * abs(ratios[0])
    return ratios[0] if same and SMALLEST < abs(ratios[0]) < LARGEST else None


def _signs(graph: Graph, system: System) -> System:
    """Of a state of which no more than the sign is read, no more is kept."""
    forms = (system.update, *system.after.values())
    read = {atom for form in forms for monomial in form.terms for atom, _ in monomial}
    for number, state in system.states.items():
        if single(state) in read:
            continue  # as in a weighted mean
        spare = max(system.states) + 1
        sign = graph.source("state", TREE, UNKNOWN, spare)
        replaced = (graph.digest("sign", state), sign)
        known = graph.rewritten.setdefault((*system.states.items(), replaced), dict([replaced]))
        found = substitute(graph, system, system.states, known)
        if not any(graph.reads(form) >> number & 1 for form in (found.update, *found.after.values())):
            after = {n: form if n != number else algebra.call(graph, "sign", form) for n, form in found.after.items()}
            return _renamed(System(found.update, system.states | {number: sign}, after), number, spare)
    return system


def _renamed(system: System, number: int, new: int) -> System:
    return System(
        system.update,
        {new if n == number else n: form for n, form in system.states.items()},
        {new if n == number else n: form for n, form in system.after.items()},
    )


def _scaled(graph: Graph, system: System) -> System:
    """Each state in the scale in which it is a weighted mean, or else gathers its independent part times 1."""
    scales = {number: _scale(graph, system, number) for number in system.after}
    if all(scale == 1.0 for scale in scales.values()):
        return system
    return in_scales(graph, system, scales, dict.fromkeys(scales, UNKNOWN))


def in_scales(graph: Graph, system: System, scales: dict[int, float], bounds: dict[int, Range]) -> System:
    """Each state as a multiple of one of these bounds."""
    states = {number: graph.source("state", TREE, bounds[number], number) for number in scales}
    scaled = substitute(graph, system, {n: graph.scale(states[n], scale) for n, scale in scales.items()}, {})
    return System(scaled.update, states, {n: graph.scale(scaled.after[n], 1 / scale) for n, scale in scales.items()})


def _scale(graph: Graph, system: System, number: int) -> float:
    form = system.after[number]
    independent = graph.independent(form)
    if not independent.terms:
        scale = 1.0 if graph.reads(form) >> number & 1 else split(form)[0]
    else:
        ((own, _),) = system.states[number].terms.items()
        rest = 1.0 - form.terms.get(own, 0.0)
        scale = split(independent)[0] / (rest if abs(rest) > EQUAL else 1.0)
    scale = abs(scale)  # states start as +0, and reciprocal(-0) is not reciprocal(0)
    return scale if abs(scale - 1.0) > ROUNDING and 1 / LARGEST_SCALE < scale < LARGEST_SCALE else 1.0


def _ordered(graph: Graph, system: System) -> System:
    """The states numbered by what they gather, with what is known of their values; names do not count."""
    bounds = _bounds(graph, system)
    ranks = {number: _rank(graph, form) for number, form in system.after.items()}
    numbers = sorted(system.after, key=ranks.__getitem__)
    if len(set(ranks.values())) == len(numbers) or len(numbers) > MOST_PERMUTED:
        return _numbered(graph, system, numbers, bounds)
    orders = [_numbered(graph, system, list(order), bounds) for order in permutations(numbers)]
    return min(orders, key=lambda found: [found.update.key, *(form.key for form in found.after.values())])


def _numbered(graph: Graph, system: System, numbers: list[int], bounds: dict[int, Range]) -> System:
    states = {number: graph.source("state", TREE, bounds[number], new) for new, number in enumerate(numbers)}
    if numbers == list(system.after) and all(states[n].key == form.key for n, form in system.states.items()):
        return system
    found = substitute(graph, system, states, graph.rewritten.setdefault(tuple(states.items()), {}))
    after = {new: found.after[number] for new, number in enumerate(numbers)}
    return System(found.update, {new: states[number] for new, number in enumerate(numbers)}, after)


def _rank(graph: Graph, form: Form) -> tuple[int, int]:
    """Orders states: what is linear in the gradient, a first moment, comes before what is not."""
    independent = graph.independent(form)
    degree = max((sum(power for _, power in monomial) for monomial in independent.terms), default=0)
    return degree, independent.key


def _bounds(graph: Graph, system: System) -> dict[int, Range]:
    """Ranges that the states never leave; found once for states that become the same."""
    key = (*system.after, *system.states.values(), *system.after.values())
    if key not in graph.bounds:
        graph.bounds[key] = _found_bounds(graph, system)
    return graph.bounds[key]


def _found_bounds(graph: Graph, system: System) -> dict[int, Range]:
    """The ranges they have, or from zero on, widened until one step stays within."""
    given = {number: graph.ranges.of(state) for number, state in system.states.items()}
    if UNKNOWN not in given.values() and _wider(graph.ranges, system, given) == given:
        return given
    ranges = graph.assuming(dict.fromkeys(system.after, ZERO))
    while (wider := _wider(ranges, system, ranges.assumed)) != ranges.assumed:
        ranges = graph.assuming(wider)
    return ranges.assumed


def _wider(ranges: Ranges, system: System, bounds: dict[int, Range]) -> dict[int, Range]:
    return {number: _widened(bounds[number], ranges.of(form)) for number, form in system.after.items()}


def _widened(before: Range, after: Range) -> Range:
    return Range(-_bound(-before.low, -after.low), _bound(before.high, after.high), before.nan or after.nan)


def _bound(before: float, after: float) -> float:
    for bound, growth in _BOUNDS:
        if after <= bound * (1 + growth) and before <= bound:
            break
    return bound


_WHY: dict[Step, str] = {
    _reached: UNREAD,
    _without_zeros: "it starts as zero and stays zero",
    _without_multiples: "it stays a multiple of another, as one step shows",
}
