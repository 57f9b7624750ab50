"""Images sorted into classes: splits, accuracy, augmentation and noise."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import proxy_tasks
from proxy_tasks import TASKS
from proxy_tasks.augmentation import augmented, draw_augmentation
from proxy_tasks.classifier import Classifier

every_classifier = pytest.mark.parametrize(
    "task", [pytest.param(proxy_tasks.get(n), id=n) for n, task in TASKS.items() if issubclass(task, Classifier)]
)


def equal(a, b) -> bool:
    return jax.tree.all(jax.tree.map(np.array_equal, a, b))


@every_classifier
def test_a_new_classifier_knows_nothing(task):
    weights, data = task.init(0), jax.device_put(task.data())
    assert abs(float(jax.jit(task.evaluate)(weights, data)) - task.chance) < 1
    wrong = proxy_tasks.get(f"{task.name},fitness=accuracy").evaluate
    assert float(jax.jit(wrong)(weights, data)) > 0.65


@every_classifier
def test_accuracy_is_the_share_of_right_answers(task):
    data, weights = task.data(), task.init(0)
    split = data["evaluation"]
    logits = np.asarray(weights(np.moveaxis(split["x"], 0, -1)))
    right = np.mean(np.argmax(logits, 0) == split["y"])
    other = proxy_tasks.get(f"{task.name},fitness=accuracy")
    assert float(other.evaluate(weights, data)) == pytest.approx(1 - right)


@every_classifier
def test_an_epoch_shows_every_example_once(task):
    examples = task.settings.train
    order = proxy_tasks.get(f"{task.name},steps={2 * examples // task.settings.batch}").batches(0)["examples"].ravel()
    assert order.dtype == np.int32
    assert sorted(order[:examples]) == list(range(examples))
    assert not np.array_equal(order[: len(order) // 2], order[len(order) // 2 :][: len(order) // 2])


@every_classifier
def test_only_test_data_reads_the_test_split(task, monkeypatch):
    before, test_before, images = task.data(), task.test_data(), type(task).images

    def spoilt(self):
        arrays = {key: value.copy() for key, value in images(self).items()}
        arrays["images"][task.settings.split.indices(len(arrays["labels"]))["test"]] = 3
        return arrays

    monkeypatch.setattr(type(task), "images", spoilt)
    other = proxy_tasks.get(task.name)
    assert equal(other.data(), before)
    assert not equal(other.test_data(), test_before)


def test_label_noise_is_drawn_for_its_share_of_the_training_labels_only():
    clean, noisy = (proxy_tasks.get(f"digits,label_noise={share}").data() for share in (0.0, 0.5))
    changed = np.mean(clean["train"]["y"] != noisy["train"]["y"])
    assert 0.40 < changed < 0.50  # one in ten is drawn right
    assert equal(clean["evaluation"], noisy["evaluation"])


def test_an_image_is_moved_and_mirrored_as_was_drawn():
    images = np.arange(2 * 3 * 3, dtype=np.float32).reshape(2, 3, 3, 1) + 1
    drawn = {"shift": np.array([[1, 1], [2, 0]]), "flip": np.array([True, False])}
    moved = np.asarray(augmented(images, drawn, shift=1))
    assert np.array_equal(moved[0], images[0, :, ::-1])
    expected = np.zeros((3, 3, 1))
    expected[:2, 1:] = images[1, 1:, :2]
    assert np.array_equal(moved[1], expected)


def test_augmentation_is_a_function_of_the_seed_and_reaches_every_shift():
    a, b, c = (draw_augmentation(seed, (50, 8), shift=2, flip=True) for seed in (0, 0, 1))
    assert equal(a, b) and not equal(a, c)
    assert set(np.unique(a["shift"])) == {0, 1, 2, 3, 4} and 0.3 < a["flip"].mean() < 0.7


@every_classifier
def test_an_augmentation_that_moves_nothing_changes_no_loss(task):
    plain, flipped = task, proxy_tasks.get(f"{task.name},flip=True")
    weights = task.init(0)
    batch = {key: value[0] for key, value in flipped.batches(0).items()} | {"flip": np.zeros(task.settings.batch, bool)}
    expected = plain.loss(weights, jax.device_put(plain.data()), {"examples": batch["examples"]})
    got = flipped.loss(weights, jax.device_put(flipped.data()), batch)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
