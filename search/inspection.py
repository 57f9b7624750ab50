"""What a run, or one of its children, is: plain values, as the subcommands print them and JSON holds them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import dsl
from proxy_tasks import several
from search.journal import Child
from search.lineage import Ancestor
from search.result import Result
from search.searches import located
from search.state import state
from search.verdict import lead


def run_data(result: Result) -> dict[str, Any]:
    """A run: its configuration, figures, front, funnel and winner."""
    totals = result.totals
    return {
        "directory": str(result.directory),
        "state": state(result.directory),
        "task": result.config.get("task"),
        "seed": result.config.get("seed"),
        "generated": totals.generated,
        "trained": totals.trained,
        "outcomes": totals.outcomes,
        "cache_hit_rate": totals.cache_hit_rate,
        "redundancy": result.redundancy,
        "searches": {name: asdict(totals) for name, totals in result.searches.items() if name},
        "baselines": {scale: {n: asdict(b) for n, b in known.items()} for scale, known in result.baselines.items()},
        "front": [_listed(key, child) for key, child in result.front().items()],
        "stages": [asdict(stage) for stage in result.stages],
        "winner": result.winner and result.winner_key and _listed(result.winner_key, result.winner),
        "seconds": result.seconds,
        "seconds_in_all": sum(result.seconds.values()),
        "machines": result.machines,
        "config": result.config,
    }


def row_data(result: Result) -> dict[str, Any]:
    """A run in few figures, beside others: the best fitness, AdamW's, and the winner's in each stage of the funnel."""
    stages = [(stage, stage.scores.get(result.winner_key or ""), stage.baselines["adamw"]) for stage in result.stages]
    best = next(iter(result.best(1).values()), None)
    return {
        "directory": str(result.directory),
        "state": state(result.directory),
        "task": result.config.get("task"),
        "seed": result.config.get("seed"),
        "generated": result.totals.generated,
        "trained": result.totals.trained,
        "cache_hit_rate": result.totals.cache_hit_rate,
        "seconds": result.seconds,
        "seconds_in_all": sum(result.seconds.values()),
        "best": best and best.evaluation.fitness,
        "adamw": result.tuned["adamw"].fitness if result.tuned else None,
        "winner": result.winner_key,
        "funnel": [
            {
                "scale": stage.scale,
                "winner": score and score.mean,
                "adamw": adamw.mean,
                "sure": bool(score and (found := lead(score, adamw)) and found.sure),
            }
            for stage, score, adamw in stages
        ],
    }


def _listed(key: str, child: Child) -> dict[str, Any]:
    return {
        "child": key,
        "live": len(dsl.live(child.program)),
        "fitness": child.evaluation.fitness,
        "formula": dsl.formula(dsl.simplify(child.program)),
    }


def child_data(result: Result, key: str) -> dict[str, Any]:
    """A child: what made it, what it computes, what became of it, and its line."""
    place, reader, number = located(result.config, result.directory, key)
    child, tasks = reader.child(number), several(result.config["task"])
    simplified, evaluation = dsl.simplify(child.program), child.evaluation
    return {
        "child": key,
        "parent": None if child.parent is None else place.key(child.parent),
        "began_from": reader.fact("from") if child.parent is None else None,
        "mutation": child.mutation,
        "hash": child.hash,
        "trained": child.new,
        "kind": evaluation.kind,
        "fitness": evaluation.fitness,
        "error": evaluation.error,
        "seconds": evaluation.seconds,
        "worker": evaluation.worker,
        "trainings": [
            {"task": tasks[trial % len(tasks)], "seed": trial // len(tasks), **asdict(outcome)}
            for trial, outcome in enumerate(evaluation.outcomes)
        ],
        "program": str(child.program),
        "live": list(dsl.live(child.program)),
        "pruned": str(dsl.prune(child.program)),
        "simplified": str(simplified),
        "formula": dsl.formula(simplified),
        "formulas": dsl.formulas(simplified),
        "offspring": reader.offspring(child.id),
        "of_this_hash": reader.of_hash(child.hash),
        "lineage": [ancestor_data(ancestor) for ancestor in result.lineage(key)],
        "funnel": [
            {
                "scale": stage.scale,
                "seeds": stage.seeds,
                "score": asdict(stage.scores[key]),
                "passed": key in stage.passed,
            }
            for stage in result.stages
            if key in stage.scores
        ],
    }


def ancestor_data(ancestor: Ancestor) -> dict[str, Any]:
    """One program of a line."""
    values = asdict(ancestor)
    return {"child": values.pop("key"), **values}
