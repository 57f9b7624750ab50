"""Readers of a user's own files of arrays, images and text; none of them runs what is in a file."""

from __future__ import annotations

import gzip
import io
import math
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from proxy_tasks.errors import TaskError

# What numpy.load raises on a zip file that is not as it should be.
DAMAGE = (ValueError, OSError, EOFError, KeyError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)

# What the third byte of an idx file says.
IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_bytes(path: Path) -> bytes:
    """What is in a file.

    Raises:
        TaskError: if it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise TaskError(f"{path} cannot be read ({error.strerror}): give the path of a file that can") from None


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file, by name.

    Raises:
        TaskError: if it cannot be read, is damaged, is empty, or holds Python objects.
    """
    content = read_bytes(path)
    if not content.startswith(b"PK"):
        # Of anything but a zip file numpy.load says that it is pickled.
        raise TaskError(f"{path} is not an .npz file: make one with numpy.savez(file, name=array, ...)")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive}
    except DAMAGE as error:
        if "Object arrays" in str(error):
            raise TaskError(
                f"{path} holds Python objects, which could run anything and are not loaded: "
                "store arrays of numbers or text"
            ) from None
        raise TaskError(f"{path} is damaged ({error}): make it again with numpy.savez") from None
    if not arrays:
        raise TaskError(f"{path} holds no array: make it with numpy.savez(file, name=array, ...)")
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise TaskError(f"{path}: {name!r} is no array: make the file with numpy.savez(file, name=array, ...)")
    return arrays


def read_idx(path: Path) -> np.ndarray:
    """The array of an idx file, the format that MNIST came in; plain or gzipped.

    Returns:
        uint8, int8, int16, int32, float32 or float64 [d_1, ..., d_n], as the file says.

    Raises:
        TaskError: if it cannot be read, is no idx file, or is shorter or longer than its header says.
    """
    content = read_bytes(path)
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise TaskError(f"{path} is damaged ({error}): fetch or compress it again") from None
    zeros, code, dimensions = content[:2], *content[2:4].ljust(2, b"\0")
    if zeros != b"\0\0" or code not in IDX_TYPES or not dimensions:
        swapped = "; the bytes are reversed, write them big-endian" if content[2:4] == b"\0\0" else ""
        raise TaskError(
            f"{path} is no idx file: it begins with {content[:4].hex(' ') or 'nothing'}, not with 00 00, one of "
            f"{', '.join(f'{known:02x}' for known in IDX_TYPES)}, and the number of dimensions{swapped}"
        )
    dtype, start = np.dtype(IDX_TYPES[code]), 4 + 4 * dimensions
    if len(content) < start:
        raise TaskError(f"{path} ends within its header: fetch it again")

    def needed(order: str) -> tuple[tuple[int, ...], int]:
        shape = struct.unpack(f"{order}{dimensions}I", content[4:start])
        return shape, math.prod(shape) * dtype.itemsize

    there, (shape, expected) = len(content) - start, needed(">")
    if not there or there != expected:
        repair = "fetch it again" if there != needed("<")[1] else "write the dimensions big-endian"
        raise TaskError(
            f"{path} has {there} bytes of values, and {expected} are {' x '.join(map(str, shape))} of {dtype.name}: "
            f"{repair}"
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def read_text(path: Path) -> np.ndarray:
    """The bytes of a text in UTF-8: uint8 [bytes].

    Raises:
        TaskError: if it cannot be read, is empty, or is not UTF-8.
    """
    content = read_bytes(path)
    if not content:
        raise TaskError(f"{path} is empty: give a text")
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise TaskError(
            f"{path} is not UTF-8: {error.reason} 0x{content[error.start]:02x} at offset {error.start}; convert it, "
            "as by iconv -f LATIN1 -t UTF-8"
        ) from None
    return np.frombuffer(content, np.uint8).copy()
