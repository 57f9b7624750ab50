"""What a run ends with: the winner beside AdamW and Lion, the figures of the search, what to do next."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import dsl
from dsl.export.caution import caution
from proxy_tasks import TRAINED, several
from search.errors import SearchError
from search.funnel import Score
from search.result import Result
from search.verdict import verdicts

MOST_DECIMALS = 8
LARGE = 1e6  # from here on a mean is written as a power of 10, too


def summary(result: Result, command: str = "optsearch") -> str:
    """The end of a finished run, for people.

    Args:
        result: of the run.
        command: how the reader calls optsearch.

    Raises:
        SearchError: for a run that has not ended.
    """
    winner, simplified, directory = result.winner, result.simplified, result.directory
    if winner is None or simplified is None:
        raise SearchError(f"{directory} has no winner yet, its run has not ended: see `optsearch show`")
    lines = [
        f"The winner, child {result.winner_key}, {_lengths(winner.program, simplified)}:",
        "",
        *(f"    {line}" for line in str(simplified).splitlines()),
        "",
        *([warning, ""] if (warning := caution(simplified)) else []),
        *comparison(result),
        *verdict(result),
        "",
        *figures(result),
        f"{format_seconds(result.seconds)}; machine {' / '.join(dict.fromkeys(result.machines.values()))}.",
        "",
        "To look further:",
    ]
    commands = {
        f"{command} show {directory}": "the best programs by length and fitness",
        f"{command} show {directory} {result.winner_key}": "the winner as it was found",
        f"{command} report {directory}": "all of it on one page, for a browser",
        f"{command} export {directory} --to optax": f"the winner as code; also in {directory}/winner_optax.py",
    }
    width = max(map(len, commands))
    return "\n".join([*lines, *(f"    {command:<{width}}  # {what}" for command, what in commands.items())])


def _lengths(found: dsl.Program, simplified: dsl.Program) -> str:
    if len(found) == len(simplified):
        return f"{len(found)} statements"
    return f"simplified from {len(found)} to {len(simplified)} statements"


def comparison(result: Result) -> list[str]:
    """The stages of the funnel: the winner beside AdamW and Lion."""
    winner, task = result.winner_key, result.config["task"]
    tasks = several(task)
    unit, where = "", "the same task"
    if len(tasks) > 1:
        unit, where = " in units of that of AdamW tuned on each task", "all tasks together"
    rows = [["task", "seeds", "winner", "AdamW", "Lion"]]
    for stage in result.stages:
        scores = [stage.scores.get(winner) if winner else None, stage.baselines["adamw"], stage.baselines["lion"]]
        rows.append(_row(f"{task} x{stage.scale}", stage.seeds, scores))
        for number, name in enumerate(tasks if len(tasks) > 1 else []):
            rows.append(_row(f"{name} x{stage.scale}", stage.seeds, [score and score.on(number) for score in scores]))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        *textwrap.wrap(
            f"Validation loss{unit} (lower is better), mean and standard error over seeds that the search has not seen"
            f" and the funnel has chosen by; AdamW and Lion with learning rate and weight decay tuned on {where}:",
            width=110,
        ),
        "",
        *("  ".join([f"    {name:<{widths[0]}}", *map(str.rjust, cells, widths[1:])]) for name, *cells in rows),
    ]


def _row(name: str, seeds: int, scores: Sequence[Score | None]) -> list[str]:
    return [name, str(seeds), *map(format_score, scores)]


def verdict(result: Result) -> list[str]:
    """What the funnel says of the winner, a line for each stage and known optimizer (`search/verdict.py`)."""
    said = verdicts(result)
    return ["", *said] if said else []


def figures(result: Result) -> list[str]:
    """Numbers of children, cache hits and redundancy."""
    totals = result.totals
    kinds = ", ".join(f"{count} {kind}" for kind, count in totals.outcomes.items())
    return [
        f"{totals.generated} children generated, {totals.trained} of them trained{f' ({kinds})' if kinds else ''};",
        f"cache hit rate {format_share(totals.cache_hit_rate)}; {format_share(result.redundancy)} of the statements"
        " of the last population redundant.",
    ]


def provenance(result: Result, key: str) -> str:
    """Where a program comes from, for the docstring of its export: run, child, hash of its genome, fitness."""
    child, config = result.child(key), result.config
    run, adamw = result.directory.resolve().name, result.tuned["adamw"]
    fitness = child.evaluation.kind if child.evaluation.fitness is None else format_loss(child.evaluation.fitness)
    lines = [
        f"Found by optsearch on {config['task']}, run {run} with seed {config['seed']}"
        f" (child {key}, hash {child.hash}):",
        f"validation loss {fitness}, tuned AdamW's {format_loss(adamw.fitness)}, with the seeds of the search;",
    ]
    for stage in result.stages:
        if key in stage.scores:
            scores = [format_score(score) for score in (stage.scores[key], stage.baselines["adamw"])]
            lines.append(f"x{stage.scale}, seeds that the search has not seen: {scores[0]}, AdamW {scores[1]};")
    return "\n".join(lines).removesuffix(";") + "."


def format_score(score: Score | None) -> str:
    """`mean +- error`, the kind of failure, or a dash for what did not get there.

    Both have the decimals that two digits of the error need, four or more; more than eight are written as powers of 10.

    >>> format_score(Score((0.0036, 0.00371, 0.00368), "trained"))
    '0.003663 +- 0.000033'
    """
    if score is None:
        return "-"
    if score.kind != TRAINED:
        return score.kind
    if math.isnan(score.error):  # of one seed
        return format_loss(score.mean)
    if score.error <= 1e-12 * abs(score.mean):  # losses that are the same, or were before they were added
        return f"{format_loss(score.mean)} +- {format_loss(0.0)}"
    decimals = max(4, 1 - math.floor(math.log10(score.error)))
    if decimals > MOST_DECIMALS or abs(score.mean) >= LARGE:
        return f"{score.mean:.3g} +- {score.error:.2g}"
    return f"{score.mean:.{decimals}f} +- {score.error:.{decimals}f}"


def format_loss(loss: float) -> str:
    """Four decimals; three digits where these would show nothing, or noise."""
    return f"{loss:.4f}" if loss == 0 or 1e-3 <= abs(loss) < 100 else f"{loss:.3g}"


def format_gain(gain: float, scale: float | None = None) -> str:
    """A difference of losses as `format_loss` has these, with its sign.

    Args:
        gain: the difference.
        scale: of the numbers that it stands beside, if not its own.
    """
    return f"{gain:+.4f}" if gain == 0 or 1e-3 <= abs(scale or gain) < 100 else f"{gain:+.3g}"


def format_share(share: float) -> str:
    """A share in percent, to a decimal; two digits where that would show nothing, a dash if there is none.

    >>> [format_share(share) for share in (0.5, 0.00012, 0.0, float("nan"))]
    ['50.0%', '0.012%', '0.0%', '-']
    """
    if math.isnan(share):
        return "-"
    return f"{share:.1%}" if share == 0 or share >= 0.001 else f"{100 * share:.2g}%"


def format_seconds(seconds: dict[str, float]) -> str:
    """`tune 6 s, evolve 70 s, funnel 30 s`."""
    return ", ".join(f"{name} {spent:.0f} s" for name, spent in seconds.items())
