"""Vectors as text: a word and its numbers on each line, separated by spaces.

GloVe writes just that; word2vec and fastText's `.vec` put a line "count dimensions" before it. The
file is cut at line ends into pieces, which pyarrow parses on all cores. A piece that it stumbles over
is read again line by line, which either explains the damage or finds what pyarrow could not know:
some published files have words with spaces inside.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cutaway.core.errors import DataError, FormatError
from cutaway.embeddings.vocabulary import Vocabulary

PIECE = 16 << 20
LONGEST_LINE = 4 << 20
GZIP = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What the first lines say: numbers on a line, rows promised, lines before the first row."""

    path: Path
    dim: int
    promised: int | None
    trailing_space: bool

    @property
    def first_line(self) -> int:
        """The number of the line with the first row."""
        return 1 if self.promised is None else 2


def read_text(path: Path) -> tuple[Vocabulary, NDArray[np.float32]]:
    """Read a GloVe, word2vec or fastText text file, gzipped or not.

    Args:
        path: the file.

    Returns:
        The words, and their vectors, (V, D) float32, column by column in memory.

    Raises:
        FormatError: the header promises another number of rows than the file has, or a word comes
            twice; a row that cannot be read is named by its line.
    """
    with _opened(path) as file:
        layout = _read_layout(file, path)
    vectors = np.empty((_most_rows(path, layout), layout.dim), dtype=np.float32, order="F")
    words, row = [], 0
    with _opened(path) as file:
        for line, offset, piece in _pieces(file, layout):
            some, block = _read_piece(piece, layout, line, offset)
            vectors[row : row + len(some)] = block
            words.append(some)
            row += len(some)
    if layout.promised not in (None, row):
        raise FormatError(
            f"{path}: the header promises {layout.promised:,} words but {row:,} follow: "
            "the file is truncated, or the header lies"
        )
    vectors = vectors[:row]
    vectors.flags.writeable = False
    try:
        return Vocabulary(pa.concat_arrays(words)), vectors
    except DataError as error:
        raise FormatError(f"{path}: {error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as raw:
        packed = raw.read(2) == GZIP
        raw.seek(0)
        try:
            yield gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[misc]
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise FormatError(f"{path}: the gzip stream is damaged or truncated: {error}") from error


def _read_layout(file: BinaryIO, path: Path) -> Layout:
    row = file.readline(LONGEST_LINE).removeprefix(BYTE_ORDER_MARK).strip(b"\r\n")
    fields = row.split()
    promised = None
    if len(fields) == 2 and all(field.isdigit() and len(field) < 19 for field in fields):
        promised, dim = int(fields[0]), int(fields[1])
        row = file.readline(LONGEST_LINE).strip(b"\r\n")
    found = len(row.rstrip(b" ").split(b" ")) - 1
    if found < 1:
        line = 1 if promised is None else 2
        raise FormatError(f"{path}, line {line}: expected a word and numbers, separated by single spaces")
    if promised is not None and dim != found:
        raise FormatError(f"{path}: the header promises {dim} dimensions but line 2 has {found} numbers")
    return Layout(path=path, dim=found, promised=promised, trailing_space=row.endswith(b" "))


def _most_rows(path: Path, layout: Layout) -> int:
    """Count the lines; no more than rows of this many numbers can fit into the file's bytes."""
    lines, size = 1, 0
    with _opened(path) as file:
        while piece := file.read(1 << 20):
            lines += piece.count(b"\n")
            size += len(piece)
    return min(lines, size // (2 * layout.dim + 2) + 1)


def _pieces(file: BinaryIO, layout: Layout) -> Iterator[tuple[int, int, bytes]]:
    """Yield the rows' bytes cut at line ends, each with its line number and byte offset."""
    line, offset, rest = layout.first_line, 0, b""
    if layout.promised is not None:
        offset = len(file.readline())
    while piece := file.read(PIECE):
        end = piece.rfind(b"\n") + 1
        if not end and len(rest) + len(piece) > LONGEST_LINE:
            raise FormatError(f"{layout.path}, line {line}: longer than 4 MB, which no row of vectors is")
        whole, rest = rest + piece[:end], piece[end:] if end else rest + piece
        if end:
            yield line, offset, whole
            line, offset = line + whole.count(b"\n"), offset + len(whole)
    if rest:
        yield line, offset, rest


def _read_piece(piece: bytes, layout: Layout, line: int, offset: int) -> tuple[Any, NDArray[np.float32]]:
    start = piece.removeprefix(BYTE_ORDER_MARK) if line == 1 else piece
    # pyarrow drops a byte-order mark wherever a buffer starts with it; past line 1 it is part of a word.
    fast = None if start.startswith(BYTE_ORDER_MARK) else _read_fast(start, layout)
    if fast is not None and np.isfinite(fast[1]).all():
        return fast
    return _read_lines(piece, layout, line, offset)


def _read_fast(piece: bytes, layout: Layout) -> tuple[Any, NDArray[np.float32]] | None:
    """Parse with pyarrow; None if any row is not a plain word and the right count of numbers."""
    from pyarrow import csv

    numbers = [str(at) for at in range(layout.dim)]
    try:
        table = csv.read_csv(
            pa.BufferReader(piece),
            read_options=csv.ReadOptions(column_names=["word", *numbers, *["end"] * layout.trailing_space]),
            parse_options=csv.ParseOptions(delimiter=" ", quote_char=False, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types={"word": pa.string(), **dict.fromkeys(numbers, pa.float32())},
                include_columns=["word", *numbers],
                null_values=[],
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.column("word").index("").as_py() >= 0:
        return None
    block = np.stack([table.column(number).to_numpy() for number in numbers])
    return table.column("word").combine_chunks(), block.T


def _read_lines(piece: bytes, layout: Layout, line: int, offset: int) -> tuple[Any, NDArray[np.float32]]:
    """Parse line by line: slowly, and able to say where the damage is."""
    words, rows = [], []
    for number, raw in enumerate(piece.split(b"\n"), start=line):
        row = raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw
        if row.strip():
            start = offset + len(raw) - len(row)
            word, values = _read_row(row, layout, f"{layout.path}, line {number}", start)
            words.append(word)
            rows.append(values)
        offset += len(raw) + 1
    return pa.array(words, type=pa.string()), np.array(rows, dtype=np.float32).reshape(-1, layout.dim)


def _read_row(row: bytes, layout: Layout, where: str, offset: int) -> tuple[str, NDArray[np.float32]]:
    try:
        text = row.rstrip(b"\r").rstrip(b" ").decode("utf-8")
    except UnicodeDecodeError as error:
        bad = row[error.start]
        raise FormatError(
            f"{where}: byte {offset + error.start} is not valid UTF-8 (0x{bad:02x}): save the file as UTF-8"
        ) from error
    word, *fields = text.rsplit(" ", layout.dim)
    extra = word.split(" ")[1:]
    if len(fields) != layout.dim or any(_is_number(field) for field in extra):
        count = len(fields) + len(extra)
        raise FormatError(f"{where}: {count} numbers after the word, expected {layout.dim}")
    if not word:
        raise FormatError(f"{where}: no word before the numbers")
    try:
        values = np.array([float(field) for field in fields])
    except ValueError as error:
        raise FormatError(f"{where}, word {word!r}: {error}") from error
    if not (np.abs(values) <= np.finfo(np.float32).max).all():
        at = int(np.flatnonzero(~(np.abs(values) <= np.finfo(np.float32).max))[0])
        raise FormatError(f"{where}, word {word!r}: number {at + 1} is {fields[at]}, not a finite float32")
    return word, values.astype(np.float32)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
