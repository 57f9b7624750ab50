"""Readers of a user's own tables: one result from each format, and every fault named with its place."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from proxy_tasks import TaskError
from proxy_tasks.tables import READERS, read_columns, read_csv, read_parquet


@pytest.fixture
def write(tmp_path):
    """Writes a .csv file and gives its path."""

    def write(content):
        path = tmp_path / "own.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def lists(columns):
    return {name: column.tolist() for name, column in columns.items()}


# What a column is.


@pytest.mark.parametrize(
    ("values", "dtype", "read"),
    [
        (["1", "-2", "+3"], np.int64, [1, -2, 3]),
        (["1", "2.5"], np.float64, [1, 2.5]),
        (["1.0", "2.0"], np.float64, [1, 2]),
        (["1e3", "-inf"], np.float64, [1000, -np.inf]),
        (["1", "99999999999999999999"], np.float64, [1, 1e20]),
        (["1", "x"], np.str_, ["1", "x"]),
        (["1", "1_000"], np.str_, ["1", "1_000"]),
        (["0x10", "1"], np.str_, ["0x10", "1"]),
        (["Nancy", "nah"], np.str_, ["Nancy", "nah"]),
    ],
)
def test_a_column_is_whole_numbers_or_numbers_or_text(values, dtype, read, write):
    column = read_csv(write("\n".join(["a", *values])))["a"]
    assert np.issubdtype(column.dtype, dtype) and column.tolist() == read


def test_quotes_blank_lines_spaces_and_the_mark_of_spreadsheets_are_understood(write):
    path = write('\ufeff"a", b\r\n"x, ""y""", 1\r\n\r\n"two\nlines", 2\r\n')
    assert lists(read_csv(path)) == {"a": ['x, "y"', "two\nlines"], "b": [1, 2]}


# What is missing.


@pytest.mark.parametrize("gap", ["", "NA", "N/A", "NaN", "nan", "null", "NULL", " NA "])
def test_a_missing_value_is_refused_with_its_place_and_how_many_there_are(gap, write):
    path = write(f"a,b\n1,x\n2,{gap}\n{gap or 'na'},{gap}\n3,y\n")
    with pytest.raises(TaskError, match=r"own\.csv, line 3, column 'b'.*first of 3 in 2 rows; .*missing=\"drop\""):
        read_csv(path)
    assert lists(read_csv(path, missing="drop")) == {"a": [1, 3], "b": ["x", "y"]}


def test_the_line_of_a_missing_value_counts_lines_within_quotes(write):
    with pytest.raises(TaskError, match="line 4, column 'b'"):
        read_csv(write('a,b\n"two\nlines",1\nx,\n'))


def test_a_table_with_a_missing_value_in_every_row_is_refused(write):
    with pytest.raises(TaskError, match="missing in every row"):
        read_csv(write("a,b\n1,\n2,NA\n"), missing="drop")


def test_an_unknown_way_with_missing_values_is_refused(write):
    with pytest.raises(TaskError, match="missing is 'fill': choose"):
        read_csv(write("a\n1\n"), missing="fill")


# What is no table.


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "is empty"),
        ("\n\n", "has no rows"),
        ("a,b\n", "has no rows below its header"),
        ("a,b\n1,2\n\n3\n", "line 4: 1 fields where the header has 2"),
        ("a,b\n1,2,3\n", "line 2: 3 fields where the header has 2; .*quote the field"),
        ("a,b,a\n1,2,3\n", "columns 1 and 3 are both 'a'; rename one"),
        ("a,\n1,2\n", "column 2 has no name"),
        ('a,b\n1,2\n"3,4\n', "line 3: unexpected end of data; mend the quotes"),
        ('a,b\n1,2\n"3"x,4\n', "line 3: .*; mend the quotes"),
        ("a\nnaïve\n".encode("latin1"), "is not UTF-8: .* offset 4"),
    ],
)
def test_what_is_no_table_is_refused_with_the_line(content, complaint, write):
    with pytest.raises(TaskError, match=rf"own\.csv.*{complaint}"):
        read_csv(write(content))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("a,b\n1,2\n\n3,few\n4,many\n", ", line 4, column 'b': 'few' is no number; write one, or leave the row out"),
        ("a,b\n,few\n3,4\n4,1_000\n", ", line 4, column 'b': '1_000' is no number"),
        ("a,bb\n1,2\n", " has no column 'b'; did you mean 'bb'"),
    ],
)
def test_text_where_numbers_have_to_be_is_refused_with_its_place(content, complaint, write):
    with pytest.raises(TaskError, match=rf"own\.csv{complaint}"):
        read_csv(write(content), missing="drop", numbers=["a", "b"])


# The other formats.


def test_columns_of_an_npz_file_are_read_as_those_of_a_csv_file(tmp_path):
    path = tmp_path / "own.npz"
    np.savez(
        path,
        a=np.array([1, 2, 3], np.uint8),
        b=np.array([0.5, np.nan, 1], np.float32),
        c=np.array(["x", "y", "z"]),
        d=[True, False, True],
    )
    with pytest.raises(TaskError, match=r"own\.npz, row 1, column 'b'.*first of 1 in 1 rows"):
        read_columns(path)
    columns = read_columns(path, missing="drop")
    assert lists(columns) == {"a": [1, 3], "b": [0.5, 1], "c": ["x", "z"], "d": [1, 1]}
    assert [column.dtype.kind for column in columns.values()] == ["i", "f", "U", "i"]
    assert columns["b"].dtype == np.float64


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"a": np.zeros((2, 2))}, r"'a' is float64 \[2, 2\]"),
        ({"a": [1, 2], "b": [1, 2, 3]}, "'b' has 3 rows where the first column has 2"),
        ({"a": np.array([1j])}, "'a' is complex128"),
        ({"a": np.array(["2020-01-01"], "M8[D]")}, r"'a' is datetime64\[D\]"),
        ({"a": np.array([2**63], np.uint64)}, "'a' has 9223372036854775808, too large"),
        ({"a": []}, "has no rows"),
    ],
)
def test_arrays_that_are_no_columns_are_refused(arrays, complaint, tmp_path):
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(TaskError, match=rf"own\.npz:? .*{complaint}"):
        read_columns(tmp_path / "own.npz")


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(TaskError, match=r"own\.parquet.*pip install pyarrow"):
        read_parquet(tmp_path / "own.parquet")


def test_parquet_is_read_as_csv_is(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {
        "a": arrow.array([1, 2, None, 4], arrow.int32()),
        "b": arrow.array([0.5, 1.0, 2.0, float("nan")]),
        "c": arrow.array(["x", "y", "z", "w"]).dictionary_encode(),
        "d": arrow.array([True, False, None, True]),
    }
    path = tmp_path / "own.parquet"
    parquet.write_table(arrow.table(columns), path)
    with pytest.raises(TaskError, match=r"own\.parquet, row 2, column 'a'.*first of 3 in 2 rows"):
        read_parquet(path)
    found = read_parquet(path, missing="drop")
    assert lists(found) == {"a": [1, 2], "b": [0.5, 1], "c": ["x", "y"], "d": [1, 0]}
    assert [column.dtype.kind for column in found.values()] == ["i", "f", "U", "i"]


def test_parquet_that_is_damaged_or_holds_other_things_is_refused(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "own.parquet"
    for column, complaint in (
        (arrow.array([[1], [2]]), r"the column 'a' is list<.*leave it out"),
        (arrow.array([2**63], arrow.uint64()), "the column 'a' does not become int64"),
        (arrow.array([], arrow.int64()), "has no rows"),
    ):
        parquet.write_table(arrow.table({"a": column}), path)
        with pytest.raises(TaskError, match=rf"own\.parquet:? {complaint}"):
            read_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TaskError, match=r"own\.parquet is not a Parquet file, or is damaged"):
        read_parquet(path)


def test_every_reader_refuses_a_file_that_is_not_there(tmp_path):
    pytest.importorskip("pyarrow")
    for suffix, reader in READERS.items():
        with pytest.raises(TaskError, match=f"own{suffix} cannot be read"):
            reader(tmp_path / f"own{suffix}", "refuse")
