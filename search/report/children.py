"""What became of the children: failures by type, and the kinds of mutations that paid."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from proxy_tasks import NON_FINITE, STOPPED_EARLY, TRAINED
from search.evaluator import NO_OUTCOME, TASK_ERROR, TIMED_OUT, WORKER_LOST
from search.lineage import Ancestor
from search.report.code import Block, block
from search.report.table import Cell, Number, Table
from search.result import Result
from search.summary import format_share

MEANING = {
    TRAINED: "came to a validation loss",
    NON_FINITE: "a weight or the loss became infinite or NaN",
    STOPPED_EARLY: "its training loss was hopeless by 10, 25 or 50 % of the steps",
    TASK_ERROR: "the task raised an error",
    TIMED_OUT: "it took longer than ray.deadline_s, three times",
    WORKER_LOST: "its worker ended, three times",
}
MOST_EXAMPLES, MOST_READ, MOST_TEXT = 5, 200, 6000


def outcomes_table(columns: Mapping[str, np.ndarray]) -> Table:
    """How many programs ended how.

    Args:
        columns: of the children (`Result.columns`).
    """
    children = columns["parent"] >= 0
    trained = children & columns["trained"]
    rows: list[list[Cell]] = []
    for kind in sorted(set(columns["kind"][children].tolist()), key=lambda kind: (kind != TRAINED, kind)):
        of = columns["kind"] == kind
        once, all_of = int(np.sum(trained & of)), int(np.sum(children & of))
        rows.append(
            [kind, once, _share(once, int(trained.sum())), all_of, _share(all_of, int(children.sum())), MEANING[kind]]
        )
    header = ["outcome", "trainings", "share of these", "children", "share of those", "meaning"]
    return Table(
        "Outcomes: of the programs that were really trained, and of all children, cache hits included", header, rows
    )


def _share(part: int, whole: int) -> Number:
    share = part / whole if whole else float("nan")
    return Number(share, format_share(share))


def error_blocks(result: Result, columns: Mapping[str, np.ndarray]) -> list[Block]:
    """An example of each distinct error of the task and of each reason for which a worker was lost."""
    failed = np.flatnonzero(np.isin(columns["kind"], NO_OUTCOME) & columns["trained"])
    examples: dict[str, Block] = {}
    for row in failed[:MOST_READ]:
        if len(examples) == MOST_EXAMPLES:
            break
        search, id = columns["search"][row], columns["id"][row]
        key = f"{search}/{id}" if search else str(id)
        error = result.child(key).evaluation.error.strip()
        last = error.splitlines()[-1] if error else ""
        if last and last not in examples:
            shown = error if len(error) <= MOST_TEXT else f"...\n{error[-MOST_TEXT:]}"
            title = f"Child {key}, {columns['kind'][row]}: {last[:200]}"
            examples[last] = block(f"error-{len(examples)}", title, shown, "pytb")
    return list(examples.values())


def mutations_table(columns: Mapping[str, np.ndarray], line: list[Ancestor]) -> Table:
    """What each kind of mutation made.

    Args:
        columns: of the children (`Result.columns`).
        line: of the winner.
    """
    child = columns["parent"] >= 0
    failed = child & ~np.isfinite(columns["fitness"])
    with np.errstate(invalid="ignore"):
        better = child & (columns["fitness"] < _of_parents(columns))
    rows: list[list[Cell]] = []
    for kind in sorted(set(columns["mutation"][child].tolist())):
        of = child & (columns["mutation"] == kind)
        count = int(of.sum())
        on_line = [ancestor for ancestor in line if ancestor.mutation == kind]
        rows.append(
            [
                kind,
                count,
                int(np.sum(of & columns["trained"])),
                _counted(int(np.sum(of & failed)), count),
                _counted(int(np.sum(of & better)), count),
                len(on_line),
                sum((ancestor.gain or 0.0) > 0 for ancestor in on_line),
            ]
        )
    header = ["mutation", "children", "trained", "failed", "better than the parent"]
    return Table("Kinds of mutations", [*header, "on the line of the winner", "of these, better than before"], rows)


def _counted(part: int, whole: int) -> Number:
    return Number(part, f"{part:,} ({_share(part, whole).text})")


def _of_parents(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """The fitness of each child's parent; NaN where there is none."""
    found = np.full(len(columns["id"]), np.nan)
    for search in dict.fromkeys(columns["search"].tolist()):
        (of,) = np.nonzero(columns["search"] == search)
        parents = columns["parent"][of]  # children are numbered from 0 without a gap
        found[of] = np.where(parents >= 0, columns["fitness"][of][parents], np.nan)
    return found
