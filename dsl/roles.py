"""Names for the states of a normal form: m for a first moment, v for a second, s for any other."""

from __future__ import annotations

from dsl.canonical import reachable
from dsl.forms import Form
from dsl.normal import NormalForm

_ROLES: dict[float, str] = {1.0: "m", 2.0: "v"}  # by the power of the gradient that a state grows with


def roles(form: NormalForm) -> tuple[str, ...]:
    """A name for each state in order; those of one role are numbered."""
    degrees = dict.fromkeys((digest for digest, atom in form.graph.atoms.items() if atom.op == "g"), 1.0)
    for digest in reachable(form):
        op, arguments, *_ = form.graph.atoms[digest]
        if arguments:
            inner = max(_degree(a, degrees) for a in arguments)
            degrees[digest] = {"sqrt": inner / 2, "over": 0.0}.get(op, inner)
    found = [_ROLES.get(_degree(state, degrees), "s") for state in form.states]
    return tuple(
        role if found.count(role) == 1 else f"{role}{found[: place + 1].count(role)}"
        for place, role in enumerate(found)
    )


def _degree(form: Form, degrees: dict[int, float]) -> float:
    """By which power of the gradient a form grows, if the atoms grow by these."""
    return max((sum(power * degrees.get(atom, 0.0) for atom, power in m) for m in form.terms), default=0.0)
