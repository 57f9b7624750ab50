"""The page of a run: what goes into it, in the order in which it is read."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import dsl
from dsl.export.caution import caution
from proxy_tasks import several
from search.charts import MADE_BY
from search.charts.chart import COLOURS, Chart
from search.charts.curves import curves_chart
from search.charts.kinds import CHARTS, lineage, panels
from search.journal import Reader
from search.report.children import error_blocks, mutations_table, outcomes_table
from search.report.comparison import funnel_table
from search.report.inline import Styles, inline
from search.report.programs import ancestors_table, blocks, programs_table
from search.report.run import changed_table, commands_block, configuration_block, machine_table, repeatable
from search.report.table import Code, Number
from search.result import Result
from search.searches import begun, is_restart
from search.summary import format_share
from search.verdict import verdicts


@dataclass(frozen=True)
class Drawn:
    """A chart as the page has it.

    Attributes:
        chart: what it says.
        wide: as an element for screens and paper.
        narrow: as one for phones.
    """

    chart: Chart
    wide: Markup
    narrow: Markup


def page(result: Result) -> str:
    """The report of a run, as HTML that needs nothing beside it and asks for nothing.

    The same run gives the same page.
    """
    styles = Styles({})
    content = _content(result, styles)
    files = resources.files("search.report")
    css, script = (files.joinpath(f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    css = f"{_themes()}\n{css}\n{styles.sheet()}\n"
    environment = Environment(
        loader=PackageLoader("search.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests |= {
        "code": lambda cell: isinstance(cell, Code),
        "measured": lambda cell: isinstance(cell, Number),
    }
    environment.filters["counted"] = lambda number: f"{number:,}"
    text = environment.get_template("page.html").render(
        **content,
        made_by=MADE_BY,
        css=Markup(css),
        script=Markup(script),
        css_hash=_hash(css),
        script_hash=_hash(script),
    )
    return text.encode("utf-8", "replace").decode("utf-8")  # a name may hold what no text does


def _hash(text: str) -> str:
    """What a security policy knows a text by."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _themes() -> str:
    light, dark = ("".join(f"--{name}:{colours[theme]};" for name, colours in COLOURS.items()) for theme in (0, 1))
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{color-scheme:dark;{dark}}}}}"
    )


def _content(result: Result, styles: Styles) -> dict[str, Any]:
    reader, columns = Reader(result.directory), result.columns()
    best = result.best(10)
    scored = bool(best)
    key = result.winner_key or next(iter(best), None)
    child = result.child(key) if key else None
    simplified = dsl.simplify(child.program) if child else None
    line = result.lineage(key) if key else []

    def draw(chart: Chart | None) -> Drawn | None:
        if chart is None:
            return None
        return Drawn(chart, inline(chart, styles, narrow=False), inline(chart, styles, narrow=True))

    reference = result.tuned["adamw"].fitness if result.tuned else None
    curves = panels(result)
    return {
        "name": result.directory.resolve().name,
        "about": _about(result, reader.fact("part"), len(columns["id"])),
        "verdicts": verdicts(result),
        "ended": result.winner_key is not None,
        "key": key,
        "formulas": dsl.formulas(simplified) if simplified else {},
        "caution": caution(simplified) if simplified else "",
        "hash": child.hash if child else "",
        "blocks": blocks(result, key, child) if key and child else [],
        "funnel": funnel_table(result) if result.stages else None,
        **{kind: draw(make(result, columns)) if scored else None for kind, make in CHARTS.items()},
        "lineage": draw(lineage(result, key)) if key else None,
        "curves": draw(curves_chart(curves)) if curves else None,
        "front_table": programs_table("The Pareto front", result.front(), key, reference) if scored else None,
        "best_table": programs_table("The best programs", best, key, reference) if scored else None,
        "ancestors": ancestors_table(line),
        "outcomes": outcomes_table(columns),
        "errors": error_blocks(result, columns),
        "mutations": mutations_table(columns, line),
        "changed": changed_table(result),
        "configuration": configuration_block(result) if result.config else None,
        "machine": machine_table(result),
        "commands": commands_block(result),
        "digest": result.digest(),
        "repeatable": repeatable(result),
        "limited": bool(result.config.get("budget", {}).get("seconds")),
    }


def _about(result: Result, part: bool | None, programs: int) -> str:
    """What the run is, in two sentences."""
    config = result.config
    task = f"{config['task']} x{config['scale']}" if "task" in config else "a task that the journal does not name"
    searches = f"{len(result.searches)} searches" if len(result.searches) > 1 else "One search"
    if not programs:
        return f"This run on {task} has no child yet. It holds what is shown here."
    if part:
        state = "It is one search of a larger run, which chooses the winner among all."
    elif result.winner_key is None:
        state = "It has not ended: there is no winner yet, and what is shown is the best so far."
    else:
        scales = ", ".join(f"x{stage.scale}" for stage in result.stages)
        state = f"The best went through a funnel of fresh seeds and larger tasks ({scales}), which chose the winner."
    units = (
        " Losses are in units of that of AdamW tuned on each task." if len(several(config.get("task", ""))) > 1 else ""
    )
    totals = result.totals
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in totals.outcomes.items())
    kinds = f" ({kinds})" if kinds else ""
    return (
        f"{searches} on {task} made {totals.generated:,} children{_beginnings(result)} and trained"
        f" {totals.trained:,} of them{kinds}: the cache answered for {format_share(totals.cache_hit_rate)}, and"
        f" {format_share(result.redundancy)} of the statements of the last population are redundant. {state}{units}"
    )


def _beginnings(result: Result) -> str:
    """What the searches, or the one that is looked at, began from."""
    start = result.config.get("start", "its first program")
    searches = begun(result.config, result.directory)
    restarts = [
        f"{place.name or 'this restart'} from child {reader.fact('from') or 'unknown to its journal'}"
        for place, reader in searches.items()
        if is_restart(place.directory)
    ]
    if not restarts:
        return f" from {start}"
    others = len(searches) - len(restarts)
    *most, last = [*([f"{others} from {start}"] if others else []), *restarts]
    return f" ({', '.join(most)}{' and ' if most else ''}{last})"
