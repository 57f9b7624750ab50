"""The bundled data: what it is, that damage is noticed, and how it is divided."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from proxy_tasks import TaskError, datasets
from proxy_tasks.datasets import SHA256, Split, load

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_data.py"


def test_the_bundled_digits_are_scikit_learn_s():
    arrays, theirs = load("digits"), load_digits()
    assert arrays["images"].dtype == arrays["labels"].dtype == np.uint8
    np.testing.assert_array_equal(arrays["images"], theirs.images)
    np.testing.assert_array_equal(arrays["labels"], theirs.target)


@pytest.mark.parametrize("name", SHA256)
def test_the_script_makes_the_bundled_file_again_to_the_byte(name, tmp_path):
    spec = importlib.util.spec_from_file_location("make_data", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.make(name, tmp_path) == SHA256[name]


@pytest.mark.parametrize("name", SHA256)
def test_every_bundled_file_has_its_licence_beside_it(name):
    assert (datasets.FOLDER / f"{name}.LICENSE.txt").is_file()


def test_a_damaged_file_is_refused_and_the_message_says_how_to_mend_it(tmp_path, monkeypatch):
    content = bytearray((datasets.FOLDER / "digits.npz").read_bytes())
    content[5000] ^= 1
    (tmp_path / "digits.npz").write_bytes(content)
    monkeypatch.setattr(datasets, "FOLDER", tmp_path)
    with pytest.raises(TaskError, match="damaged.*make_data.py digits"):
        load("digits")


def test_a_missing_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "FOLDER", tmp_path)
    with pytest.raises(TaskError, match=r"digits\.npz cannot be read.*reinstall"):
        load("digits")


def test_splits_are_disjoint_and_of_the_sizes_asked_for():
    split = Split(train=1000, validation=400, test=397)
    indices = split.indices(1797)
    assert {name: len(i) for name, i in indices.items()} == {"train": 1000, "validation": 400, "test": 397}
    assert len(np.unique(np.concatenate(list(indices.values())))) == 1797


def test_the_seed_fixes_the_split():
    def split(seed):
        return Split(10, 10, 10, seed=seed).indices(100)["test"].tolist()

    assert split(0) == split(0) != split(1)


def test_the_split_that_results_were_found_on_has_not_moved():
    split = Split(train=1000, validation=400, test=397).indices(1797)
    assert {name: i[:3].tolist() for name, i in split.items()} == {
        "train": [1360, 89, 343],
        "validation": [104, 624, 1415],
        "test": [1313, 1503, 170],
    }


def test_a_split_larger_than_the_data_is_refused():
    with pytest.raises(TaskError, match="more examples than the 20"):
        Split(10, 10, 10).indices(20)
