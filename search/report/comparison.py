"""Programs beside AdamW on the same fresh seeds: a table of the funnel's stages."""

from __future__ import annotations

import math
from collections.abc import Iterator

from proxy_tasks import several
from search.funnel import Score, Stage
from search.printable import short
from search.report.table import Cell, Number, Table
from search.result import Result
from search.summary import format_gain, format_score
from search.verdict import NAMES, Lead, lead


def _score(score: Score) -> str:
    return format_score(score).replace("+-", "±")


def _interval(found: Lead) -> str:
    if not math.isfinite(found.low):
        return "-"
    scale = max(abs(found.low), abs(found.high))
    return f"{format_gain(found.low, scale)} to {format_gain(found.high, scale)}"


def funnel_table(result: Result) -> Table:
    """Every program and baseline of every stage, with its lead over AdamW; of several tasks, on each of them, too."""
    tasks = several(result.config.get("task", ""))
    several_tasks = len(tasks) > 1
    rows: list[list[Cell]] = []
    marked = set()
    for stage in result.stages:
        for key, name, score in _entered(stage, result.winner_key):
            adamw = stage.baselines["adamw"]
            parts = [("all together", score, adamw)]
            parts += [(short(task), score.on(n), adamw.on(n)) for n, task in enumerate(tasks) if several_tasks]
            for task, of, against in parts:
                if key == result.winner_key:
                    marked.add(len(rows))
                found = lead(of, against)
                rows.append(
                    [
                        name,
                        Number(stage.scale, f"x{stage.scale}"),
                        *([task] if several_tasks else []),
                        stage.seeds,
                        Number(of.mean if math.isfinite(of.mean) else math.nan, _score(of)),
                        Number(math.nan, "-")
                        if found is None or key == "adamw"
                        else Number(found.mean, format_gain(found.mean)),
                        Number(math.nan, "-")
                        if found is None or key == "adamw"
                        else Number(found.low, _interval(found)),
                    ]
                )
    header = ["program", "scale", *(["task"] if several_tasks else []), "seeds", "loss"]
    header += ["lead over AdamW", "95 % interval"]
    return Table("Stages of the funnel: mean loss ± standard error", header, rows, frozenset(marked))


def _entered(stage: Stage, winner: str | None) -> Iterator[tuple[str, str, Score]]:
    """(key, name, score) of those of a stage, best first."""
    everyone = {**stage.baselines, **stage.scores}
    for key in sorted(everyone, key=lambda key: everyone[key].mean):
        name = NAMES.get(key, f"child {key}")
        yield key, f"{name}, the winner" if key == winner else name, everyone[key]
