"""Abstract execution, third pass: which statements reach the weights, across training steps (arXiv 2302.06675, 2.2)."""

from __future__ import annotations

from dsl.program import Program, expect_program


def live(program: Program) -> tuple[int, ...]:
    """Indices of the statements that reach the weights.

    A state counts as read only if a live statement of a later step reads it: a fixed point over steps.
    """
    expect_program(program)
    reached = reached_bits(program)
    return tuple([index for index in range(len(program.statements)) if reached >> index & 1])


def prune(program: Program) -> Program:
    """The program with its live statements and states only: a state that no later update reads leaves the signature."""
    expect_program(program)
    reached, length = reached_bits(program), len(program.statements)
    states = [i for i in range(len(program.states)) if reached >> (length + i) & 1]
    return Program(
        (*program.inputs[:2], *(program.states[i] for i in states), program.inputs[-1]),
        tuple([s for i, s in enumerate(program.statements) if reached >> i & 1]),
        (program.outputs[0], *(program.outputs[1 + i] for i in states)),
    )


def reached_bits(program: Program) -> int:
    """A bit for each statement, then for each state, set where the weights depend on it.

    Every value carries the bits of what it was computed from.
    """
    bit = 1 << len(program.statements)
    sources: dict[str, int] = {}
    for name in program.inputs[2:-1]:
        sources[name] = bit
        bit <<= 1
    bit, known = 1, sources.get
    for target, _, arguments in program.statements:
        found = bit
        for a in arguments:
            found |= known(a, 0)  # type: ignore[arg-type]  # an input that is no state, and a constant, read nothing
        sources[target] = found
        bit <<= 1
    update, *after = [sources.get(name, 0) for name in program.outputs]
    reached, before = update, -1
    while reached != before:
        before = reached
        for number, found in enumerate(after):
            if reached >> (len(program.statements) + number) & 1:
                reached |= found
    return reached
