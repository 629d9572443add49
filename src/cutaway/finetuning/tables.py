"""Rows of strings from a file, a folder or standard input, every value byte for byte.

Nothing is guessed: `007`, `NA` and `1e5` stay the text they are. A damaged file is an error that
names the row and the columns there are.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cutaway.core.errors import DataError, MissingFileError
from cutaway.core.text import Undecodable
from cutaway.finetuning.columns import SPILL_BYTES, ColumnWriter, TextColumn

STANDARD_INPUT = "-"
SNIFFED = 1 << 16


@dataclass(frozen=True, kw_only=True)
class StringTable:
    """Columns of strings by name, all of one length.

    Attributes:
        name: where the rows came from, for messages.
        columns: the columns; a row of them may lack a value.
        replaced: how many undecodable bytes became U+FFFD.
    """

    name: str
    columns: Mapping[str, TextColumn]
    replaced: int = 0

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ""))


@dataclass(kw_only=True)
class Reading:
    """One reading of one file: what the formats share.

    Attributes:
        path: the file.
        name: what messages call it.
        undecodable: "strict", or "replace" to put U+FFFD in the place of what is not UTF-8.
        replaced: how often that happened so far.
        spill_at: bytes of text beyond which a table lies in a file.
    """

    path: Path
    name: str
    undecodable: Undecodable = "strict"
    replaced: int = 0
    spill_at: int = SPILL_BYTES

    def count(self, replaced: int) -> None:
        """Note that so many undecodable bytes were replaced."""
        self.replaced += replaced

    def writer(self, names: Sequence[str]) -> ColumnWriter:
        """Return what collects the rows.

        Args:
            names: the columns.
        """
        return ColumnWriter(names, spill_at=self.spill_at)


Format = Callable[[Reading], Mapping[str, TextColumn]]


def formats() -> dict[str, Format]:
    """Return the readers by the ending of a file's name."""
    from cutaway.finetuning.column_formats import read_arrow, read_parquet
    from cutaway.finetuning.row_formats import read_csv, read_json_lines, read_tsv

    return {
        ".csv": read_csv,
        ".tsv": read_tsv,
        ".tab": read_tsv,
        ".jsonl": read_json_lines,
        ".ndjson": read_json_lines,
        ".parquet": read_parquet,
        ".arrow": read_arrow,
        ".feather": read_arrow,
    }


def read_table(
    path: Path, *, undecodable: Undecodable = "strict", spill_at: int = SPILL_BYTES
) -> StringTable:
    """Read a table by its ending.

    Args:
        path: a .csv, .tsv, .jsonl, .parquet or .arrow file; `-` is standard input, whose first bytes
            tell what it is.
        undecodable: what to do with bytes that are not UTF-8.
        spill_at: bytes of text beyond which the table lies in a file that is mapped.

    Returns:
        Its columns as strings.

    Raises:
        MissingFileError: there is no such file.
        DataError: the ending is not known, or the file holds no row.
    """
    if str(path) == STANDARD_INPUT:
        return _read_standard_input(undecodable, spill_at)
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}")
    known = formats()
    reader = known.get(path.suffix.lower())
    if reader is None:
        ending = path.suffix or "a file without an ending"
        raise DataError(f"{path}: cannot read {ending}: use {', '.join(known)}")
    reading = Reading(path=path, name=str(path), undecodable=undecodable, spill_at=spill_at)
    return _read(reader, reading)


def _read(reader: Format, reading: Reading) -> StringTable:
    columns = reader(reading)
    table = StringTable(name=reading.name, columns=columns, replaced=reading.replaced)
    if len(table) == 0:
        has = f"; its columns are {list(columns)}" if columns else ""
        raise DataError(f"{reading.name} holds no row of data{has}")
    return table


def _read_standard_input(undecodable: Undecodable, spill_at: int) -> StringTable:
    """Put standard input into a file first: Parquet is read from its end, and it may be large."""
    with tempfile.NamedTemporaryFile(prefix="cutaway-") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        reading = Reading(
            path=Path(file.name), name="standard input", undecodable=undecodable, spill_at=spill_at
        )
        file.seek(0)
        ending = sniffed(file.read(SNIFFED))
        return _read(formats()[ending], reading)


def sniffed(start: bytes) -> str:
    """Return the ending that a file beginning like this should have.

    Args:
        start: its first bytes.

    Example:
        >>> sniffed(b'{"text": "a"}'), sniffed(b"text,label"), sniffed(b"text" + bytes([9]) + b"label")
        ('.jsonl', '.csv', '.tsv')
    """
    if start.startswith(b"PAR1"):
        return ".parquet"
    if start.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return ".arrow"
    plain = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if plain.startswith(b"{"):
        return ".jsonl"
    return ".tsv" if b"\t" in plain.split(b"\n", 1)[0] else ".csv"
