"""Exports a program to plain NumPy: to be read, and to be ported from."""

from __future__ import annotations

from dsl.export.body import Body, translate
from dsl.export.layout import call, docstring, function
from dsl.export.vocabulary import Vocabulary
from dsl.program import Program


def write(program: Program, provenance: str) -> str:
    """A module with `train(w, g, states..., lr)` on lists of arrays, one array for each leaf.

    Args:
        program: any program.
        provenance: for the docstring.

    Raises:
        ProgramError: for a program that `dsl.check` does not accept.
    """
    body = translate(program, Vocabulary("np"), reserved=("step", "train", "leaf", "row", "rows", "results", "column"))
    gradient, rate = body.inputs[1], body.inputs[-1]
    first = gradient if body.leafwise else f"{gradient}[0]"
    # NumPy's own scalar type keeps float32 weights float32, and makes 1 / 0 inf, not an error.
    cast = [f"{rate} = {first}.dtype.type({rate})"] if body.reads_rate else []
    lines = [*cast, *body.statements]
    if body.leafwise:
        about = f'"""One step of one leaf{": the update and the new states" if body.states else ""}."""'
        functions = [function("step", body.read_inputs, [about, *lines], body.outputs), _over_leaves(body)]
    else:
        functions = [function("train", body.inputs, [_explain(body), *lines], body.outputs)]
    source = "\n\n".join([*body.helpers, *functions])
    imports = "import numpy as np\n\n\n" if "np." in source else "\n"
    return f"{docstring(provenance)}\n{imports}{source}"


def _over_leaves(body: Body) -> str:
    """The source of `train` where `step` does one leaf."""
    trees = body.read_inputs[:-1] if body.reads_rate else body.read_inputs
    rate = f", {body.inputs[-1]}" if body.reads_rate else ""
    if len(trees) == 1:
        return function("train", body.inputs, [_explain(body)], [f"[step(leaf{rate}) for leaf in {trees[0]}]"])
    lines = [_explain(body), *call("rows = zip", trees, margin=4)]
    results = f"[step(*row{rate}) for row in rows]"
    if not body.states:
        return function("train", body.inputs, lines, [results])
    lines.append(f"results = {results}")
    return function("train", body.inputs, lines, ["tuple(list(column) for column in zip(*results))"])


def _explain(body: Body) -> str:
    """The docstring of `train`."""
    weights, gradient, *states, rate = body.inputs
    like = f"lists like {weights}" if states else f"a list like {weights}"
    lines = [
        '"""One step.',
        "",
        "Args:",
        f"    {weights}: the weights, a list with one array for each leaf.",
        f"    {gradient}: their gradient, a list like {weights}.",
        *(f"    {state}: a state, a list like {weights}; zeros before the first step." for state in states),
        f"    {rate}: the learning rate, from a schedule with peak 1.",
        "",
        "Returns:",
        f"    The update, to be subtracted from {weights}{', and the new states' if states else ''}; {like}.",
        '"""',
    ]
    return "\n".join(lines)
