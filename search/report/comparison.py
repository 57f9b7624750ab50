"""Programs beside AdamW on the same fresh seeds: the funnel's stages, and what they say of the winner."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mean, stdev

from proxy_tasks import TRAINED, several
from search.charts.chart import BASELINES
from search.charts.kinds import short
from search.funnel import Score, Stage
from search.judge import quantile
from search.report.table import Cell, Number, Table
from search.result import Result
from search.summary import format_gain, format_score

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Lead:
    """What a program is ahead of AdamW by: AdamW's loss less its own, over the same seeds.

    Attributes:
        mean: of the differences; above 0 the program is better.
        low: lower end of the confidence interval of the mean; NaN for one seed.
        high: upper end of it.
    """

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        if not math.isfinite(self.low):
            return "-"
        scale = max(abs(self.low), abs(self.high))
        return f"{format_gain(self.low, scale)} to {format_gain(self.high, scale)}"


def lead(score: Score, adamw: Score) -> Lead | None:
    """The paired difference to AdamW; None where a training of either failed.

    Args:
        score: of the program.
        adamw: of AdamW, on the same task with the same seeds.
    """
    if score.kind != TRAINED or adamw.kind != TRAINED:
        return None
    differences = [b - a for a, b in zip(score.of_seeds, adamw.of_seeds, strict=True)]
    n = len(differences)
    if n < 2:
        return Lead(mean(differences), math.nan, math.nan)
    half = quantile(0.5 + CONFIDENCE / 2, n - 1) * stdev(differences) / math.sqrt(n)
    return Lead(mean(differences), mean(differences) - half, mean(differences) + half)


def _score(score: Score) -> str:
    return format_score(score).replace("+-", "±")


def verdicts(result: Result) -> list[str]:
    """What each stage of the funnel says of the winner against AdamW, a sentence each."""
    if result.winner_key is None:
        return []
    said, lost = [], []
    for stage in result.stages:
        score, adamw = stage.scores.get(result.winner_key), stage.baselines["adamw"]
        task = f"{' + '.join(map(short, several(result.config.get('task', 'the task'))))} x{stage.scale}"
        if score is None:
            said.append(f"The winner did not get to {task}.")
        elif (found := lead(score, adamw)) is None:
            said.append(f"On {task} the winner: {score.kind}; AdamW: {adamw.kind}.")
        else:
            said.append(f"{_judged(found, task)} {_told(score, adamw, found, stage)}")
        if not stage.passed:
            lost.append(f"No program of the search passed {task}.")
    return [*said, *lost]


def _judged(found: Lead, task: str) -> str:
    if found.low > 0:
        return f"The winner beats AdamW on {task}."
    if found.high < 0:
        return f"AdamW beats the winner on {task}."
    return f"The winner and AdamW cannot be told apart on {task}."


def _told(score: Score, adamw: Score, found: Lead, stage: Stage) -> str:
    interval = f", 95 % interval {found}" if math.isfinite(found.low) else ""
    seeds = "fresh seed" if stage.seeds == 1 else "fresh seeds"
    return (
        f"Its loss is {_score(score)}, AdamW's {_score(adamw)}: a lead of"
        f" {format_gain(found.mean)}{interval}, over {stage.seeds} {seeds}."
    )


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
                        Number(math.nan, "-") if found is None or key == "adamw" else Number(found.low, str(found)),
                    ]
                )
    header = ["program", "scale", *(["task"] if several_tasks else []), "seeds", "loss"]
    header += ["lead over AdamW", "95 % interval"]
    return Table("Stages of the funnel: mean loss ± standard error", header, rows, frozenset(marked))


def _entered(stage: Stage, winner: str | None) -> Iterator[tuple[str, str, Score]]:
    """(key, name, score) of those of a stage, best first."""
    everyone = {**stage.baselines, **stage.scores}
    for key in sorted(everyone, key=lambda key: everyone[key].mean):
        name = BASELINES[key][0] if key in BASELINES else f"child {key}"
        yield key, f"{name}, the winner" if key == winner else name, everyone[key]
