"""Texts for pictures: the loss, the sentences, and what is a wrong answer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import proxy_tasks
from proxy_tasks import TaskError, datasets
from proxy_tasks.contrastive import info_nce
from proxy_tasks.models.two_towers import Scale
from proxy_tasks.sentences import CLASSES, TEMPLATES, known_words, numbered, words

NAMES = ["red heart", "red flag", "flag", "man in tuxedo", "man in tuxedo", "woman", "heart", "red car"]


@pytest.fixture(scope="module")
def task():
    return proxy_tasks.get("contrastive")


@pytest.fixture
def emoji(monkeypatch):
    """Eight pictures and their texts in place of the whole set."""
    images = np.full((8, 8, 8, 3), 255, np.uint8)
    images[:, 2:6, 2:6] = np.arange(8)[:, None, None, None] * 20
    texts = np.stack([np.frombuffer(name.encode().ljust(20, b"\0"), np.uint8) for name in NAMES])
    monkeypatch.setattr(datasets, "captions", lambda name: {"images": images, "texts": texts})
    monkeypatch.setattr(datasets, "digest", lambda name: name)
    return proxy_tasks.get("contrastive,data=emoji,train=5,validation=2,test=1,batch=4,steps=6")


@dataclass
class Oracle:
    """Two towers that put a picture of class y where the text of candidate y is; labels are read off the pictures."""

    classes: int
    right: bool = True

    def of_texts(self, rows):
        return jnp.repeat(jnp.eye(self.classes), rows.shape[1] // self.classes, 1)

    def of_pictures(self, x):
        return jax.nn.one_hot(jnp.int32(x[0, 0]) + (0 if self.right else 1), self.classes, axis=0)

    def scale(self):
        return 20.0


def test_info_nce_of_different_pairs_is_the_plain_formula():
    logits = np.random.default_rng(0).normal(size=(5, 5)).astype(np.float32) * 3
    shares = np.exp(logits)
    of_texts = -np.log(np.diag(shares) / shares.sum(0))
    of_pictures = -np.log(np.diag(shares) / shares.sum(1))
    expected = (of_texts.mean() + of_pictures.mean()) / 2
    np.testing.assert_allclose(info_nce(logits, np.arange(5)), expected, rtol=1e-5)


def test_other_pairs_of_the_same_text_are_no_wrong_answers():
    logits = np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32)
    right = np.array([0, 1, 0, 2])
    other = logits.copy()
    other[0, 2] = other[2, 0] = 50
    value, gradient = jax.value_and_grad(info_nce)(logits, right)
    assert math.isfinite(value) and value == info_nce(other, right)
    assert gradient[0, 2] == gradient[2, 0] == 0 and np.isfinite(gradient).all() and gradient[0, 1] > 0
    assert info_nce(logits, np.zeros(4, np.int32)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("right", "loss", "error"), [(True, math.log(1 + 2 * math.exp(-20)), 0), (False, 20, 1)])
def test_the_fitness_is_that_of_sorting_pictures_by_texts(right, loss, error):
    y = np.arange(6, dtype=np.int32) % 2
    split = {"x": np.tile(np.float32(y), (2, 4, 1)).T, "y": y, "texts": np.zeros((3, 8, 6), np.int32)}
    for fitness, expected in (("loss", loss), ("accuracy", error)):
        task = proxy_tasks.get(f"contrastive,fitness={fitness}")
        assert task.evaluate(Oracle(3, right), {"evaluation": split}) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("data", CLASSES)
def test_every_sentence_is_read_whole_and_is_another(data, task):
    sentences = [template.format(name) for name in CLASSES[data] for template in TEMPLATES]
    known = known_words(sentences)
    rows = numbered(sentences, known, task.settings.words)
    assert max(len(words(sentence)) for sentence in sentences) <= task.settings.words
    assert rows.max() == len(known) and len(np.unique(rows, axis=0)) == len(sentences)


@pytest.mark.parametrize("data", ["digits", "fashion_small"])
def test_every_class_has_a_name(data):
    assert np.array_equal(np.unique(datasets.images(data)["labels"]), np.arange(len(CLASSES[data])))


def test_every_sentence_of_a_class_is_shown(task):
    batches = task.batches(0)
    assert set(np.unique(batches["texts"])) == set(range(len(TEMPLATES)))
    assert not np.array_equal(batches["texts"], task.batches(1)["texts"])


def test_pictures_with_the_same_text_are_of_one_candidate(emoji):
    s, parts = emoji.settings, {"validation": emoji.data()["evaluation"], "test": emoji.test_data()["evaluation"]}
    chosen = s.split.indices(len(NAMES))
    for part, rows in {"train": emoji.data()["train"], **parts}.items():
        texts = [NAMES[row] for row in chosen[part]]
        assert len(rows["texts"]) == len(set(texts))
        same = np.equal.outer(texts, texts)
        assert np.array_equal(np.equal.outer(rows["y"], rows["y"]), same)
    assert emoji.chance == pytest.approx(math.log(2))


def test_only_words_of_the_training_texts_are_known(emoji):
    train, held_back = emoji.data()["train"], emoji.data()["evaluation"]
    assert train["texts"].max() + 1 == emoji.symbols
    assert held_back["texts"].max() <= emoji.symbols


def test_what_is_white_around_an_emoji_is_0(emoji):
    x = emoji.data()["train"]["x"]
    assert x.min() == 0 and x.max() == 1 and np.mean(x == 0) >= 0.75


def test_similarities_are_divided_by_the_first_temperature_and_never_multiplied_by_more_than_100(task):
    scale = task.init(0).scale
    assert scale() == pytest.approx(1 / task.settings.temperature)
    far = Scale(scale.first)
    object.__setattr__(far, "logarithm", jnp.float32(1000))
    assert far() == pytest.approx(100)


def test_both_towers_end_on_one_sphere(task):
    model, train = task.init(0), task.data()["train"]
    given = np.moveaxis(train["x"][:3], 0, -1), train["texts"][:3, 0].T
    points = jax.jit(lambda model, x, words: (model.of_pictures(x), model.of_texts(words)))(model, *given)
    assert all(point.shape == (task.settings.width, 3) for point in points)
    np.testing.assert_allclose([np.linalg.norm(point, axis=0) for point in points], 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("patch=3", "patch = 3 does not divide images of 8 x 8 pixels"),
        ("heads=5", "width = 32 is not a multiple of heads = 5"),
        ("data=letters", "data = 'letters': write digits or .* or emoji"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, problem):
    with pytest.raises(TaskError, match=problem):
        proxy_tasks.get(f"contrastive,{settings}")
