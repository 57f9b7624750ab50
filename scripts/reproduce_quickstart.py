"""Three seeds of the quick start: each winner against AdamW and Lion, tuned on the same task, on seeds nobody has seen.

    python scripts/reproduce_quickstart.py [--config quickstart] [--seeds 0 1 2] [--out runs/reproduce] [--fresh 16]

Runs that are already in --out are read, not run again. Learning rate and weight decay of AdamW and Lion are tuned over
8 x 4 values on each task. The test split is read here for the first time. Prints a table, and writes reproduce.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

from proxy_tasks.environment import single_threaded, start_jax

single_threaded()
start_jax()

import dsl  # noqa: E402
import proxy_tasks  # noqa: E402
import search  # noqa: E402
from proxy_tasks import TRAINED, Task, Trainer  # noqa: E402
from search.config import Config, TuneConfig  # noqa: E402
from search.configuration import load_config, to_dict  # noqa: E402
from search.console import Console  # noqa: E402
from search.funnel import Score, run_stage  # noqa: E402
from search.steps import BASELINES  # noqa: E402
from search.summary import format_score  # noqa: E402
from search.tuning import tune_once  # noqa: E402
from search.workers import Bench  # noqa: E402

FIRST_SEED = 2000  # the search uses seeds from 0, the funnel from 1000
GRID = TuneConfig(
    learning_rates=(0.0001, 0.0003, 0.001, 0.002, 0.004, 0.008, 0.016, 0.03),
    weight_decays=(0.01, 0.1, 1.0, 10.0),
    finalists=12,
    seeds=5,
)


def main() -> None:
    """Runs, compares, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("quickstart"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/reproduce"))
    parser.add_argument("--fresh", type=int, default=16, help="number of seeds of the comparison")
    arguments = parser.parse_args()
    config, console = load_config(arguments.config), Console()
    winners = {seed: winner_of(replace(config, seed=seed), arguments.out, console) for seed in arguments.seeds}
    rows: dict[str, dict[str, Score]] = {}
    for scale in (config.scale, *config.funnel.scales):
        rows |= compare(proxy_tasks.get(config.task, scale=scale), winners, arguments.fresh, console)
    print(f"\nloss over {arguments.fresh} fresh seeds, mean +- standard error")
    columns = list(next(iter(rows.values())))
    print(f"{'':<16}" + "".join(f"{column:>22}" for column in columns))
    for name, scores in rows.items():
        print(f"{name:<16}" + "".join(f"{format_score(scores[column]):>22}" for column in columns))
    print("\nAdamW's loss less the program's, seed by seed")
    for name, scores in rows.items():
        print(f"{name:<16}" + "".join(f"{gain(scores, column):>22}" for column in columns))
    data = {name: {column: asdict(score) for column, score in scores.items()} for name, scores in rows.items()}
    (arguments.out / "reproduce.json").write_text(json.dumps(data, indent=1))


def gain(scores: dict[str, Score], column: str) -> str:
    """Mean and standard error of the paired differences to AdamW; a dash where a training failed."""
    pairs = scores["adamw"], scores[column]
    if column == "adamw" or any(score.kind != TRAINED for score in pairs):
        return "-"
    return format_score(Score(tuple(a - b for a, b in zip(*(s.losses for s in pairs), strict=True)), TRAINED))


def winner_of(config: Config, out: Path, console: Console) -> dsl.Program:
    """The simplified winner of a run: of the one that is there, or of a new one."""
    directory = out / f"seed-{config.seed}"
    exists = (directory / "winner.txt").exists()
    result = search.load(directory) if exists else search.run(config, directory, console)
    if result.config != to_dict(config):
        raise SystemExit(f"{directory} is a run of another configuration: give another --out")
    assert result.simplified is not None
    print(f"seed {config.seed}: {result.totals}\n\n{result.simplified}")
    return result.simplified


def compare(task: Task, winners: dict[int, dsl.Program], fresh: int, console: Console) -> dict[str, dict[str, Score]]:
    """Tunes the baselines on a task and scores all on the validation and the test split: {row: {column: score}}."""
    bench = Bench.inline(Trainer(task), task.scale)
    tuned = {}
    for name in BASELINES:
        best = tune_once(name, bench, GRID, console.progress(f"{name} x{task.scale}"))
        print(f"{name} x{task.scale}: learning rate {best.learning_rate:g}, weight decay {best.weight_decay:g}")
        tuned[name] = best.program
    rows, found = {}, {f"seed {seed}": program for seed, program in winners.items()}
    for split, scored in (("validation", bench), ("test", Bench.inline(Trainer(task, task.test_data()), task.scale))):
        stage = run_stage(scored, fresh, tuned, found, first_seed=FIRST_SEED)
        rows[f"x{task.scale} {split}"] = {**stage.baselines, **stage.scores}
    return rows


if __name__ == "__main__":
    main()
