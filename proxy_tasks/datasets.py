"""The data of a task: a set of the catalogue by its name, or a user's own file."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from proxy_tasks import tables
from proxy_tasks.catalogue import SETS, DataSet
from proxy_tasks.errors import TaskError
from proxy_tasks.files import read_bytes, read_idx, read_npz, read_text

# The customary name of an idx file of images.
IDX_IMAGES = re.compile(r"(.*)images([-.])idx[34](-ubyte)?(?:\.gz)?")


def images(name_or_path: str | Path) -> dict[str, np.ndarray]:
    """Pictures and their classes.

    Args:
        name_or_path: a set of SETS; an .npz file with `images`, uint8 [n, height, width] or [n, height, width,
            channels], and `labels`, whole numbers [n] from 0; or an idx file of images, such as
            train-images-idx3-ubyte.gz, with that of the labels, train-labels-idx1-ubyte.gz, beside it.

    Returns:
        {"images": uint8 [n, height, width, channels], as they were stored, "labels": int32 [n]}.

    Raises:
        TaskError: if there is no such set or file, it is damaged, or it does not hold such images and labels.
    """
    where = _find(name_or_path, "images")
    if isinstance(where, DataSet):
        arrays = load(where.name)
    elif where.suffix == ".npz":
        arrays = read_npz(where)
    else:
        labels_file = _labels_beside(where)
        arrays = {"images": read_idx(where), "labels": read_idx(labels_file)}
    for name in ("images", "labels"):
        if name not in arrays:
            raise TaskError(f"{where} has no array {name!r}, it has {', '.join(arrays)}: rename or add it")
    pictures, labels = arrays["images"], arrays["labels"]
    if pictures.dtype != np.uint8 or pictures.ndim not in (3, 4) or not pictures.size:
        raise TaskError(
            f"{where}: images is {pictures.dtype.name} {list(pictures.shape)}; it has to be uint8 [n, height, width] "
            "or [n, height, width, channels]"
        )
    if labels.dtype.kind not in "iuf" or labels.shape != pictures.shape[:1]:
        raise TaskError(
            f"{where}: labels is {labels.dtype.name} {list(labels.shape)}; it has to be whole numbers "
            f"[{len(pictures)}], one for each image"
        )
    most = len(labels) - 1  # a model has an output for each class, and each class should have an image
    right = (labels >= 0) & (labels <= most) & (labels == np.floor(labels))
    if not right.all():
        row = int(right.argmin())
        raise TaskError(f"{where}: label {row} is {labels[row]}; number the classes from 0 to {most} at most")
    return {"images": pictures.reshape(*pictures.shape[:3], -1), "labels": labels.astype(np.int32)}


def text(name_or_path: str | Path) -> np.ndarray:
    """The bytes of a text in UTF-8, of a set of SETS or a file: uint8 [bytes].

    Raises:
        TaskError: if there is no such set or file, or it is damaged, empty or not UTF-8.
    """
    where = _find(name_or_path, "text")
    return load(where.name)["text"] if isinstance(where, DataSet) else read_text(where)


def table(name_or_path: str | Path, missing: str = "refuse") -> dict[str, np.ndarray]:
    """The columns of a table, of a set of SETS or a .csv, .npz or .parquet file.

    Args:
        name_or_path: which.
        missing: what becomes of rows with a missing value: "refuse" or "drop".

    Returns:
        The columns by name, int64, float64 or str [rows].

    Raises:
        TaskError: if there is no such set or file, or it is damaged or no such table (proxy_tasks/tables.py).
    """
    where = _find(name_or_path, "table")
    if isinstance(where, DataSet):
        return load(where.name)
    if where.suffix not in tables.READERS:
        raise TaskError(f"{where} is no table by its name: tables are {', '.join(tables.READERS)}")
    return tables.READERS[where.suffix](where, missing)


def captions(name: str) -> dict[str, np.ndarray]:
    """Pictures and their texts, of a set of SETS.

    Returns:
        {"images": uint8 [n, height, width, channels], "texts": uint8 [n, longest], UTF-8 padded with zeros}.

    Raises:
        TaskError: if there is no such set, or it is damaged.
    """
    where = _find(name, "captions")
    if not isinstance(where, DataSet):
        raise TaskError(f"{where} is a file: captions are given by name, {', '.join(_names('captions'))}")
    return load(where.name)


def digest(name_or_path: str | Path) -> str:
    """What a task puts in its version: the pinned hash of a set of SETS, or the SHA-256 of a user's file or files.

    Raises:
        TaskError: if there is no such set or file.
    """
    where = _find(name_or_path)
    if isinstance(where, DataSet):
        return where.sha256
    files = [where, _labels_beside(where)] if IDX_IMAGES.fullmatch(where.name) else [where]
    return hashlib.sha256(b"".join(hashlib.sha256(read_bytes(file)).digest() for file in files)).hexdigest()


def load(name: str) -> dict[str, np.ndarray]:
    """The arrays of a set of SETS as they are stored, checked against its hash.

    "digits" is {"images": uint8 [1797, 8, 8] with values 0..16, "labels": uint8 [1797]}.

    Raises:
        TaskError: if it is missing or is not what this version was made with.
    """
    known = SETS[name]
    remedy = f"run in a checkout of optsearch: python scripts/make_data.py {name}"
    remedy = "reinstall optsearch, or " * known.bundled + remedy
    if not known.path.exists():
        raise TaskError(f"the data set {name} is not here, {known.path} is missing: {remedy}")
    try:
        arrays = read_npz(known.path)
    except TaskError as error:
        raise TaskError(f"the data set {name} is damaged ({error}): {remedy}") from None
    if (found := content_hash(arrays)) != known.sha256:
        raise TaskError(f"{known.path} is not the data set {name} (hash {found}, not {known.sha256}): {remedy}")
    return arrays


def content_hash(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over names, dtypes, shapes and values, in the order of the names: however a file packs them."""
    total = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(np.ascontiguousarray(array).data.cast("B"))
    return total.hexdigest()


def _find(name_or_path: str | Path, kind: str | None = None) -> DataSet | Path:
    """The set of this name, or a file."""
    known = SETS.get(str(name_or_path))
    if known and kind in (None, known.kind):
        return known
    if known:
        raise TaskError(f"the data set {known.name} is of the kind {known.kind}; {kind}: {', '.join(_names(kind))}")
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    names = _names(kind)
    near = difflib.get_close_matches(str(name_or_path), names, n=3, cutoff=0.5) or names
    given = f"{str(name_or_path)!r} (in {Path.cwd()})"
    raise TaskError(f"there is no data set and no file {given}; the nearest sets are {', '.join(near)}")


def _names(kind: str | None) -> list[str]:
    return [name for name, known in SETS.items() if kind in (None, known.kind)]


def _labels_beside(images_file: Path) -> Path:
    """The idx file of the labels that belong to an idx file of images."""
    found = IDX_IMAGES.fullmatch(images_file.name)
    if not found:
        raise TaskError(
            f"{images_file} is no file of images by its name: these are .npz, or idx files with names such as "
            "train-images-idx3-ubyte or train-images-idx3-ubyte.gz"
        )
    name = "{}labels{}idx1{}".format(*found.groups())
    for labels_file in (images_file.with_name(name), images_file.with_name(f"{name}.gz")):
        if labels_file.exists():
            return labels_file
    raise TaskError(f"{images_file} has no labels: put {name} or {name}.gz beside it")
