"""Language: what the models see, what they are asked, and what is held back."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest

import proxy_tasks
from proxy_tasks import TaskError

FAMILY = ("language", "masked_language")


@pytest.fixture
def poem(tmp_path):
    file = tmp_path / "poem.txt"
    file.write_text("".join(f"line {number} of it\n" for number in range(400)))
    return file


@pytest.mark.parametrize("name", FAMILY)
def test_what_is_held_back_is_at_the_end_of_the_text(name, poem):
    task = proxy_tasks.get(f"{name},data={poem},context=8,validation=5,test=6")
    text = np.frombuffer(poem.read_bytes(), np.uint8)
    symbols = np.unique(text)
    parts = task.data()["train"], task.data()["evaluation"].ravel(), task.test_data()["evaluation"].ravel()
    assert np.array_equal(symbols[np.concatenate(parts)], text)
    assert (len(parts[1]), len(parts[2])) == (5 * task.window, 6 * task.window)


@pytest.mark.parametrize("name", FAMILY)
def test_every_example_lies_in_the_training_text(name, poem):
    task = proxy_tasks.get(f"{name},data={poem},context=8,validation=5,test=6,steps=2000")
    starts = task.batches(0)
    starts = starts if name == "language" else starts["starts"]
    last = len(task.data()["train"]) - task.window
    assert starts.min() == 0 and starts.max() == last


def test_a_byte_is_told_from_those_before_it_alone():
    task = proxy_tasks.get("language")
    model = task.init(0)
    text = np.zeros((task.settings.context, 2), np.int32)
    other = text.copy()
    other[5:] = 1
    a, b = np.asarray(model(text)), np.asarray(model(other))
    np.testing.assert_array_equal(a[:, :5], b[:, :5])
    assert not np.allclose(a[:, 5:], b[:, 5:])


def test_a_model_that_repeats_the_last_byte_is_scored_by_the_next():
    task = proxy_tasks.get("language")
    windows = np.array([[1, 1, 1, 2], [3, 3, 3, 3]], np.int32)

    def copies(text):
        return 50.0 * jax.nn.one_hot(text, task.symbols, axis=0)

    loss = task.loss(copies, {"train": np.pad(windows.ravel(), (0, 100))}, np.array([0]))
    repeats = np.pad(windows.ravel(), (0, 100))[: task.window]
    wrong = np.mean(repeats[1:] != repeats[:-1])
    np.testing.assert_allclose(loss, 50 * wrong, rtol=1e-5)


def test_hidden_bytes_are_equally_many_in_each_example_and_not_seen():
    task = proxy_tasks.get("masked_language")
    batch = jax.tree.map(lambda rows: rows[0], task.batches(0))
    assert set(batch["hidden"].sum(1)) == {round(0.2 * task.settings.context)}
    seen = []

    def spy(text):
        seen.append(np.asarray(text))
        return np.zeros((task.symbols, *text.shape), np.float32)

    loss = task.loss(spy, task.data(), batch)
    np.testing.assert_allclose(loss, math.log(task.symbols), rtol=1e-5)
    assert np.array_equal(seen[0] == task.symbols, batch["hidden"].T)


def test_perplexity_is_the_exponential_of_the_loss():
    plain, other = proxy_tasks.get("language"), proxy_tasks.get("language,fitness=perplexity")
    weights, data = plain.init(0), plain.data()
    np.testing.assert_allclose(other.evaluate(weights, data), np.exp(plain.evaluate(weights, data)), rtol=1e-5)
    assert other.chance == pytest.approx(math.exp(plain.chance))


def test_a_text_shorter_than_the_context_is_refused(tmp_path):
    file = tmp_path / "short.txt"
    file.write_text("too short")
    with pytest.raises(TaskError, match="has 9 bytes, and with context = 16.* make these smaller"):
        proxy_tasks.get(f"language,data={file}")
