"""Simplification that needs no task (arXiv 2302.06675, section 2.3): what the normal form gives."""

from __future__ import annotations

from dsl.canonical import canonical
from dsl.liveness import prune
from dsl.program import Program


def simplify(program: Program) -> Program:
    """The shortest program the project can show to compute the same, never longer than the input.

    Redundant statements and states go, equal expressions are shared, constants are folded, and what remains is
    written in the normal form; where that is no shorter, the program keeps its own words. Of two that are no longer
    than the input, the one with fewer states is taken.

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
      t2 = sign(m)
      t3 = w * 0.5
      t4 = t2 + t3
      update = t4 * lr
      return update, m
    """
    pruned, normal = prune(program), canonical(program)
    shorter = [p for p in (pruned, normal) if len(p) <= len(program)]  # a state that stays zero is one more statement
    return min(shorter, key=lambda p: (len(p.states), len(p)))
