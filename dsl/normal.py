"""The normal form of a program: the update and the new states as forms, with the states reduced by induction.

What a program computes across training steps is unchanged when a state that no later update reads goes, when a state
that stays zero is zero, when a state that stays a multiple of another is that multiple, and when states change names.
Each is assumed, the program is written again under the assumption, and the assumption is kept if one step preserves
it: all states start as zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

from dsl import algebra
from dsl.checker import result_type
from dsl.functions import FUNCTIONS
from dsl.graph import LARGEST, SMALLEST, Form, Graph, constant, key, split
from dsl.liveness import prune
from dsl.program import Program
from dsl.types import SCALAR, TREE

Roles = dict[int, tuple[int, float]]  # position of a state -> (number in the graph, factor); one left out is zero


@dataclass(frozen=True)
class NormalForm:
    """What reaches the weights.

    Attributes:
        graph: the atoms of the forms below; states are numbered 0, 1, ... in it.
        update: the update, a TREE.
        states: each state after the step, TREEs; only states that reach the weights are left.
    """

    graph: Graph
    update: Form
    states: tuple[Form, ...]

    @property
    def digest(self) -> int:
        """A number that programs share when their normal forms are the same."""
        return hash((key(self.update), *map(key, self.states)))


@dataclass(frozen=True)
class _Written:
    graph: Graph
    update: Form
    after: list[Form]  # each state after the step


def normal_form(program: Program) -> NormalForm:
    """The normal form of a program that `dsl.check` accepts."""
    pruned = prune(program)
    positions = tuple(range(len(pruned.states)))
    while True:
        roles: Roles = {position: (number, 1.0) for number, position in enumerate(positions)}
        written = _write(pruned, roles)
        roles, written = _without_zeros(pruned, roles, written)
        roles, written = _without_multiples(pruned, roles, written)
        reached = _reached(roles, written)
        if len(reached) == len(_free(roles)):
            return _ordered(pruned, roles, written)
        positions = tuple(i for i, (number, _) in roles.items() if number in reached)


def _write(program: Program, roles: Roles) -> _Written:
    """Writes the program as forms, with what an induction shows of the finiteness of its states."""
    finite = tame = set(_free(roles))
    while True:
        written = _write_once(program, roles, *(sum(1 << roles[i][0] for i in s) for s in (finite, tame)))
        graph, after = written.graph, written.after
        if not graph.leaned:  # what was assumed was never used
            return written
        still_tame = {i for i in tame if graph.tame(after[i]) and graph.growth(after[i]) <= 1 + 1e-6}
        still_finite = {i for i in finite & still_tame if graph.finite(after[i])}
        if (still_finite, still_tame) == (finite, tame):
            return written
        finite, tame = still_finite, still_tame


def _write_once(program: Program, roles: Roles, finite_states: int = 0, tame_states: int = 0) -> _Written:
    graph = Graph(finite_states, tame_states)
    values: dict[str, Form] = dict.fromkeys(program.states, Form({}, TREE))
    for position, (number, factor) in roles.items():
        values[program.states[position]] = graph.scale(graph.source("state", TREE, number), factor)
    values[program.inputs[0]] = graph.source("w", TREE)
    values[program.inputs[1]] = graph.source("g", TREE)
    values[program.inputs[-1]] = graph.source("lr", SCALAR)
    for statement in program.statements:
        arguments = tuple(values[a] if isinstance(a, str) else constant(a) for a in statement.arguments)
        type = result_type(FUNCTIONS[statement.function], [a.type for a in arguments])
        assert type is not None, f"{statement} was not checked"
        values[statement.target] = algebra.call(graph, statement.function, arguments, type)
    after = [values[name] for name in program.outputs[1:]]
    return _Written(graph, values[program.outputs[0]], after)


def _free(roles: Roles) -> list[int]:
    """Positions of the states that are kept; a multiple of another has its number."""
    first: dict[int, int] = {}
    for position, (number, factor) in sorted(roles.items()):
        if factor == 1.0:
            first.setdefault(number, position)
    return [first[number] for number in sorted(first)]


def _independent(written: _Written, position: int) -> Form:
    """The terms of a state after the step that read no state."""
    form, atoms = written.after[position], written.graph.atoms
    return Form({m: c for m, c in form.terms.items() if not any(atoms[a].reads for a, _ in m)}, form.type)


def _without_zeros(program: Program, roles: Roles, written: _Written) -> tuple[Roles, _Written]:
    zeros = {i for i in roles if not _independent(written, i).terms}
    while zeros:
        kept = [i for i in roles if i not in zeros]
        assumed_roles: Roles = {position: (number, 1.0) for number, position in enumerate(kept)}
        assumed = _write(program, assumed_roles)
        broken = {i for i in zeros if assumed.after[i].terms}
        if not broken:
            return assumed_roles, assumed
        zeros -= broken
    return roles, written


def _without_multiples(program: Program, roles: Roles, written: _Written) -> tuple[Roles, _Written]:
    free = _free(roles)
    for i, a in enumerate(free):
        for b in free[i + 1 :]:
            factor = _ratio(_independent(written, a), _independent(written, b))
            if factor is None:
                continue
            kept, gone = a, b
            negative = factor == -1.0 and split(_independent(written, a))[0] < 0
            if abs(factor) < 1 - 1e-9 or negative:  # which of them is kept must not depend on their order
                kept, gone, factor = b, a, 1 / factor
            assumed_roles = _joined(roles, kept, gone, factor)
            assumed = _write(program, assumed_roles)
            if key(assumed.after[gone]) == key(assumed.graph.scale(assumed.after[kept], factor)):
                return _without_multiples(program, assumed_roles, assumed)
    return roles, written


def _joined(roles: Roles, a: int, b: int, factor: float) -> Roles:
    """The roles if state b is `factor` times state a; multiples of b become multiples of a."""
    (kept, _), (gone, _) = roles[a], roles[b]
    joined = {}
    for position, (number, multiple) in roles.items():
        if number == gone:
            number, multiple = kept, multiple * factor
        joined[position] = (number - (number > gone), multiple)
    return joined


def _ratio(a: Form, b: Form) -> float | None:
    """c with b = c * a, or None."""
    if not a.terms or a.terms.keys() != b.terms.keys():
        return None
    ratios = [b.terms[m] / c for m, c in a.terms.items()]
    same = max(ratios) - min(ratios) <= 1e-9 * abs(ratios[0])
    return ratios[0] if same and SMALLEST < abs(ratios[0]) < LARGEST else None


def _reached(roles: Roles, written: _Written) -> set[int]:
    """Numbers of the states that reach the update, across steps."""
    reads = {number: written.graph.reads(written.after[i]) for number, i in enumerate(_free(roles))}
    reached = written.graph.reads(written.update)
    while True:
        more = reached
        for number, bits in reads.items():
            if reached >> number & 1:
                more |= bits
        if more == reached:
            return {number for number in reads if reached >> number & 1}
        reached = more


def _ordered(program: Program, roles: Roles, written: _Written) -> NormalForm:
    """The states numbered in an order that does not depend on their names: the smallest digest of all orders."""
    free = _free(roles)
    ranks = [_rank(_independent(written, position)) for position in free]
    if len(set(ranks)) == len(ranks):
        orders = [tuple(sorted(range(len(free)), key=ranks.__getitem__))]
    else:
        orders = list(permutations(range(len(free)))) if len(free) <= 3 else [tuple(range(len(free)))]
    forms = []
    for order in orders:
        renumbered: Roles = {i: (order.index(number), factor) for i, (number, factor) in roles.items()}
        again = written if renumbered == roles else _write(program, renumbered)
        forms.append(NormalForm(again.graph, again.update, tuple(again.after[free[number]] for number in order)))
    return min(forms, key=lambda form: form.digest)


def _rank(independent: Form) -> tuple[int, int]:
    """Orders states: what is linear in the gradient, a first moment, comes before what is not."""
    degree = max((sum(power for _, power in monomial) for monomial in independent.terms), default=0)
    return degree, key(independent)
