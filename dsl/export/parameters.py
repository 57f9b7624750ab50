"""The hyper-parameters of a program, told by the form of the statements that they stand in."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from dsl.functions import FUNCTIONS, Rule
from dsl.program import Program, Statement

# Names of variables that the text of a program cannot have.
LEARNING_RATE = "?learning_rate"
WEIGHT_DECAY = "?weight_decay"
BETA = "?beta"


@dataclass(frozen=True)
class Parameters:
    """A program and its hyper-parameters.

    Attributes:
        program: with a variable in the place of each: WEIGHT_DECAY, BETA and a number from 1 on, and for the last
            input LEARNING_RATE, where the learning rate was found: then the input is that, not a factor of it.
        learning_rate: what the factor is multiplied by, or None.
        betas: the weights of the past in averages, in the order of the statements.
        weight_decay: what the weights are multiplied by, or None.
    """

    program: Program
    learning_rate: float | None
    betas: tuple[float, ...]
    weight_decay: float | None


def find(program: Program) -> Parameters:
    """Tells the hyper-parameters of a program from its other constants.

    - The learning rate is the c of `lr * c`, where c > 0 and nothing else reads lr.
    - The weight decay is the c of `w * c`, where c >= 0 and nothing else reads the weights.
    - A beta is the a of `interp(x, y, a)` where y remembers: it is a state, or what becomes one, or an average or a
      function of one argument of what remembers. The a of `interp(y, x, a)` stays a constant: as a parameter it would
      be 1 less a beta, and taken for one.

    Args:
        program: without dead statements.
    """
    sources, outputs = _sources(program)
    reads = Counter([source for given in sources for source in given] + outputs)
    weights, factor = program.inputs[0], program.inputs[-1]
    remembers = {*program.states, *(source for source in outputs[1:] if isinstance(source, int))}
    rate, decay, betas, statements = None, None, list[float](), list[Statement]()
    renamed: dict[str, str] = {}
    for index, (target, function, given) in enumerate(program.statements):
        of, constant = sources[index], next((a for a in given if not isinstance(a, str)), math.nan)
        arguments = [renamed.get(a, a) if isinstance(a, str) else a for a in given]
        renamed.pop(target, None)
        only = next((a for a in (weights, factor) if function == "*" and a in of and reads[a] == 1), None)
        if only == factor and 0 < constant < math.inf:
            rate, renamed[target] = constant, LEARNING_RATE
            continue
        if only == weights and 0 <= constant < math.inf:
            decay = constant
            arguments = [WEIGHT_DECAY if a == constant else a for a in arguments]
        if function == "interp" and of[1] in remembers:
            if isinstance(given[2], float) and math.isfinite(given[2]):
                betas.append(given[2])
                arguments[2] = f"{BETA}{len(betas)}"
            remembers.add(index)
        elif of and of[0] in remembers and (FUNCTIONS[function].arity == 1 or FUNCTIONS[function].rule is Rule.CLIP):
            remembers.add(index)
        statements.append(Statement(target, function, tuple(arguments)))
    inputs = program.inputs if rate is None else (*program.inputs[:-1], LEARNING_RATE)
    return Parameters(Program(inputs, tuple(statements), program.outputs), rate, tuple(betas), decay)


def _sources(program: Program) -> tuple[list[list[str | int | None]], list[str | int | None]]:
    """What the arguments of each statement, and the outputs, were last set by: an input's name, a statement's index.

    None stands for a constant.
    """
    last: dict[str, str | int | None] = {name: name for name in program.inputs}
    sources = []
    for index, statement in enumerate(program.statements):
        sources.append([last[a] if isinstance(a, str) else None for a in statement.arguments])
        last[statement.target] = index
    return sources, [last[name] for name in program.outputs]
