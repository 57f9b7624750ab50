"""Exports a program to plain NumPy: to be read, and to be ported from."""

from __future__ import annotations

from dsl.export.body import Body, translate
from dsl.export.layout import assignments, call, docstring, explain_betas, function, indent
from dsl.export.vocabulary import Vocabulary
from dsl.program import Program

_RESERVED = ("step", "train", "leaf", "row", "rows", "results", "column")


def write(program: Program, provenance: str) -> str:
    """A module with `train(w, g, states..., learning_rate=..., beta1=..., weight_decay=...)` on lists of arrays.

    Lists have one array for each leaf. A learning rate that is no parameter of the program has its name there, `lr`
    say, and no default: it is the value of a schedule with peak 1.

    Args:
        program: any program.
        provenance: for the docstring.

    Raises:
        ProgramError: for a program that `dsl.check` does not accept.
    """
    body = translate(program, Vocabulary("np"), _RESERVED, rate="learning_rate")
    gradient, rate = body.inputs[1], body.rate
    first = gradient if body.leafwise else f"{gradient}[0]"
    # NumPy's own scalar type keeps float32 weights float32, and makes 1 / 0 inf, not an error.
    cast = [f"{rate} = {first}.dtype.type({rate})"] if body.reads_rate else []
    lines = [*cast, *body.statements]
    outputs: list[str] = list(body.outputs)
    if body.leafwise:
        about = f'"""One step of one leaf{": the update and the new states" if body.states else ""}."""'
        step = function("step", body.read_inputs, [about, *lines], outputs, margin=4)
        over_leaves, outputs = _over_leaves(body)
        lines = ["", step, *over_leaves]
    parameters = [*body.inputs[:-1], *assignments({rate: body.learning_rate, **body.betas})]
    parameters += [] if body.weight_decay is None else assignments({"weight_decay": body.weight_decay})
    train = function("train", parameters, [_explain(body), *lines], outputs)
    source = "\n\n".join([*body.helpers, train])
    imports = "import numpy as np\n\n\n" if "np." in source else "\n"
    return f"{docstring(provenance)}\n{imports}{source}"


def _over_leaves(body: Body) -> tuple[list[str], list[str]]:
    """What calls `step` for each leaf: lines, and what they return."""
    trees = body.read_inputs[:-1] if body.reads_rate else body.read_inputs
    rate = f", {body.rate}" if body.reads_rate else ""
    if len(trees) == 1:
        return [], [f"[step(leaf{rate}) for leaf in {trees[0]}]"]
    rows = "\n".join(call("rows = zip", trees, margin=4))
    results = f"[step(*row{rate}) for row in rows]"
    if not body.states:
        return [rows], [results]
    return [rows, f"results = {results}"], ["tuple(list(column) for column in zip(*results))"]


def _explain(body: Body) -> str:
    """The docstring of `train`."""
    weights, gradient, *states, rate = body.inputs
    like = f"lists like {weights}" if states else f"a list like {weights}"
    lines = [
        f"{weights}: the weights, a list with one array for each leaf.",
        f"{gradient}: their gradient, a list like {weights}.",
        *(f"{state}: a state, a list like {weights}; zeros before the first step." for state in states),
        f"{rate}: the learning rate{', from a schedule with peak 1' if body.learning_rate is None else ''}.",
        *explain_betas(body.betas),
        *(["weight_decay: how strongly the weights decay."] if body.weight_decay is not None else []),
    ]
    return "\n".join(
        [
            '"""One step.',
            "",
            "Args:",
            *indent(lines),
            "",
            "Returns:",
            f"    The update, to be subtracted from {weights}{', and the new states' if states else ''}; {like}.",
            '"""',
        ]
    )
