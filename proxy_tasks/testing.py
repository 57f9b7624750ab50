"""The conformance suite of a task: each check is one rule, and its error says what to change.

In a test file, each check as a test of its own:

    import pytest
    from proxy_tasks.testing import CHECKS, Subject

    SUBJECT = Subject("path/to/my_task.py:MyTask")

    @pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
    def test_my_task(check):
        check(SUBJECT)

On the command line: `optsearch tasks check path/to/my_task.py:MyTask`.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from typing import Any

import jax
from jax.experimental import checkify

from proxy_tasks.contract import ask, check_contract, check_start, require
from proxy_tasks.errors import TaskError
from proxy_tasks.leaks import common, divided, entries
from proxy_tasks.leaves import digest, named, not_finite
from proxy_tasks.registry import get
from proxy_tasks.subject import RATES, Subject
from proxy_tasks.task import Task

__all__ = ["CHECKS", "Subject"]

SEEDS = (0, 1, 2)
SCALES = (1, 10, 100, 500)  # those that the contract of a task names
LOOKED_AT = 8  # steps whose gradients tell whether a weight is used
LEAST_GAIN = 0.01  # share of the first fitness by which AdamW has to better it


def contract(subject: Subject) -> str:
    """Shapes and dtypes are those that `Task` asks for."""
    check_contract(subject.task, subject.weights, subject.data, subject.batches, subject.schedule)
    leaves = jax.tree.leaves(subject.weights)
    weights = sum(leaf.size for leaf in leaves)
    return f"{weights:,} float32 weights in {len(leaves)} arrays, {subject.task.steps:,} steps"


def start(subject: Subject) -> str:
    """Loss, gradient and fitness are finite before anything is trained."""
    task, said = subject.task, []
    for seed in SEEDS:
        weights, batches = ask(task, "init", seed), ask(task, "batches", seed)
        batch = jax.tree.map(lambda b: b[0], batches)
        loss, gradient = subject.loss(weights, subject.on_device, batch)
        check_start(task, float(loss), weights, subject.on_device)
        spoilt = not_finite(gradient)
        require(
            not spoilt,
            task,
            f"the gradient of loss() at the start (seed {seed}) is not finite in {', '.join(spoilt)}: keep roots, norms"
            " and logarithms away from 0, also where jnp.where leaves them out",
        )
        fitness = subject.evaluate(weights, subject.on_device)
        require(
            math.isfinite(fitness), task, f"evaluate() is {fitness} at the start, and loss() is not: compare the two"
        )
        said.append(f"loss() is {loss:.4g} and evaluate() {fitness:.4g}")
    return f"{said[0]} at the start, and the gradient finite"


def gradients(subject: Subject) -> str:
    """No array of weights has a gradient that is always zero."""
    unused = set(named(subject.weights))
    for step in range(min(LOOKED_AT, subject.task.steps)):
        for weights in (subject.weights, subject.moved):
            gradient = subject.loss(weights, subject.on_device, subject.batch(step))[1]
            unused -= {name for name, array in named(gradient).items() if array.any()}
    require(
        not unused,
        subject.task,
        f"the gradient of loss() is always zero for {', '.join(sorted(unused))}, which nothing uses: take it out of"
        " init(), or use it in loss()",
    )
    return "every array of weights has a gradient"


def indices(subject: Subject) -> str:
    """No step and no evaluation reads past the end of an array, which JAX would hide by reading the last row."""
    task = subject.task
    loss, evaluate = (
        jax.jit(checkify.checkify(method, errors=checkify.index_checks)) for method in (task.loss, task.evaluate)
    )
    given = (subject.weights, subject.on_device)
    calls: list[tuple[str, Callable, tuple]] = [("evaluate()", evaluate, given)]
    calls += [(f"loss() in step {step}", loss, (*given, subject.batch(step))) for step in range(task.steps)]
    for what, call, arguments in calls:
        try:
            found, _ = call(*arguments)
        except Exception as error:  # it has run without checkify, so what fails is that
            return f"cannot be told: JAX has no index checks for {what} ({type(error).__name__})"
        require(
            found.get() is None,
            task,
            f"{what} reads what is not there, for which JAX takes something else in silence:"
            f" {' '.join((found.get() or '').split())} Let batches() draw from 0 up to, and without, the number of"
            " training examples; where more is meant, use jnp.clip",
        )
    return f"nothing is read past the end of an array in {task.steps:,} steps and an evaluation"


def repeats(subject: Subject) -> str:
    """What the host makes is the same when it is made again."""
    first = digests(subject.task)
    for task, how in ((subject.task, "when it is called again"), (subject.another(), "in a second instance")):
        _require_same(subject.task, first, digests(task), how)
    return f"{', '.join(dict.fromkeys(name.partition('(')[0] for name in first))} are the same again"


def processes(subject: Subject) -> str:
    """What the host makes is the same in another process, as workers are."""
    asked = "from proxy_tasks import get, testing; task = get(sys.argv[1], int(sys.argv[2]))"
    code = f"import json, sys; {asked}; print(json.dumps(testing.digests(task)))"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        "PYTHONHASHSEED": "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # a GPU has room for both
    }
    child = subprocess.run(
        [sys.executable, "-P", "-c", code, subject.target, str(subject.scale)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    said = child.stderr.strip().splitlines()[-1:] or [f"exit status {child.returncode}"]
    require(child.returncode == 0, subject.task, f"cannot be made in another process: {said[0]}")
    found = json.loads(child.stdout.splitlines()[-1])
    how = "in another process: look for hash(), the order of a set, the time, or a global random state"
    _require_same(subject.task, digests(subject.task), found, how)
    return "another process makes the same"


def seeds(subject: Subject) -> str:
    """Another seed is another training."""
    made = {name: [digest(ask(subject.task, name, seed)) for seed in SEEDS] for name in ("init", "batches")}
    differing = [name for name, found in made.items() if len(set(found)) == len(SEEDS)]
    require(
        bool(differing),
        subject.task,
        "init() and batches() are the same for different seeds: draw from np.random.default_rng(seed)",
    )
    constant = "".join(f"; {name}() does not" for name in made if name not in differing)
    return f"{' and '.join(f'{name}()' for name in differing)} differ from seed to seed{constant}"


def pure(subject: Subject) -> str:
    """Loss, gradient and fitness are functions of their arguments."""
    task, given = subject.task, (subject.weights, subject.on_device)
    other = subject.another()

    def computed(loss: Callable, evaluate: Callable) -> dict[str, str]:
        value, gradient = loss(*given, subject.batch(0))
        return {
            "loss()": digest(value),
            "the gradient of loss()": digest(gradient),
            "evaluate()": digest(evaluate(*given)),
        }

    first = computed(subject.loss, subject.evaluate)
    for _ in range(3):  # what is drawn or counted while it is traced
        ask(other, "loss", *given, subject.batch(0), call=_traced)
        ask(other, "evaluate", *given, call=_traced)
    _require_same(task, first, computed(subject.loss, subject.evaluate), "when it is computed again")
    found = computed(jax.jit(jax.value_and_grad(other.loss)), lambda *given: float(jax.jit(other.evaluate)(*given)))
    _require_same(task, first, found, "in a second instance: look for what the task draws or counts by itself")
    return "loss, gradient and fitness are the same again, and in a second instance"


def splits(subject: Subject) -> str:
    """No example of the evaluation or the test split is in another split."""
    task, ours, tests = subject.task, entries(subject.data), entries(subject.test_data)
    require(
        named(subject.data).keys() == named(subject.test_data).keys(),
        task,
        f"test_data() has {', '.join(named(subject.test_data))} and data() {', '.join(named(subject.data))}:"
        " give both the same arrays",
    )
    shared, scored = divided(subject.data, subject.test_data)
    require(
        bool(scored), task, "test_data() gives what data() gives: put the test split in place of the evaluation split"
    )
    training = {f"data(){name}": ours[name] for name in shared}
    evaluation = {f"data(){name}": ours[name] for name in scored}
    test = {f"test_data(){name}": tests[name] for name in scored}
    told = set()
    for (name, split), (other, known) in [
        *product(evaluation.items(), training.items()),
        *product(test.items(), [*training.items(), *evaluation.items()]),
    ]:
        found = common(known, split)
        if found is not None:
            told.add(name)
        require(
            not found,
            task,
            f"{found} of the examples of {name} are also in {other}: divide the examples once, and before that remove"
            " those that are there twice, with np.unique(..., axis=0)",
        )
    untold = [name for name in (*evaluation, *test) if name not in told]
    found_none = [f"{' and '.join(sorted(told))} have no more of another split than chance gives"] if told else []
    see = [f"of {', '.join(untold)} that cannot be told from the arrays: see to it yourself"] if untold else []
    return "; ".join([*found_none, *see])


def reads(subject: Subject) -> str:
    """Training sees the training split alone, and the fitness is that of the data that is given."""
    task, given, test = subject.task, subject.on_device, jax.device_put(subject.test_data)
    losses = [digest(subject.loss(subject.moved, data, subject.batch(0))) for data in (given, test)]
    require(
        losses[0] == losses[1],
        task,
        "loss() changes with test_data(): let it read the training split alone, and let both have the same one",
    )
    fitness = [
        subject.evaluate(weights, data) for data in (given, test) for weights in (subject.weights, subject.moved)
    ]
    require(
        fitness[:2] != fitness[2:],
        task,
        "evaluate() is the same for data() and test_data(): let it read its argument, not what the task keeps",
    )
    return "loss() reads what data() and test_data() share, evaluate() what differs"


def closed(subject: Subject) -> str:
    """Whatever a search asks for, the test split is not opened for it."""
    task = subject.another()

    def opened() -> Any:
        raise TaskError(f"{task.name}: another method calls test_data(): keep the test split for reports alone")

    vars(task)["test_data"] = opened
    data, weights = ask(task, "data"), ask(task, "init", 0)
    batch = jax.tree.map(lambda b: b[0], ask(task, "batches", 0))
    ask(task, "schedule")
    ask(task, "loss", weights, data, batch, call=jax.eval_shape)
    ask(task, "evaluate", weights, data, call=jax.eval_shape)
    return "nothing else calls test_data()"


def learns(subject: Subject) -> str:
    """AdamW betters the fitness within the steps of a training."""
    task, chance = subject.task, getattr(subject.task, "chance", None)
    before = subject.evaluate(subject.weights, subject.on_device)
    losses = {rate: outcome.loss for rate, outcome in subject.trainings.items() if outcome.loss is not None}
    require(
        bool(losses),
        task,
        f"a training by AdamW is not finite with any learning rate from {RATES[0]} to {RATES[-1]}: scale the inputs and"
        " the initial weights to about 1",
    )
    rate, after = min(losses.items(), key=lambda item: item[1])
    fall = f"evaluate() from {before:.4g} to {after:.4g} in {task.steps:,} steps (best learning rate {rate:g})"
    require(
        before - after > LEAST_GAIN * abs(before),
        task,
        f"AdamW brings {fall}: give more steps or inputs of about unit size, and see that loss() and evaluate() measure"
        " the same thing",
    )
    require(
        chance is None or after < chance,
        task,
        f"AdamW brings {fall}, no better than chance, {chance}: give more steps, or see what the labels belong to",
    )
    return f"AdamW brings {fall}" + ("" if chance is None else f"; chance is {chance:.4g}")


def version(subject: Subject) -> str:
    """The version is a text that the scale changes, so that no result is taken for another's."""
    task = subject.task
    require(
        isinstance(task.version, str) and bool(task.version),
        task,
        f"version is {task.version!r}: make it proxy_tasks.fingerprint(name, scale, and all settings)",
    )
    found = [other for scale, other in at_scales(subject.target).items() if scale != subject.scale]
    others = [other for other in found if isinstance(other, Task)]
    for other in others:
        require(
            other.version != task.version,
            task,
            f"version is {task.version} at scale {other.scale} as at scale {subject.scale}: put the scale into"
            " fingerprint(), or let __init__ raise TaskError for a scale that there is not",
        )
    return task.version + (", and another at every other scale" if others else "")


def scales(subject: Subject) -> str:
    """There is a scale 1, for a search; larger ones are for the funnel."""
    get(subject.target, 1)
    found = at_scales(subject.target)
    tasks = {scale: task for scale, task in found.items() if isinstance(task, Task)}
    sizes = {scale: ask(task, "size", call=lambda size: size) for scale, task in tasks.items()}
    lines = [f"x{scale} has {sizes[scale]:,} weights and {task.steps:,} steps" for scale, task in tasks.items()]
    if 10 not in tasks:
        lines.append(f"no x10 ({found[10]}): set `funnel.scales: []` in a configuration, or others")
    return "; ".join(lines)


# Adding a check is adding a line; the order is that of a task being built.
CHECKS: dict[str, Callable[[Subject], str]] = {
    "contract": contract,
    "start": start,
    "gradients": gradients,
    "indices": indices,
    "repeats": repeats,
    "processes": processes,
    "seeds": seeds,
    "pure": pure,
    "splits": splits,
    "reads": reads,
    "closed": closed,
    "version": version,
    "scales": scales,
    "learns": learns,
}


def at_scales(target: str) -> dict[int, Task | TaskError]:
    """The task at each of the usual scales, or why there is none."""
    found: dict[int, Task | TaskError] = {}
    for scale in SCALES:
        try:
            found[scale] = get(target, scale)
        except TaskError as error:
            found[scale] = error
    return found


def digests(task: Task) -> dict[str, str]:
    """A digest of all that the host makes of a task, by the call that makes it."""
    calls = [("data", ()), ("test_data", ()), ("schedule", ()), *(("init", (s,)) for s in SEEDS)]
    calls += [("batches", (seed,)) for seed in SEEDS]
    made = {f"{name}({', '.join(map(str, given))})": digest(ask(task, name, *given)) for name, given in calls}
    return {**made, "version": task.version}


def _traced(method: Callable, *arguments: Any) -> Any:
    """Traces a method, also one that was traced before."""
    return jax.eval_shape(lambda *given: method(*given), *arguments)


def _require_same(task: Task, first: dict[str, str], found: dict[str, str], how: str) -> None:
    different = [name for name in first if found[name] != first[name]]
    require(not different, task, f"{', '.join(different)} is another {how}")
