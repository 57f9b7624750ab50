"""Simplification that needs no task (arXiv 2302.06675, section 2.3), by the normal form and in stages that are told.

The authors simplified by hand. Here the program is pruned, then written as short as its normal form allows, under ever
more classes of identities (`dsl/identities.py`); each result is compared with the program that was given.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from dsl.agreement import difference
from dsl.identities import Identity
from dsl.length import size
from dsl.liveness import prune
from dsl.normal import loose_form
from dsl.program import Program
from dsl.shortest import shortest
from dsl.states import UNREAD

COARSE = 0.03  # in float32: rounding may do that to an ill-conditioned program, but not what one lives on
SLACK = 4  # arguments and digits
MOST_PASSES = 4  # nearly always one, and a second that changes nothing

# What is taken up in turn, why a program is the same afterwards, and how far the weights may go apart in float64:
# constants are float32 numbers, and a program may be ill-conditioned.
STAGES: tuple[tuple[str, frozenset[Identity], float], ...] = (
    ("states, and identities that keep every bit or round in another order", frozenset(), 1e-4),
    *(
        (f"identities {last.value}", frozenset(list(Identity)[: n + 1]), last.tolerance)
        for n, last in enumerate(Identity)
    ),
)


@dataclass(frozen=True)
class Stage:
    """One stage of a simplification.

    Attributes:
        why: what it rests on.
        before: the program that it was given.
        after: the program that it left.
        difference: how far the weights go apart in float64, in units of the way that they go (`dsl/agreement.py`).
        states: why each state that went could go.
        note: why its result was not taken; "" where it was.
    """

    why: str
    before: Program
    after: Program
    difference: float = 0.0
    states: tuple[str, ...] = ()
    note: str = ""

    @property
    def gone(self) -> Counter[str]:
        """Functions that are called no more, with the number of calls."""
        return _calls(self.before) - _calls(self.after)

    @property
    def new(self) -> Counter[str]:
        """Functions that were not called before, with the number of calls."""
        return _calls(self.after) - _calls(self.before)


def _calls(program: Program) -> Counter[str]:
    return Counter(statement.function for statement in program.statements)


def simplify(program: Program) -> Program:
    """The shortest program the project can show to compute the same, never longer than the input.

    Redundant statements and states go, equal expressions are shared, constants are folded, what is written in a long
    way is written in a short one, and `m / sqrt(m * m)` becomes `sign(m)`, which is the same but for the 1e-8 of the
    division. Of two, the one with fewer states is the shorter, then that with fewer statements.

    Args:
        program: a program that `dsl.check` accepts.

    >>> import dsl
    >>> print(simplify(dsl.parse('''
    ... def train(w, g, m, v, lr):
    ...   m = interp(g, m, 0.9)
    ...   u = sign(m) * lr + w * lr * 0.5
    ...   v = square(v) + m - m
    ...   return u, m, v
    ... ''')), end="")
    def train(w, g, m, lr):
      m = interp(g, m, 0.9)
      update = sign(m)
      wd = w * 0.5
      update = update + wd
      update = update * lr
      return update, m
    """
    return stages(program)[-1].after


def stages(program: Program) -> list[Stage]:
    """The stages of a simplification in order; the last one's `after` is what `simplify` gives."""
    pruned = prune(program)
    gone = tuple(UNREAD for state in program.states if state not in pruned.states)
    found = [Stage("dead statements and states", program, pruned, states=gone)]
    known: dict[tuple[int, bool], Program] = {}  # what normal forms are written as
    for _ in range(MOST_PASSES):
        before = found[-1].after
        for why, identities, tolerance in STAGES:
            form = loose_form(found[-1].after, identities)
            key = form.digest, form.graph.rounds
            if key not in known:
                known[key] = shortest(form)
            stage = _stage(program, found[-1].after, known[key], why, tolerance)
            fewer = len(stage.before.states) > len(stage.after.states)
            found.append(replace(stage, states=form.told) if fewer else stage)
        if found[-1].after == before:
            break
    return found


def _is_as_short(after: Program, before: Program) -> bool:
    """Whether it has no more states and statements; of as many, little more to read, so that equal programs meet."""
    (states, statements, *read), (most_states, most_statements, *most_read) = size(after), size(before)
    if (states, statements) == (most_states, most_statements):
        return sum(read) <= sum(most_read) + SLACK
    return states <= most_states and statements <= most_statements


def _stage(given: Program, before: Program, after: Program, why: str, tolerance: float) -> Stage:
    """The stage that leaves `after`, if it may."""
    if after == before:
        return Stage(why, before, before)
    if not _is_as_short(after, before):
        return Stage(why, before, before, note="written by its normal form the program is no shorter")
    apart = difference(given, after)
    if math.isnan(apart):
        return Stage(why, before, before, note="no step of the program is finite, so that nothing can be compared")
    if apart > tolerance:
        return Stage(why, before, before, apart, note=f"the weights go apart by {apart:.1g} of their way")
    rounded = difference(given, after, np.float32)
    if rounded > COARSE:
        note = f"in float32 the weights go apart by {rounded:.1g} of their way"
        return Stage(why, before, before, apart, note=note)
    return Stage(why, before, after, apart)
