"""Training a task's model with a program: the numbers, their bits, and what they cost."""

from __future__ import annotations

import logging
import math
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.flatten_util import ravel_pytree

import dsl
import proxy_tasks
from dsl.vm.bytecode import Capacity, encode
from proxy_tasks import CHECKPOINTS, NEVER, NON_FINITE, STOPPED_EARLY, TRAINED, Trainer
from proxy_tasks.trainer import QUEUE, SEEDS_KEPT
from proxy_tasks.vision_mlp import Digits

ADAMW = dsl.canonical(dsl.known("adamw", learning_rate=0.01, weight_decay=0.1))
LION = dsl.canonical(dsl.known("lion", learning_rate=0.003))
SGD = dsl.canonical(dsl.known("sgd", learning_rate=0.3))

THREE_STATES = dsl.parse("""
def train(w, g, m, v, slow, lr):
  g2 = square(g)
  m = interp(g, m, 0.9)
  v = interp(g2, v, 0.999)
  slow = interp(m, slow, 0.5)
  sqrt_v = sqrt(v)
  update = m + slow
  update = update / sqrt_v
  lr = lr * 0.005
  update = update * lr
  return update, m, v, slow
""")


TOO_LARGE = dsl.parse(  # for the machine that most programs are trained by
    "".join(
        [
            "def train(w, g, lr):\n",
            *(f"  c{i} = g * {2.0**i}\n" for i in range(20)),
            *(f"  c{i} = c{i} * {2.0**-i}\n" for i in range(20)),
            *(f"  g = max(g, c{i})\n" for i in range(20)),  # of equal ones
            *("  g = g + g\n  g = g * 0.5\n" for _ in range(10)),
            "  lr = lr * 0.3\n  u = g * lr\n  return u",
        ]
    )
)


@pytest.fixture(scope="module", params=["auto", "jax"])
def trainer(request) -> Trainer:
    return Trainer(proxy_tasks.get("digits"), machine=request.param)


def mutants(count: int) -> list[dsl.Program]:
    """Canonical programs of different hashes, each some mutations away from AdamW; not all of them train."""
    rng, found, program = np.random.default_rng(0), {}, dsl.optimizers["adamw"]
    while len(found) < count:
        program = dsl.mutate(program if len(program) < 25 else dsl.optimizers["adamw"], rng)
        found[dsl.canonical_hash(program)] = dsl.canonical(program)
    return list(found.values())


# The same bits.


@pytest.mark.parametrize("program", [ADAMW, LION, SGD], ids=["adamw", "lion", "sgd"])
def test_a_training_gives_the_same_bits_again_whatever_was_trained_in_between(trainer, program):
    first = trainer.train(program, seed=3)
    assert first == trainer.train(program, seed=3)
    for other in mutants(5):
        trainer.train(other)
    assert first == trainer.train(program, seed=3)


def test_a_training_gives_the_same_bits_in_another_process(trainer):
    code = (
        "import dsl, proxy_tasks\n"
        f"trainer = proxy_tasks.Trainer(proxy_tasks.get('digits'), machine='{trainer.machine.name}')\n"
        "for name in ('adamw', 'lion', 'addsign'): print(trainer.train(dsl.canonical(dsl.optimizers[name]), 3))"
    )
    root = Path(proxy_tasks.__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    here = [trainer.train(dsl.canonical(dsl.optimizers[name]), 3) for name in ("adamw", "lion", "addsign")]
    assert run.stdout.splitlines() == [str(outcome) for outcome in here]


def test_a_program_has_the_same_bits_alone_and_anywhere_among_others(trainer):
    rng = np.random.default_rng(0)
    programs = [*mutants(QUEUE + 10), THREE_STATES, TOO_LARGE]
    curve = trainer.train(ADAMW).curve
    thresholds = [NEVER if rng.random() < 0.5 else tuple(rng.uniform(0.8, 2) * c for c in curve[:3]) for _ in programs]
    alone = [trainer.train(program, 1, limits) for program, limits in zip(programs, thresholds, strict=True)]
    assert {outcome.kind for outcome in alone} == {TRAINED, STOPPED_EARLY, NON_FINITE}
    for order in (range(len(programs)), rng.permutation(len(programs)), rng.permutation(len(programs))[:20]):
        found = trainer.train_many([programs[i] for i in order], 1, [thresholds[i] for i in order])
        assert found == [alone[i] for i in order]


def test_no_programs_have_no_outcomes(trainer):
    assert trainer.train_many([], 0, []) == []


def test_a_seed_that_had_to_make_room_for_others_gives_the_same_bits_when_it_comes_back(trainer):
    first = trainer.train(SGD, seed=100)
    others = [trainer.train(SGD, seed) for seed in range(SEEDS_KEPT)]
    assert len({first, *others}) == 1 + SEEDS_KEPT
    assert trainer.train(SGD, seed=100) == first


def test_seeds_differ(trainer):
    outcomes = [trainer.train(ADAMW, seed) for seed in range(5)]
    assert len({outcome.loss for outcome in outcomes}) == len({outcome.curve for outcome in outcomes}) == 5


# The numbers.


def test_adamw_learns_the_task(trainer):
    outcome = trainer.train(ADAMW)
    assert outcome.kind == TRAINED and outcome.steps == trainer.task.steps
    assert outcome.loss < 0.5 < math.log(10) / 4
    assert len(outcome.curve) == len(CHECKPOINTS) + 1
    assert all(later < earlier for earlier, later in zip(outcome.curve, outcome.curve[1:], strict=False))


def adamw_step(w, g, states, lr):
    m, v = states
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return w - 0.01 * lr * (m / (jnp.sqrt(v) + 1e-8) + 0.1 * w), (m, v)


def three_state_step(w, g, states, lr):
    m, v, slow = states
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    slow = 0.5 * slow + 0.5 * m
    return w - 0.005 * lr * (m + slow) / (jnp.sqrt(v) + 1e-8), (m, v, slow)


@pytest.mark.parametrize(
    "program, step, states",
    [(ADAMW, adamw_step, 2), (THREE_STATES, three_state_step, 3)],
    ids=["adamw", "three states"],
)
def test_a_training_is_the_plain_loop_with_the_formula_of_the_optimizer(trainer, program, step, states):
    task, seed = trainer.task, 1
    start, unflatten = ravel_pytree(task.init(seed))
    data, batches, schedule = jax.device_put((task.data(), task.batches(seed), task.schedule()))
    gradient = jax.value_and_grad(lambda w, batch: task.loss(unflatten(w), data, batch))

    @jax.jit
    def loop():
        def once(carry, inputs):
            (w, memory), (batch, lr) = carry, inputs
            loss, g = gradient(w, batch)
            return step(w, g, memory, lr), loss

        (w, _), losses = lax.scan(once, (start, (jnp.zeros_like(start),) * states), (batches, schedule))
        return task.evaluate(unflatten(w), data), losses

    loss, losses = loop()
    outcome = trainer.train(program, seed)
    parts = np.split(np.asarray(losses), [20, 50, 100])  # of 200 steps
    assert outcome.curve == pytest.approx([part.mean() for part in parts], rel=1e-3)
    assert outcome.loss == pytest.approx(float(loss), rel=1e-3)


def test_train_trains_the_canonical_form(trainer):
    program = dsl.parse("""
    def train(w, g, m, v, lr):
      dead = exp(w)
      v = cosh(dead)
      update = g * 0.7
      update = update * lr
      update = update * 0.3
      return update, m, v
    """)
    canonical = trainer.train(dsl.canonical(program), seed=2)
    assert proxy_tasks.train(program, trainer.task, seed=2) == canonical != trainer.train(program, seed=2)


def test_train_refuses_what_is_not_a_valid_program(trainer):
    program = dsl.Program(("w", "g", "lr"), (dsl.Statement("u", "+", ("g", "m")),), ("u",))
    with pytest.raises(dsl.ProgramError, match="'m' is read before it is set"):
        proxy_tasks.train(program, trainer.task)


def test_other_data_changes_what_is_trained_and_scored_on(trainer):
    other = Trainer(trainer.task, trainer.task.test_data(), trainer.machine.name).train(ADAMW)
    own = trainer.train(ADAMW)
    assert other.curve == own.curve and other.loss != own.loss


# Early stopping.


@pytest.mark.parametrize("program", [ADAMW, LION, SGD], ids=["adamw", "lion", "sgd"])
def test_a_survivor_of_early_stopping_has_the_bits_of_a_full_training(trainer, program):
    full = trainer.train(program)
    assert trainer.train(program, thresholds=[loss * 1.001 for loss in full.curve[:3]]) == full


@pytest.mark.parametrize("checkpoint, steps", [(0, 20), (1, 50), (2, 100)])
def test_a_training_above_a_threshold_stops_at_that_checkpoint(trainer, checkpoint, steps):
    full = trainer.train(ADAMW)
    thresholds = [math.inf] * 3
    thresholds[checkpoint] = full.curve[checkpoint] * 0.999
    stopped = trainer.train(ADAMW, thresholds=thresholds)
    assert (stopped.kind, stopped.loss, stopped.steps) == (STOPPED_EARLY, None, steps)
    assert stopped.curve == full.curve[: checkpoint + 1]


# Failures.


def test_a_training_ends_with_the_first_loss_that_is_not_finite(trainer):
    program = dsl.parse("def train(w, g, lr):\n  u = w / lr\n  u = u * 1e38\n  return u")
    outcome = trainer.train(program)
    assert (outcome.kind, outcome.loss, outcome.curve) == (NON_FINITE, None, ())
    assert 2 <= outcome.steps < 20


def test_non_finite_goes_before_stopped_early(trainer):
    program = dsl.parse("def train(w, g, lr):\n  u = w * 1e38\n  u = u * 1e38\n  return u")
    assert trainer.train(program, thresholds=(0.0, 0.0, 0.0)).kind == NON_FINITE


def test_a_loss_that_is_not_finite_at_a_checkpoint_is_no_early_stop(trainer):
    # m counts the steps; arccosh is NaN below 1, so that the weights are lost in step 19 and the loss in step 20
    program = dsl.parse("""
    def train(w, g, m, lr):
      m = m + 1.0
      left = 19.5 - m
      u = arccosh(left)
      u = u * 0.0
      return u, m
    """)
    outcome = trainer.train(program, thresholds=(1e9, 1e9, 1e9))
    assert (outcome.kind, outcome.curve, outcome.steps) == (NON_FINITE, (), 20)


def test_weights_that_only_the_last_step_spoils_are_non_finite_with_a_whole_curve(trainer):
    *_, before, last = trainer.task.schedule()
    assert last < before
    # arccosh is NaN below 1, and the factor is below 1 in the last step alone
    program = dsl.parse(f"""
    def train(w, g, lr):
      a = lr * {1.5 / before}
      a = arccosh(a)
      a = a * 0.0
      u = g * a
      return u
    """)
    outcome = trainer.train(program)
    assert (outcome.kind, outcome.loss, outcome.steps) == (NON_FINITE, None, trainer.task.steps)
    assert len(outcome.curve) == 4


def test_a_state_may_overflow_as_long_as_the_weights_do_not_read_it(trainer):
    program = dsl.parse("""
    def train(w, g, m, lr):
      lr = lr * 0.3
      u = g * lr
      m = m * 1e30
      m = m + 1.0
      return u, m
    """)
    assert trainer.train(program) == trainer.train(SGD)


# The cost of a candidate.


def test_candidates_after_the_first_compile_nothing(trainer, caplog):
    candidates = mutants(50)
    trainer.train(ADAMW)
    with jax.log_compiles(), caplog.at_level(logging.DEBUG):
        for program in candidates:
            trainer.train(program)
        assert caplog.text == ""
        jax.jit(lambda x: x + 1)(1)
        assert "ompil" in caplog.text  # it would have shown


def test_a_prepared_trainer_compiles_nothing_for_its_first_candidate(caplog):
    trainer = Trainer(proxy_tasks.get("digits"))
    trainer.prepare()
    with jax.log_compiles(), caplog.at_level(logging.DEBUG):
        trainer.train(ADAMW)
        assert "jit(queue)" not in caplog.text
        trainer.train(TOO_LARGE)
        assert "jit(queue)" in caplog.text  # it would have shown


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc that tells the memory in use")
def test_thousands_of_candidates_leave_nothing_in_the_process(trainer):
    candidates = mutants(1000)
    stopped = (0.0, 0.0, 0.0)  # at the first checkpoint

    def resident_mib() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20

    for program in candidates[:200]:
        trainer.train(program, thresholds=stopped)
    compiled, before = len(trainer._loops), resident_mib()
    for program in candidates:
        trainer.train(program, thresholds=stopped)
    assert len(trainer._loops) == compiled and resident_mib() - before < 4


def test_a_program_too_large_for_the_usual_machine_trains(trainer):
    needed, usual = encode(TOO_LARGE).needed, Capacity()
    assert needed.instructions > usual.instructions and needed.trees > usual.trees
    large, small = trainer.train(TOO_LARGE), trainer.train(SGD)
    assert large.loss == pytest.approx(small.loss, rel=1e-4)  # compiled anew, so perhaps with other roundings


def test_a_task_whose_checkpoints_would_coincide_is_refused():
    task = Digits()
    task.steps = 5
    with pytest.raises(proxy_tasks.TaskError, match="digits: has 5 steps: give it at least 6"):
        Trainer(task)
