"""The winner and the other programs that are worth a look."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import dsl
from dsl.export import EXPORTERS
from search.journal import Child
from search.lineage import Ancestor
from search.report.code import Block, block, program_block
from search.report.table import Cell, Code, Number, Table
from search.result import Result
from search.summary import format_gain, format_loss, provenance

TARGETS = {
    "optax": ("optax, for JAX", "python"),
    "torch": ("PyTorch", "python"),
    "python": ("Python on NumPy arrays", "python"),
    "latex": ("LaTeX", "latex"),
}
MOST_ANCESTORS = 300


def blocks(result: Result, key: str, child: Child) -> list[Block]:
    """A program as code: simplified, for every target, and as it was found.

    Args:
        result: of the run.
        key: of the child.
        child: it.
    """
    simplified = dsl.simplify(child.program)
    origin = provenance(result, key) if "task" in result.config and result.tuned else ""
    return [
        program_block("code-simplified", f"Simplified, {len(simplified)} statements", simplified, open=True),
        *(block(f"code-{target}", *_titled(target, dsl.export(simplified, target, origin))) for target in EXPORTERS),
        program_block(
            "code-found",
            f"As it was found, {len(child.program)} statements; those that reach no weights stand back",
            child.program,
        ),
    ]


def _titled(target: str, text: str) -> tuple[str, str, str]:
    title, language = TARGETS.get(target, (target, "text"))
    return title, text, language


def programs_table(caption: str, found: Mapping[str, Child], winner: str | None, reference: float | None) -> Table:
    """Programs with their formulas.

    Args:
        caption: of the table.
        found: key -> child that trained, in order.
        winner: key of the winner.
        reference: loss of the tuned AdamW, that gains are over.
    """
    rows: list[list[Cell]] = []
    for key, child in found.items():
        fitness = child.evaluation.fitness
        assert fitness is not None, "only children that trained are listed"
        gain = [] if reference is None else [Number(reference - fitness, format_gain(reference - fitness))]
        formula = Code(dsl.formula(dsl.simplify(child.program)).replace("; ", "\n"))
        rows.append([key, len(dsl.live(child.program)), Number(fitness, format_loss(fitness)), *gain, formula])
    header = ["child", "live statements", "loss", *([] if reference is None else ["lead over AdamW"]), "simplified"]
    return Table(caption, header, rows, frozenset(n for n, key in enumerate(found) if key == winner))


def ancestors_table(line: list[Ancestor]) -> Table:
    """The programs of a line whose fitness is not that of the one before, and its ends."""
    kept = [n for n, a in enumerate(line) if a.gain != 0 or n == len(line) - 1]
    if len(kept) > MOST_ANCESTORS:
        largest = sorted(kept[1:-1], key=lambda n: -abs(line[n].gain or 0.0))[: MOST_ANCESTORS - 2]
        kept = [kept[0], *sorted(largest), kept[-1]]
    rows: list[list[Cell]] = [
        [
            n,
            line[n].key,
            line[n].mutation or line[n].origin,
            Code(line[n].change),
            Number(line[n].live, f"{line[n].live} of {line[n].statements}"),
            _number(line[n].fitness, format_loss),
            _number(line[n].gain, format_gain),
        ]
        for n in kept
    ]
    header = ["generation", "child", "mutation", "statements that went and came", "live statements", "loss", "gain"]
    return Table(
        f"The {len(kept)} of {len(line)} programs of the line that changed its loss, and its ends", header, rows
    )


def _number(value: float | None, shown: Callable[[float], str]) -> Number:
    return Number(math.nan, "-") if value is None else Number(value, shown(value))
