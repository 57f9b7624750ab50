"""Readers of a user's own tables: columns of numbers or text from .csv, .npz and .parquet files."""

from __future__ import annotations

import csv
import importlib
import io
from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from pathlib import Path

import numpy as np

from dsl.checker import nearest
from proxy_tasks.errors import TaskError
from proxy_tasks.files import read_bytes, read_npz, read_text

# How a missing value is written in a .csv file, in any case.
MISSING = frozenset({"", "na", "n/a", "nan", "+nan", "-nan", "null"})


def read_csv(path: Path, missing: str = "refuse", numbers: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """The columns of a table of comma-separated values with a header row.

    Args:
        path: of a file in UTF-8, fields quoted as in RFC 4180 where they need it; blank lines are skipped.
        missing: what becomes of rows with a missing value (empty, NA, N/A, NaN, null): "refuse" or "drop".
        numbers: columns that have to be there and to hold numbers alone.

    Returns:
        The columns by name, each [rows]: int64 if every value is written as a whole number, float64 if every value is
        a number, else str.

    Raises:
        TaskError: if it cannot be read, has no rows, rows of different lengths, two columns of one name, a column
            without a name, missing values that are not to be dropped, or text where numbers have to be.
    """
    text = read_text(path).tobytes().decode().removeprefix("\ufeff")  # the mark that spreadsheets put in front
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        header = next(filter(None, reader), [])
        for row in reader:
            if row:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise TaskError(f"{path}, line {reader.line_num}: {error}; mend the quotes there") from None
    _check_header(path, header, len(rows))
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            raise TaskError(
                f"{path}, line {line}: {len(row)} fields where the header has {len(header)}; "
                "complete the row, or quote the field that holds a comma"
            )
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    gaps = {name: _missing_in(column) for name, column in columns.items()}
    kept = _kept(path, gaps, missing, lambda row: f"line {lines[row]}")
    found = {name: _parsed(list(compress(column, kept))) for name, column in columns.items()}
    for name in numbers:
        if name not in found:
            raise TaskError(f"{path} has no column {name!r}{nearest(name, found)}; it has {', '.join(found)}")
        if found[name].dtype.kind == "U":
            first = first_text(found[name])
            line, value = list(compress(lines, kept))[first], str(found[name][first])
            raise TaskError(
                f"{path}, line {line}, column {name!r}: {value!r} is no number; write one, or leave the row out"
            )
    return found


def read_columns(path: Path, missing: str = "refuse") -> dict[str, np.ndarray]:
    """The columns of a table in an .npz file, one array [rows] of numbers or text for each; else as `read_csv`.

    Raises:
        TaskError: as `read_npz` and `read_csv`, or if the arrays are no columns of one table.
    """
    arrays = read_npz(path)
    rows = next(iter(arrays.values())).size
    for name, array in arrays.items():
        if array.ndim != 1 or array.dtype.kind not in "biufU":
            raise TaskError(
                f"{path}: {name!r} is {array.dtype.name} {list(array.shape)}; a column is [rows] of numbers or text"
            )
        if len(array) != rows:
            raise TaskError(
                f"{path}: {name!r} has {len(array)} rows where the first column has {rows}; make them alike"
            )
        if array.dtype.kind == "u" and rows and array.max() > np.iinfo(np.int64).max:
            raise TaskError(f"{path}: {name!r} has {array.max()}, too large for int64; store it as text")
    _check_header(path, list(arrays), rows)
    gaps = {name: array != array for name, array in arrays.items()}  # of all values, only NaN is not itself
    kept = _kept(path, gaps, missing, lambda row: f"row {row}")
    kinds = {"b": np.int64, "i": np.int64, "u": np.int64, "f": np.float64, "U": np.str_}
    return {name: array[kept].astype(kinds[array.dtype.kind]) for name, array in arrays.items()}


def read_parquet(path: Path, missing: str = "refuse") -> dict[str, np.ndarray]:
    """The columns of a table in Parquet, where what is null or NaN is missing; else as `read_csv`. Needs pyarrow.

    Raises:
        TaskError: as `read_csv`, if there is no pyarrow, or if a column is neither of numbers nor of text.
    """
    try:
        arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise TaskError(f"{path}: Parquet is read by pyarrow, which is not here: pip install pyarrow") from None
    try:
        table = parquet.read_table(arrow.BufferReader(read_bytes(path)))
    except (arrow.ArrowException, OSError) as error:
        raise TaskError(f"{path} is not a Parquet file, or is damaged ({error}): write it again") from None
    _check_header(path, table.column_names, table.num_rows)
    kinds = arrow.types
    columns, gaps = {}, {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if kinds.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if kinds.is_integer(column.type) or kinds.is_boolean(column.type):
            to = arrow.int64()
        elif kinds.is_floating(column.type) or kinds.is_decimal(column.type):
            to = arrow.float64()
        elif kinds.is_string(column.type) or kinds.is_large_string(column.type):
            to = arrow.large_string()
        else:
            raise TaskError(f"{path}: the column {name!r} is {column.type}; make it numbers or text, or leave it out")
        try:
            columns[name] = column.cast(to)
        except arrow.ArrowException as error:
            raise TaskError(f"{path}: the column {name!r} does not become {to} ({error}); store it as text") from None
        gaps[name] = column.is_null(nan_is_null=True).to_numpy()
    kept = arrow.array(_kept(path, gaps, missing, lambda row: f"row {row}"))
    return {
        name: np.array(values.to_pylist()) if kinds.is_large_string(values.type) else values.to_numpy()
        for name, values in ((name, column.filter(kept)) for name, column in columns.items())
    }


# The reader of a table, by the suffix of its file.
READERS: dict[str, Callable[[Path, str], dict[str, np.ndarray]]] = {
    ".csv": read_csv,
    ".npz": read_columns,
    ".parquet": read_parquet,
}


def _check_header(path: Path, header: Sequence[str], rows: int) -> None:
    for place, name in enumerate(header):
        if not name.strip():
            raise TaskError(f"{path}: column {place + 1} has no name; give it one in the header")
        if name in header[:place]:
            raise TaskError(f"{path}: columns {header.index(name) + 1} and {place + 1} are both {name!r}; rename one")
    if not header or not rows:
        raise TaskError(f"{path} has no rows{' below its header' if header else ''}: give a table with some")


def _kept(path: Path, gaps: Mapping[str, np.ndarray], missing: str, place: Callable[[int], str]) -> np.ndarray:
    """Which rows stay, bool [rows], where `gaps` says for each column, bool [rows], which values are missing."""
    if missing not in ("refuse", "drop"):
        raise TaskError(f'missing is {missing!r}: choose "refuse" or "drop"')
    gapped = np.any(list(gaps.values()), axis=0)
    if gapped.any() and missing == "refuse":
        first = int(gapped.argmax())
        name = next(name for name, gap in gaps.items() if gap[first])
        values = sum(int(gap.sum()) for gap in gaps.values())
        raise TaskError(
            f"{path}, {place(first)}, column {name!r}: a value is missing, the first of {values} in "
            f'{gapped.sum()} rows; fill them in, or leave these rows out: missing="drop", or missing=drop as a setting'
            " of a task"
        )
    if gapped.all():
        raise TaskError(f"{path}: a value is missing in every row; leave out the columns that lack most")
    return ~gapped


def _missing_in(column: Sequence[str]) -> np.ndarray:
    """Which values are missing: bool [rows]."""
    spellings = {value for value in set(column) if value.strip().lower() in MISSING}
    return np.fromiter(map(spellings.__contains__, column), bool, len(column))


def first_text(column: np.ndarray) -> int:
    """The row of the first value in a column of text that is not written as a number; 0 if all are."""
    return next((row for row, value in enumerate(column) if _parsed([value]).dtype.kind == "U"), 0)


def _parsed(column: list[str]) -> np.ndarray:
    distinct = set(column)
    if not any("_" in value for value in distinct):  # Python takes 1_000 for a number, a table does not
        for number, dtype in ((int, np.int64), (float, np.float64)):
            try:
                values = {value: number(value) for value in distinct}
                return np.fromiter(map(values.__getitem__, column), dtype, len(column))
            except (ValueError, OverflowError):  # neither text nor an integer of more than 64 bits
                continue
    return np.array(column)
