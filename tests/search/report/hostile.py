"""A run that was never made, in whose journal every text that can be is hostile."""

from __future__ import annotations

import dsl
import search
from proxy_tasks import STOPPED_EARLY, TRAINED, Outcome
from search import Config, Result
from search.configuration import to_dict
from search.evaluator import TASK_ERROR, Evaluation
from search.journal import Child, Journal

SCRIPT = "<script>hacked=1</script>"
HOSTILE = f"""</script></title></style>{SCRIPT}<img src=x onerror="hacked=1">'"><b onclick=hacked=1>$\\frac{{&lt;"""
ERROR = f'Traceback (most recent call last):\n  File "{HOSTILE}", line 1, in loss\nValueError: {HOSTILE}'


def fill(journal: Journal, task: str = HOSTILE, children: int = 12, ended: bool = True) -> Result:
    """Fills and closes a journal, and reads the run.

    Args:
        journal: of a directory.
        task: its name.
        children: number of them.
        ended: whether it has a winner.
    """
    config = {**to_dict(Config(population=5)), "task": task, "start": HOSTILE, HOSTILE: {HOSTILE: [HOSTILE]}}
    tuned = {"learning_rate": 0.003, "weight_decay": 0.1, "fitness": 0.9}
    origin = {"python": HOSTILE, "platform": HOSTILE, "sources": HOSTILE, "tasks": {"1": HOSTILE}, "files": [HOSTILE]}
    journal.facts(config=config, baselines={1: {"adamw": tuned, "lion": tuned}}, origin=origin, seconds={HOSTILE: 1.0})
    journal.facts(machines={1: HOSTILE}, mixed=True)
    for id in range(children):
        program = dsl.parse(f"def train(w, g, m, v, lr):\n  x{id} = sign(w)\n  u = g * {1 + id}.5\n  return u, m, v\n")
        parent, mutation = (None, None) if id == 0 else (max(0, id - 2), HOSTILE if id % 2 else "insert")
        journal.record(Child(id, parent, mutation, program, dsl.canonical_hash(program), _evaluation(id), True))
    if ended:
        journal.facts(winner="9", stages=[_stage(1, 4), _stage(10, 1)])
    directory = journal._directory
    journal.close()
    return search.load(directory)


def _evaluation(id: int) -> Evaluation:
    if id % 4 == 2:
        return Evaluation(TASK_ERROR, None, (), error=f"{ERROR} {id}")
    if id % 4 == 3:
        return Evaluation(STOPPED_EARLY, None, (Outcome(STOPPED_EARLY, None, (2.5,), 70),))
    outcome = Outcome(TRAINED, 1 - id / 20, (2.0, 1.5, 1.0, 0.9), 500)
    return Evaluation(TRAINED, outcome.loss, (outcome,))


def _stage(scale: int, seeds: int) -> dict:
    def score(least: float) -> dict:
        losses = [least + seed / 10 for seed in range(seeds)]
        return {"losses": losses, "kind": TRAINED, "tasks": 1, "curves": [[2.0, 1.0, 0.5, least]]}

    failed = {"losses": [], "kind": HOSTILE, "tasks": 1}
    baselines = {"adamw": score(0.5), "lion": score(0.4)}
    return {"scale": scale, "seeds": seeds, "baselines": baselines, "scores": {"9": score(0.3), "5": failed}}
