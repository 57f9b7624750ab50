"""Readers of a user's own files: what is read is what was written, and whatever is wrong is said with its repair."""

from __future__ import annotations

import gzip
import struct
import zipfile

import numpy as np
import pytest

from proxy_tasks import TaskError
from proxy_tasks.files import IDX_TYPES, read_idx, read_npz, read_text


@pytest.mark.parametrize("reader", [read_npz, read_idx, read_text])
def test_a_missing_file_and_a_folder_are_refused(reader, tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(TaskError, match=f"{path} cannot be read .*: give the path"):
            reader(path)


# .npz


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_gives_the_arrays_by_name(save, tmp_path):
    save(tmp_path / "a.npz", x=np.arange(3), y=np.array(["a", "bc"]))
    found = read_npz(tmp_path / "a.npz")
    assert {name: array.tolist() for name, array in found.items()} == {"x": [0, 1, 2], "y": ["a", "bc"]}


def test_npz_with_pickled_objects_is_refused_and_nothing_in_it_runs(tmp_path):
    ran = tmp_path / "ran"

    class Attack:
        def __reduce__(self):
            return (ran.touch, ())

    np.savez(tmp_path / "a.npz", x=np.array([Attack()], dtype=object))
    with pytest.raises(TaskError, match=r"a\.npz holds Python objects.*store arrays"):
        read_npz(tmp_path / "a.npz")
    assert not ran.exists()


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_damaged_and_truncated_npz_is_refused(place, tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=np.random.default_rng(0).integers(256, size=5000, dtype=np.uint8))
    whole = (tmp_path / "a.npz").read_bytes()
    cut = int(len(whole) * place)
    for content in (whole[:cut], whole[:cut] + bytes(10) + whole[cut + 10 :]):
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(TaskError, match=r"a\.npz is damaged .*numpy\.savez"):
            read_npz(tmp_path / "a.npz")


def test_npz_without_arrays_or_with_other_files_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz")
    with pytest.raises(TaskError, match=r"a\.npz holds no array"):
        read_npz(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(TaskError, match=r"a\.npz: 'notes\.txt' is no array"):
        read_npz(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\x80\x04N."])
def test_what_is_no_npz_is_refused(content, tmp_path):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(TaskError, match=r"a\.npz is not an \.npz file: make one with numpy\.savez"):
        read_npz(tmp_path / "a.npz")


def test_an_npz_that_claims_an_absurd_size_is_refused(tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }\n"
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(80))
    with pytest.raises(TaskError, match=r"a\.npz is damaged"):
        read_npz(tmp_path / "a.npz")


# idx


def idx(*shape, code=0x08, values=b"", order=">"):
    return struct.pack(f"{order}BBBB{len(shape)}I", 0, 0, code, len(shape), *shape) + values


@pytest.mark.parametrize("code", IDX_TYPES)
@pytest.mark.parametrize("packed", [False, True])
def test_idx_gives_the_values_in_the_order_of_this_machine(code, packed, tmp_path):
    dtype = np.dtype(IDX_TYPES[code])
    values = np.array([[1, 2, 100], [4, 5, 6]], dtype)
    content = idx(2, 3, code=code, values=values.tobytes())
    (tmp_path / "a").write_bytes(gzip.compress(content, mtime=0) if packed else content)
    found = read_idx(tmp_path / "a")
    assert found.dtype == dtype.newbyteorder("=") and found.flags.writeable
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no idx file: it begins with nothing"),
        (b"\x89PNG\r\n", "no idx file: it begins with 89 50 4e 47, not with 00 00"),
        (b"\0\0\x07\x01", "no idx file: it begins with 00 00 07 01"),
        (b"\0\0\x08\0", "no idx file"),
        (b"\x03\x08\0\0" + bytes(12), "reversed, write them big-endian"),
        (idx(2, 3)[:9], "ends within its header"),
        (idx(2, 3, values=bytes(5)), "has 5 bytes of values, and 6 are 2 x 3 of uint8: fetch it again"),
        (idx(2, 3, values=bytes(7)), "has 7 bytes of values, and 6"),
        (idx(2, 3, code=0x0E, values=bytes(47)), "47 bytes of values, and 48 are 2 x 3 of float64"),
        (idx(0, 3), "has 0 bytes of values"),
        (idx(*[2**32 - 1] * 4, values=bytes(9)), "has 9 bytes of values, and 3402823\\d+ are 4294967295 x"),
        (idx(2, 3, values=bytes(6), order="<"), "33554432 x 50331648 of uint8: write the dimensions big-endian"),
        (gzip.compress(idx(2, 3, values=bytes(6)), mtime=0)[:-12], "is damaged"),
        (gzip.compress(bytes(500), mtime=0)[:-4] + b"abcd", "is damaged"),
    ],
)
def test_what_is_no_whole_idx_file_is_refused(content, complaint, tmp_path):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(TaskError, match=f"{tmp_path / 'a'} .*{complaint}"):
        read_idx(tmp_path / "a")


# Text


def test_text_gives_the_bytes(tmp_path):
    (tmp_path / "a.txt").write_bytes("naïve\r\n".encode())
    found = read_text(tmp_path / "a.txt")
    assert found.dtype == np.uint8 and found.flags.writeable and bytes(found) == "naïve\r\n".encode()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "empty"),
        ("naïve".encode("latin1"), "not UTF-8: .* 0xef at offset 2; convert it, as by iconv"),
        ("naï".encode()[:-1], "0xc3 at offset 2"),
        ("abc".encode("utf-16"), "0xff at offset 0"),
    ],
)
def test_text_that_is_empty_or_not_utf8_is_refused(content, complaint, tmp_path):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(TaskError, match=rf"a\.txt is .*{complaint}"):
        read_text(tmp_path / "a.txt")
