"""The data of a task: the sets that are known by name, and a user's own files in their place."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from sklearn.datasets import load_digits

from proxy_tasks import TaskError, catalogue, datasets
from proxy_tasks.datasets import SETS

BUNDLED = [name for name, known in SETS.items() if known.bundled]
FETCHED = [name for name, known in SETS.items() if not known.bundled]
GIVES = {"images": datasets.images, "text": datasets.text, "table": datasets.table, "captions": datasets.captions}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of fetched sets, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "optsearch" / "data"
    folder.mkdir(parents=True)
    return folder


def write_idx(path, array):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


# The known sets.


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_set_is_here_with_the_content_it_was_made_with(name):
    assert datasets.content_hash(datasets.load(name)) == datasets.digest(name) == SETS[name].sha256


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_set_has_its_licence_beside_it(name):
    text = SETS[name].path.with_suffix(".LICENSE.txt").read_text()
    assert f"{name}.npz holds" in text and "scripts/make_data.py" in text


def test_the_bundled_sets_are_small_enough_to_be_installed():
    assert sum(SETS[name].path.stat().st_size for name in BUNDLED) < 1.4e6


def test_the_bundled_digits_are_scikit_learn_s():
    arrays, theirs = datasets.load("digits"), load_digits()
    assert arrays["images"].dtype == arrays["labels"].dtype == np.uint8
    np.testing.assert_array_equal(arrays["images"], theirs.images)
    np.testing.assert_array_equal(arrays["labels"], theirs.target)


def test_the_bundled_clothes_are_balanced_and_shuffled():
    found = datasets.images("fashion_small")
    assert found["images"].shape == (5000, 14, 14, 1)
    assert found["images"].dtype == np.uint8 and found["labels"].dtype == np.int32
    assert np.bincount(found["labels"]).tolist() == [500] * 10
    assert len(np.unique(found["labels"][:50])) == 10


def test_the_bundled_text_is_a_megabyte_of_english():
    text = datasets.text("addresses_small")
    assert text.dtype == np.uint8 and 950_000 < len(text) <= 1_000_000
    assert bytes(text).decode().count(" the ") > 5000


def test_the_bundled_table_has_what_is_known_before_a_flight_and_whether_it_was_late():
    columns = datasets.table("flights_small")
    kinds = {name: column.dtype.kind for name, column in columns.items()}
    assert [name for name, kind in kinds.items() if kind == "U"] == ["carrier", "tailnum", "origin", "dest"]
    numbers = ["month", "day", "weekday", "hour", "flight", "distance", "delayed"]
    assert [name for name, kind in kinds.items() if kind == "i"] == numbers
    assert {len(column) for column in columns.values()} == {20_460}
    assert columns["delayed"].mean() == pytest.approx(0.239, abs=0.001)
    assert (columns["weekday"][(columns["month"] == 1) & (columns["day"] == 1)] == 1).all()  # a Tuesday


@pytest.mark.parametrize("name", BUNDLED)
def test_a_damaged_set_is_refused_with_the_command_that_makes_it_anew(name, tmp_path, monkeypatch):
    content = bytearray(SETS[name].path.read_bytes())
    content[len(content) // 2] ^= 1
    monkeypatch.setattr(catalogue, "BUNDLED", tmp_path)
    SETS[name].path.write_bytes(content)
    with pytest.raises(TaskError, match=f"(is damaged|is not the data set).*make_data.py {name}"):
        datasets.load(name)


def test_other_content_than_the_pinned_one_is_refused(cache):
    np.savez(SETS["mnist"].path, images=np.zeros((3, 28, 28), np.uint8), labels=np.zeros(3, np.uint8))
    with pytest.raises(TaskError, match="is not the data set mnist.*: python scripts/make_data.py mnist"):
        datasets.images("mnist")


def test_a_missing_bundled_set_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "BUNDLED", tmp_path)
    with pytest.raises(TaskError, match=r"digits\.npz is missing.*reinstall"):
        datasets.load("digits")


@pytest.mark.parametrize("name", FETCHED)
def test_a_set_that_was_not_fetched_is_refused_with_the_command_that_does(name, cache):
    with pytest.raises(TaskError, match=f"run in a checkout of optsearch: python scripts/make_data.py {name}$"):
        GIVES[SETS[name].kind](name)


@pytest.mark.parametrize("kind", GIVES)
def test_a_set_of_another_kind_is_refused_and_those_of_this_kind_named(kind):
    other = next(known.name for known in SETS.values() if known.kind != kind)
    right = next(known.name for known in SETS.values() if known.kind == kind)
    with pytest.raises(TaskError, match=f"{other} is of the kind .*{right}"):
        GIVES[kind](other)


@pytest.mark.parametrize("kind", GIVES)
def test_an_unknown_name_is_answered_with_the_nearest(kind):
    name = next(known.name for known in SETS.values() if known.kind == kind)
    with pytest.raises(TaskError, match=f"no data set and no file '{name}s'.*{name}"):
        GIVES[kind](f"{name}s")


def test_the_hash_is_of_the_content_and_not_of_its_order_or_packing(tmp_path):
    arrays = {"a": np.arange(6).reshape(2, 3), "b": np.array(["x", "yz"])}
    found = datasets.content_hash(arrays)
    assert found == datasets.content_hash(dict(reversed(arrays.items())))
    assert found == datasets.content_hash(arrays | {"a": np.asfortranarray(arrays["a"])})
    for changed in (np.arange(6).reshape(3, 2), np.arange(6.0).reshape(2, 3), np.arange(1, 7).reshape(2, 3)):
        assert found != datasets.content_hash(arrays | {"a": changed})
    assert found != datasets.content_hash({"c": arrays["a"], "b": arrays["b"]})


# A user's own files.


def test_own_images_come_from_an_npz_file(tmp_path):
    grey, colour = np.arange(24, dtype=np.uint8).reshape(2, 3, 4), np.zeros((2, 3, 4, 3), np.uint8)
    for images, channels in ((grey, 1), (colour, 3)):
        np.savez(tmp_path / "own.npz", images=images, labels=np.array([1.0, 0.0]))
        found = datasets.images(tmp_path / "own.npz")
        np.testing.assert_array_equal(found["images"], images.reshape(2, 3, 4, channels))
        assert found["labels"].tolist() == [1, 0] and found["labels"].dtype == np.int32


@pytest.mark.parametrize("images_suffix", ["", ".gz"])
@pytest.mark.parametrize("labels_suffix", ["", ".gz"])
def test_own_images_come_from_idx_files_by_their_customary_names(images_suffix, labels_suffix, tmp_path):
    images = np.arange(24).reshape(2, 3, 4)
    write_idx(tmp_path / f"train-images-idx3-ubyte{images_suffix}", images)
    write_idx(tmp_path / f"train-labels-idx1-ubyte{labels_suffix}", np.array([1, 0]))
    found = datasets.images(str(tmp_path / f"train-images-idx3-ubyte{images_suffix}"))
    np.testing.assert_array_equal(found["images"][..., 0], images)
    assert found["labels"].tolist() == [1, 0]


def test_idx_images_without_labels_beside_them_are_refused(tmp_path):
    write_idx(tmp_path / "train-images-idx3-ubyte", np.zeros((2, 3, 4)))
    with pytest.raises(TaskError, match="has no labels: put train-labels-idx1-ubyte"):
        datasets.images(tmp_path / "train-images-idx3-ubyte")


def test_a_file_whose_name_says_nothing_of_images_is_refused(tmp_path):
    (tmp_path / "own.png").write_bytes(b"")
    with pytest.raises(TaskError, match=r"own\.png is no file of images by its name.*npz"):
        datasets.images(tmp_path / "own.png")


IMAGES = np.zeros((3, 2, 2), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"pictures": IMAGES, "labels": [0, 1, 2]}, "no array 'images', it has pictures, labels"),
        ({"images": IMAGES}, "no array 'labels'"),
        ({"images": IMAGES / 2, "labels": [0, 1, 2]}, r"images is float64 \[3, 2, 2\]; it has to be uint8"),
        ({"images": IMAGES[0], "labels": [0, 1]}, r"images is uint8 \[2, 2\]"),
        ({"images": IMAGES[:0], "labels": []}, r"images is uint8 \[0, 2, 2\]"),
        ({"images": IMAGES, "labels": [0, 1]}, r"labels is int64 \[2\].*\[3\], one for each image"),
        ({"images": IMAGES, "labels": ["a", "b", "c"]}, "labels is str"),
        ({"images": IMAGES, "labels": [0, -1, -2]}, "label 1 is -1"),
        ({"images": IMAGES, "labels": [0, 1, 10]}, "label 2 is 10; number the classes from 0 to 2 at most"),
        ({"images": IMAGES, "labels": [0.5, 1, 2]}, "label 0 is 0.5"),
        ({"images": IMAGES, "labels": [0, 1, np.nan]}, "label 2 is nan"),
    ],
)
def test_images_and_labels_that_do_not_fit_are_refused(arrays, complaint, tmp_path):
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(TaskError, match=rf"own\.npz.*{complaint}"):
        datasets.images(tmp_path / "own.npz")


def test_own_text_and_tables_come_from_their_files(tmp_path):
    (tmp_path / "own.txt").write_text("a ö")
    assert bytes(datasets.text(tmp_path / "own.txt")).decode() == "a ö"
    (tmp_path / "own.csv").write_text("a,b\n1,x\n,y\n")
    columns = datasets.table(tmp_path / "own.csv", missing="drop")
    assert {name: column.tolist() for name, column in columns.items()} == {"a": [1], "b": ["x"]}


def test_a_table_of_an_unknown_suffix_is_refused(tmp_path):
    (tmp_path / "own.xlsx").write_bytes(b"")
    with pytest.raises(TaskError, match=r"own\.xlsx is no table by its name: tables are \.csv, \.npz, \.parquet"):
        datasets.table(tmp_path / "own.xlsx")


def test_the_digest_of_own_files_changes_with_every_one_of_them(tmp_path):
    images, labels = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte"
    write_idx(images, np.zeros((2, 3, 4)))
    write_idx(labels, np.zeros(2))
    found = [datasets.digest(images)]
    write_idx(labels, np.ones(2))
    found.append(datasets.digest(images))
    write_idx(images, np.ones((2, 3, 4)))
    found.append(datasets.digest(images))
    assert len(set(found)) == 3 == len(set(found) - {known.sha256 for known in SETS.values()})
