"""What a run ends with: the winner beside AdamW and Lion, the figures of the search, what to do next."""

from __future__ import annotations

from search.funnel import Score
from search.result import Result


def summary(result: Result) -> str:
    """The end of a finished run, for people."""
    winner, simplified = result.winner, result.simplified
    assert winner is not None and simplified is not None, "only a finished run has a winner"
    totals, task = result.totals, result.config["task"]
    lines = [
        f"The winner, child {winner.id}, simplified from {len(winner.program)} to {len(simplified)} statements:",
        "",
        *(f"    {line}" for line in str(simplified).splitlines()),
        "",
        "Validation loss (lower is better), mean and standard error over seeds the search has not seen;",
        "AdamW and Lion with learning rate and weight decay tuned on the same task:",
        "",
        f"    {'task':<20} {'seeds':>5}  {'winner':>16}  {'AdamW':>16}  {'Lion':>16}",
    ]
    for stage in result.stages:
        scores = [stage.scores.get(winner.id), stage.baselines.get("adamw"), stage.baselines.get("lion")]
        shown = "  ".join(f"{format_score(score):>16}" for score in scores)
        lines.append(f"    {f'{task} x{stage.scale}':<20} {stage.seeds:>5}  {shown}")
    kinds = ", ".join(f"{count} {kind}" for kind, count in totals.outcomes.items())
    lines += [
        "",
        f"{totals.generated} children generated, {totals.trained} of them trained ({kinds});",
        f"cache hit rate {totals.cache_hit_rate:.1%}; {result.redundancy:.1%} of the statements"
        " of the last population redundant.",
        f"{format_seconds(result.seconds)}.",
        "",
        "To look further:",
        f"    optsearch show {result.directory}                    # the best programs by length and fitness",
        f"    optsearch show {result.directory} {winner.id}               # the winner as it was found",
        f"    optsearch export {result.directory} {winner.id} --to optax   # as code; also in {result.directory}",
    ]
    return "\n".join(lines)


def format_score(score: Score | None) -> str:
    """`mean +- error`, the kind of failure, or a dash for what did not get there."""
    if score is None:
        return "-"
    if score.kind != "trained":
        return score.kind
    if len(score.losses) == 1:
        return f"{score.mean:.4f}"
    return f"{score.mean:.4f} +- {score.error:.4f}"


def format_seconds(seconds: dict[str, float]) -> str:
    """`tune 6 s, evolve 70 s, funnel 30 s`."""
    return ", ".join(f"{name} {spent:.0f} s" for name, spent in seconds.items())
