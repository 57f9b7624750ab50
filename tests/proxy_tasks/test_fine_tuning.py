"""Fine-tuning: the weights that it starts from, how they are kept, and what is learnt before and after."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import dsl
import proxy_tasks
from proxy_tasks import TaskError, fine_tuning, pretraining
from proxy_tasks.fine_tuning import FineTuned
from proxy_tasks.pretraining import pretrained, trained

VISION = "finetune_vision,before_steps=20"
ADAMW = dsl.canonical(dsl.known("adamw", learning_rate=0.01, weight_decay=0.1))


def flat(tree) -> np.ndarray:
    return np.asarray(ravel_pytree(tree)[0])


def without_head(model) -> np.ndarray:
    return flat(eqx.tree_at(lambda model: model.head, model, None))


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "optsearch" / "weights"


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr(pretraining, "trained", lambda *_: pytest.fail("it was trained again"))


# What it starts from.


def test_the_body_is_that_of_the_training_before_and_the_head_is_drawn_anew():
    task = proxy_tasks.get(VISION)
    before = ravel_pytree(task.before.init(0))[1](pretrained(task.before, ADAMW))
    zero, one = task.init(0), task.init(1)
    assert np.array_equal(without_head(zero), without_head(before))
    assert np.array_equal(without_head(one), without_head(before))
    assert not np.array_equal(flat(zero.head), flat(one.head))


@pytest.mark.parametrize("name", ["finetune_vision", "finetune_language"])
def test_what_it_starts_from_has_learnt_what_it_was_trained_on(name):
    before = proxy_tasks.get(name).before
    weights = ravel_pytree(before.init(0))[1](pretrained(before, ADAMW))
    data = jax.device_put(before.data())
    assert float(jax.jit(before.evaluate)(weights, data)) < 0.75 * before.chance


@pytest.mark.slow
@pytest.mark.parametrize("name", ["finetune_vision", "finetune_language,steps=100"])
def test_what_was_learnt_before_helps(name, monkeypatch):
    task = proxy_tasks.get(name)

    def score():
        weights = ravel_pytree(task.init(0))[1](trained(task, ADAMW))
        return float(jax.jit(task.evaluate)(weights, jax.device_put(task.data())))

    tuned = score()
    monkeypatch.setattr(FineTuned, "init", lambda self, seed: super(FineTuned, self).init(seed))
    assert tuned < 0.95 * score()


def test_a_training_before_is_what_a_trainer_does():
    task = proxy_tasks.get("digits,steps=50")
    loss = proxy_tasks.Trainer(task).train(ADAMW, seed=3).loss
    weights = ravel_pytree(task.init(3))[1](trained(task, ADAMW, seed=3))
    assert float(task.evaluate(weights, task.data())) == pytest.approx(loss, rel=1e-4)


# How weights are kept.


def test_a_task_is_listed_without_any_training(cache, no_training):
    task = proxy_tasks.get("finetune_vision", 10)
    assert task.size > 0 and task.steps > 0 and not cache.exists()


def test_weights_that_are_kept_are_not_trained_again(cache, monkeypatch):
    first = proxy_tasks.get(VISION)
    version, weights = first.version, flat(first.init(0))
    assert [path.suffix for path in cache.iterdir()] == [".npz"]
    monkeypatch.setattr(pretraining, "trained", lambda *_: pytest.fail("it was trained again"))
    again = proxy_tasks.get(VISION)
    assert again.version == version and np.array_equal(flat(again.init(0)), weights)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path, whole: path.write_bytes(whole[:-100]),
        lambda path, whole: path.write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:]),
        lambda path, whole: path.write_bytes(b""),
        lambda path, whole: np.savez(path, weights=np.zeros(3, np.float32)),
        lambda path, whole: np.savez(path, other=np.zeros(3, np.float32)),
        lambda path, whole: np.savez(path, weights=np.array([{}], object)),
    ],
    ids=["cut", "a bit turned", "empty", "of another size", "of another name", "pickled"],
)
def test_weights_that_are_damaged_are_trained_anew(spoil, cache, monkeypatch):
    task = proxy_tasks.get("digits,steps=6")
    right = np.arange(task.size, dtype=np.float32)
    monkeypatch.setattr(pretraining, "trained", lambda *_: right)
    assert np.array_equal(pretrained(task, ADAMW), right)
    (path,) = cache.iterdir()
    spoil(path, path.read_bytes())
    assert np.array_equal(pretrained(task, ADAMW), right)
    monkeypatch.setattr(pretraining, "trained", lambda *_: pytest.fail("what was mended was not kept"))
    assert np.array_equal(pretrained(task, ADAMW), right)


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(pretraining, "trained", lambda task, _: np.ones(task.size, np.float32))
    assert pretrained(proxy_tasks.get("digits"), ADAMW).all()


def test_processes_that_train_at_once_come_to_the_same(cache):
    code = f"""
import dsl, proxy_tasks
from proxy_tasks.pretraining import pretrained
weights = pretrained(proxy_tasks.get("digits,steps=20"), dsl.parse({str(ADAMW)!r}))
print(weights.tobytes().hex())
"""
    root = Path(proxy_tasks.__file__).parents[1]
    both = [subprocess.Popen([sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE) for _ in range(2)]
    found = {process.communicate()[0].decode().strip() for process in both}
    assert found == {pretrained(proxy_tasks.get("digits,steps=20"), ADAMW).tobytes().hex()}
    assert len(os.listdir(cache)) == 1


@pytest.mark.parametrize(
    ("change", "files"),
    [("before_steps=21", 2), ("before_learning_rate=0.02", 2), ("before_shift=2", 2), ("batch=17", 2), ("order=1", 2)]
    + [("steps=50", 1), ("noise=0.3", 1), ("fitness=accuracy", 1), ("label_noise=0.1", 1)],
)
def test_weights_are_shared_by_tasks_with_the_same_training_before(change, files, cache, monkeypatch):
    monkeypatch.setattr(pretraining, "trained", lambda task, _: np.ones(task.size, np.float32))
    versions = {proxy_tasks.get(name).version for name in ("finetune_vision", f"finetune_vision,{change}")}
    assert len(versions) == 2 and len(os.listdir(cache)) == files


def test_the_version_tells_the_weights(monkeypatch):
    def version(value):
        monkeypatch.setattr(fine_tuning, "pretrained", lambda task, _: np.full(task.size, value, np.float32))
        return proxy_tasks.get("finetune_vision").version

    assert version(1) == version(1) != version(np.nextafter(np.float32(1), 2))


def test_a_training_before_that_leaves_the_finite_is_refused(cache):
    with pytest.raises(
        TaskError, match="^finetune_vision, the training before, does not stay finite: make before_learning_rate"
    ):
        proxy_tasks.get(f"{VISION},before_learning_rate=1e30").init(0)


# What is learnt before and after.


def test_no_image_is_seen_before_and_after():
    task = proxy_tasks.get("finetune_vision,noise=0.0")
    parts = [task.before.data(), task.before.test_data(), task.data(), task.test_data()]
    rows = [{image.tobytes() for image in data[part]["x"]} for data in parts for part in data]
    assert len(set().union(*rows)) == 1797
    assert not set().union(*rows[:4]) & set().union(*rows[4:])


def test_noise_is_on_the_images_that_it_goes_on_with_alone():
    clear, noisy = (proxy_tasks.get(f"finetune_vision,noise={noise}") for noise in (0.0, 0.15))
    assert jax.tree.all(jax.tree.map(np.array_equal, clear.before.data(), noisy.before.data()))
    assert clear.before.version == noisy.before.version
    x, y = clear.data()["train"]["x"], noisy.data()["train"]["x"]
    middle = (x > 0.4) & (x < 0.6)
    assert 0.13 < np.std((y - x)[middle]) < 0.17
    assert y.min() == 0 and y.max() == 1


def test_images_of_another_set_come_before(tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(256, size=(50, 8, 8), dtype=np.uint8), np.arange(50) % 3
    np.savez(tmp_path / "other.npz", images=images, labels=labels)
    task = proxy_tasks.get(f"finetune_vision,before={tmp_path / 'other.npz'}")
    assert (task.before.classes, task.classes) == (3, 10)
    assert len(task.before.data()["train"]["x"]) == 40


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("before=fashion_small", "fashion_small have 14 x 14 x 1 values, those of digits 8 x 8 x 1"),
        ("train=1000,validation=700,test=97", "0 images are left for the training before: make train"),
        ("before=digits", "before = digits has images that judge, of digits: leave it out"),
        ("train=1500", "needs more examples than the 1797 there are"),
    ],
)
def test_images_that_do_not_fit_are_refused(settings, problem):
    with pytest.raises(TaskError, match=problem):
        proxy_tasks.get(f"finetune_vision,{settings}")


@pytest.fixture
def texts(tmp_path):
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("".join(f"line {number} of it\n" for number in range(400)))
    second.write_text("".join(f"{number} GREEN BOTTLES\n" for number in range(400)))
    return first, second


def test_a_text_goes_on_where_the_one_before_ends(texts):
    name = f"finetune_language,data={texts[0]},context=8,train=1000,validation=50,test=50"
    task = proxy_tasks.get(name)
    splits = [task.before.data(), task.before.test_data(), task.data(), task.test_data()]
    pieces = [
        array
        for data, test in (splits[:2], splits[2:])
        for array in (data["train"], data["evaluation"].ravel(), test["evaluation"].ravel())
    ]
    text = np.frombuffer(texts[0].read_bytes(), np.uint8)
    assert np.array_equal(np.unique(text)[np.concatenate(pieces)], text)
    assert len(pieces[3]) == 1000


def test_both_texts_are_written_in_the_same_symbols(texts):
    first, second = texts
    task = proxy_tasks.get(f"finetune_language,data={second},before={first},context=8,validation=50,test=50,train=900")
    symbols = np.unique(np.frombuffer(first.read_bytes() + second.read_bytes(), np.uint8))
    assert task.symbols == task.before.symbols == len(symbols)
    assert symbols[task.data()["train"]].tobytes() in second.read_bytes()
    assert symbols[task.before.data()["train"]].tobytes() in first.read_bytes()


def test_a_text_that_has_what_judges_is_not_trained_on_before(texts):
    end = texts[0].read_bytes()[-50 * 9 :]  # the test split
    before = texts[0].with_name("before.txt")
    before.write_bytes(texts[1].read_bytes() + end)
    with pytest.raises(TaskError, match="before.txt has what judges, of .*: leave it out"):
        proxy_tasks.get(f"finetune_language,data={texts[0]},before={before},context=8,train=900,validation=50,test=50")


def test_a_change_of_the_text_before_is_another_version(texts, monkeypatch):
    monkeypatch.setattr(fine_tuning, "pretrained", lambda task, _: np.zeros(task.size, np.float32))
    name = f"finetune_language,data={texts[1]},before={texts[0]},context=8,validation=50,test=50,train=900"
    first = proxy_tasks.get(name).version
    texts[0].write_text(texts[0].read_text().replace("line 7 ", "line 8 "))
    assert proxy_tasks.get(name).version != first


def test_a_text_that_is_too_short_is_refused(texts):
    with pytest.raises(TaskError, match="has 5890 bytes, and train, validation and test take .* make these smaller"):
        proxy_tasks.get(f"finetune_language,data={texts[0]}")
    with pytest.raises(TaskError, match="the training before: .* has 190 bytes"):
        proxy_tasks.get(f"finetune_language,data={texts[0]},context=8,train=4800,validation=50,test=50")
