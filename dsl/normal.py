"""The normal form of a program: the update and the new states as forms that names, order and dead code do not reach."""

from __future__ import annotations

from dataclasses import dataclass

from dsl import algebra
from dsl.forms import Form, constant, settled
from dsl.graph import Graph
from dsl.identities import NONE, Identity
from dsl.liveness import reached_bits
from dsl.program import Argument, Program
from dsl.ranges import LEARNING_RATE, ORDINARY, UNKNOWN
from dsl.states import System, reduced
from dsl.types import SCALAR, TREE

MOST_CALLS = 20_000  # known to the graph that programs share, some 40 MB; then a new one is begun


@dataclass(frozen=True)
class NormalForm:
    """What reaches the weights.

    Attributes:
        graph: the atoms of the forms below; states are numbered 0, 1, ... in it.
        update: the update, a TREE.
        states: each state after the step, TREEs; only states that reach the weights are left.
        digest: a number that programs share when their normal forms are the same.
        told: why each state that is left out could go.
    """

    graph: Graph
    update: Form
    states: tuple[Form, ...]
    digest: int
    told: tuple[str, ...] = ()


class _Memory:
    """The graph that programs share: most children differ from one met before in a statement or two.

    What is found in it depends on the forms asked for alone, so that a graph that knows many programs answers as a
    new one does, only sooner.
    """

    def __init__(self, identities: frozenset[Identity] = NONE) -> None:
        self.graph = Graph(identities)
        self.found: dict[tuple[Form, ...], NormalForm] = {}
        self.latest: tuple[Program, NormalForm] | None = None  # who asks for a hash asks for the program next
        self.numbers: dict[Argument, Form] = {}
        self.inputs = (
            self.graph.source("w", TREE, ORDINARY),
            self.graph.source("g", TREE, ORDINARY),
            self.graph.source("lr", SCALAR, LEARNING_RATE),
        )

    def state(self, number: int) -> Form:
        """A state of which nothing is known yet."""
        return self.graph.source("state", TREE, UNKNOWN, number)

    def number(self, c: Argument) -> Form:
        """A constant."""
        found = self.numbers.get(c)
        if found is None:
            found = self.numbers[c] = constant(float(c))
        return found


_memory = _Memory()


def forget() -> None:
    """Begins a new graph; what is found in it is the same."""
    global _memory
    _memory = _Memory()


def normal_form(program: Program) -> NormalForm:
    """The normal form of a program that `dsl.check` accepts."""
    if _memory.latest and _memory.latest[0] is program:
        return _memory.latest[1]
    if len(_memory.graph.calls) > MOST_CALLS:
        forget()
    memory = _memory
    forms = _written(memory, program)
    found = memory.found.get(forms)
    if found is None:
        found = memory.found[forms] = _found(memory, forms)
    memory.latest = program, found
    return found


def loose_form(program: Program, identities: frozenset[Identity]) -> NormalForm:
    """The normal form under more identities than those of the hash, in a graph of its own."""
    memory = _Memory(identities)
    return _found(memory, _written(memory, program))


def _written(memory: _Memory, program: Program) -> tuple[Form, ...]:
    """The outputs of the program as forms of its inputs."""
    w, g, lr = memory.inputs
    graph, names = memory.graph, program.inputs
    values: dict[Argument, Form] = {names[0]: w, names[1]: g, names[-1]: lr}
    known, reached, length = graph.calls.get, reached_bits(program), len(program.statements)
    outputs = [program.outputs[0]]
    for name, output in zip(program.states, program.outputs[1:], strict=True):
        if reached >> length & 1:  # a dead state has no number, so that it does not show
            values[name] = memory.state(len(outputs) - 1)
            outputs.append(output)
        length += 1
    for index, (target, function, arguments) in enumerate(program.statements):
        if reached >> index & 1:
            forms = [values.get(a) or memory.number(a) for a in arguments]
            values[target] = known((function, *forms)) or algebra.call(graph, function, *forms)
    return tuple([values[name] for name in outputs])


def _found(memory: _Memory, forms: tuple[Form, ...]) -> NormalForm:
    update, *after = forms
    system = System(update, {n: memory.state(n) for n in range(len(after))}, dict(enumerate(after)))
    told: list[str] = []
    system = reduced(memory.graph, system, told)
    update, states = settled(system.update), tuple(map(settled, system.after.values()))
    digest = hash((update.key, *(form.key for form in states)))
    return NormalForm(memory.graph, update, states, digest, tuple(told))
