"""Rows of strings from a CSV, TSV, JSON-lines or Parquet file, every value byte for byte.

Nothing is guessed: `007`, `NA` and `1e5` stay the text they are. A damaged file is an error that
names the row.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cutaway.core.errors import DataError, MissingFileError
from cutaway.core.text import read_lines

# The csv module refuses longer fields; a review of 16 MB is a broken quote.
LONGEST_FIELD = 16 << 20


@dataclass(frozen=True, kw_only=True)
class StringTable:
    """Columns of strings by name, all of one length."""

    path: Path
    columns: dict[str, list[str]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))


def read_table(path: Path) -> StringTable:
    """Read a table by its ending.

    Args:
        path: a .csv, .tsv, .jsonl or .parquet file.

    Returns:
        Its columns as strings.

    Raises:
        MissingFileError: there is no such file.
        DataError: the ending is not known, or the file holds no row.
    """
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"{path}: cannot read {path.suffix or 'a file without an ending'}: use {', '.join(READERS)}"
        )
    table = reader(path)
    if len(table) == 0:
        raise DataError(f"{path} holds no row of data")
    return table


def _read_delimited(path: Path, delimiter: str) -> StringTable:
    csv.field_size_limit(LONGEST_FIELD)
    lines = (line + "\n" for line in read_lines(path))
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next(rows, None)
        if header is None:
            raise DataError(f"{path} is empty: the first line must name the columns")
        repeated = sorted({name for name in header if header.count(name) > 1})
        if repeated:
            raise DataError(f"{path}: the header names {repeated[0]!r} more than once: {header}")
        columns: list[list[str]] = [[] for _ in header]
        for row in rows:
            if not row:
                continue
            if len(row) != len(header):
                raise DataError(
                    f"{path}: the row ending at line {rows.line_num} has {len(row)} values, "
                    f"the header {len(header)}: {header}"
                )
            for column, value in zip(columns, row, strict=True):
                column.append(value)
    except csv.Error as error:
        raise DataError(
            f"{path}: line {rows.line_num}: {error} (an unclosed quote, or a quote inside one)"
        ) from error
    return StringTable(path=path, columns=dict(zip(header, columns, strict=True)))


def _read_csv(path: Path) -> StringTable:
    return _read_delimited(path, ",")


def _read_tsv(path: Path) -> StringTable:
    return _read_delimited(path, "\t")


def _read_json_lines(path: Path) -> StringTable:
    columns: dict[str, list[str]] = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: line {number} is not JSON: {error}") from error
        if not isinstance(row, dict) or (columns and set(row) != set(columns)):
            raise DataError(
                f"{path}: line {number} must be an object with the keys {list(columns) or 'of the others'}"
            )
        for key, value in row.items():
            columns.setdefault(key, []).append(value if isinstance(value, str) else json.dumps(value))
    return StringTable(path=path, columns=columns)


def _read_parquet(path: Path) -> StringTable:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        table = parquet.read_table(path)
        columns = {name: table[name].cast(arrow.string()).to_pylist() for name in table.column_names}
    except (arrow.ArrowException, OSError) as error:
        raise DataError(
            f"{path} is not a readable Parquet table: {str(error).splitlines()[0][:200]}"
        ) from error
    for name, values in columns.items():
        if None in values:
            raise DataError(f"{path}: column {name!r} has no value in row {values.index(None)}")
    return StringTable(path=path, columns=columns)


READERS: dict[str, Callable[[Path], StringTable]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_json_lines,
    ".parquet": _read_parquet,
}
