"""Abstract execution, third pass: which statements reach the weights, across training steps (arXiv 2302.06675, 2.2)."""

from __future__ import annotations

from dsl.program import Program


def live(program: Program) -> tuple[int, ...]:
    """Indices of the statements that reach the weights.

    A state counts as read only if a live statement of a later step reads it: a fixed point over steps.
    """
    return _fixed_point(program)[0]


def prune(program: Program) -> Program:
    """The program with its live statements and states only: a state that no later update reads leaves the signature."""
    indices, states = _fixed_point(program)
    return Program(
        (*program.inputs[:2], *(program.states[i] for i in states), program.inputs[-1]),
        tuple(program.statements[i] for i in indices),
        (program.outputs[0], *(program.outputs[1 + i] for i in states)),
    )


def _fixed_point(program: Program) -> tuple[tuple[int, ...], tuple[int, ...]]:
    reached: set[int] = set()
    while True:
        wanted = {program.outputs[0]}
        wanted.update(program.outputs[1 + i] for i in reached)
        indices = []
        for index in range(len(program.statements) - 1, -1, -1):
            statement = program.statements[index]
            if statement.target in wanted:
                indices.append(index)
                wanted.discard(statement.target)
                wanted.update(a for a in statement.arguments if isinstance(a, str))
        now = {i for i, name in enumerate(program.states) if name in wanted}
        if now <= reached:
            return tuple(reversed(indices)), tuple(sorted(reached))
        reached |= now
