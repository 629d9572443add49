"""Vectors as text: a word and its numbers on each line, separated by spaces.

GloVe writes just that; word2vec and fastText's `.vec` put a line "count dimensions" before it. The
file is cut at line ends into pieces, which a kernel parses on all cores. A piece that it stumbles over
is given to pyarrow, and if that stumbles too it is read line by line, which either explains the damage
or finds what neither could know: some published files have words with spaces inside.

Letters: V rows, D dimensions.
"""

from __future__ import annotations

import gzip
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cutaway.core.errors import DataError, FormatError
from cutaway.core.text import Undecodable
from cutaway.embeddings.byte_search import thread_count, threads
from cutaway.embeddings.vocabulary import Vocabulary, first_of_equals

PIECE = 8 << 20
# Loading the compiler costs more than it saves on less.
SMALL_FILE = 32 << 20
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
    undecodable: Undecodable = "strict"

    @property
    def first_line(self) -> int:
        """The number of the line with the first row."""
        return 1 if self.promised is None else 2


class Rows(NamedTuple):
    """Some rows: their words as a pyarrow array, (V, D) float32, and words that were not UTF-8."""

    words: Any
    vectors: NDArray[np.float32]
    replaced: int = 0


def read_text(
    path: Path, *, undecodable: Undecodable = "strict"
) -> tuple[Vocabulary, NDArray[np.float32], int]:
    """Read a GloVe, word2vec or fastText text file, gzipped or not.

    Args:
        path: the file.
        undecodable: what to do with words that are not UTF-8: "strict" raises, "replace" puts U+FFFD
            for what cannot be decoded, and of words that become the same keeps the first.

    Returns:
        The words, their vectors, (V, D) float32, and how many words were replaced.

    Raises:
        FormatError: the header promises another number of rows than the file has, or a word comes
            twice; a row that cannot be read is named by its line.
    """
    with _opened(path) as file:
        layout = _read_layout(file, path, undecodable)
    vectors = np.empty((_most_rows(path, layout), layout.dim), dtype=np.float32)
    words, row, replaced = [], 0, 0
    with _opened(path) as file:
        for some in _in_order(file, layout):
            vectors[row : row + len(some.words)] = some.vectors
            words.append(some.words)
            row += len(some.words)
            replaced += some.replaced
    if layout.promised not in (None, row):
        raise FormatError(
            f"{path}: the header promises {layout.promised:,} words but {row:,} follow: "
            "the file is truncated, or the header lies"
        )
    vectors, known = vectors[:row], pa.concat_arrays(words)
    if replaced:
        first = first_of_equals(known.to_pylist())
        vectors, known = vectors[first], known.take(first)
    vectors.flags.writeable = False
    try:
        return Vocabulary(known), vectors, replaced
    except DataError as error:
        raise FormatError(f"{path}: {error}") from error


def _in_order(file: BinaryIO, layout: Layout) -> Iterator[Rows]:
    """Parse pieces on threads, a few ahead of the one that is taken."""
    waiting: deque[Future[Rows]] = deque()
    for line, offset, piece in _pieces(file, layout):
        waiting.append(threads().submit(_read_piece, piece, layout, line, offset))
        if len(waiting) > thread_count():
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as raw:
        packed = raw.read(2) == GZIP
        raw.seek(0)
        try:
            yield gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[misc]
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise FormatError(f"{path}: the gzip stream is damaged or truncated: {error}") from error


def _read_layout(file: BinaryIO, path: Path, undecodable: Undecodable) -> Layout:
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
    return Layout(
        path=path,
        dim=found,
        promised=promised,
        trailing_space=row.endswith(b" "),
        undecodable=undecodable,
    )


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


def _read_piece(piece: bytes, layout: Layout, line: int, offset: int) -> Rows:
    start = piece.removeprefix(BYTE_ORDER_MARK) if line == 1 else piece
    if layout.path.stat().st_size >= SMALL_FILE and (parsed := _parse(start, layout)):
        return parsed
    # pyarrow drops a byte-order mark wherever a buffer starts with it; past line 1 it is part of a word.
    fast = None if start.startswith(BYTE_ORDER_MARK) else _read_fast(start, layout)
    if fast is not None and np.isfinite(fast.vectors).all():
        return fast
    return _read_lines(piece, layout, line, offset)


def _parse(piece: bytes, layout: Layout) -> Rows | None:
    """Parse with the kernel; None for anything unusual."""
    from cutaway.embeddings.formats.text_kernels import TENS, parse_rows

    raw = np.frombuffer(bytearray(piece), np.uint8)  # kernels take what may be written
    most = piece.count(b"\n") + (not piece.endswith(b"\n"))
    vectors = np.empty((most, layout.dim), dtype=np.float32)
    text, ends = np.empty(len(raw), dtype=np.uint8), np.zeros(most + 1, dtype=np.int32)
    rows = parse_rows(raw, TENS, vectors, text, ends)
    if rows != most or not np.isfinite(vectors).all():
        return None
    words = pa.StringArray.from_buffers(rows, pa.py_buffer(ends), pa.py_buffer(text[: ends[-1]].copy()))
    try:
        words.validate(full=True)
    except pa.ArrowInvalid:
        return None
    return Rows(words, vectors)


def _read_fast(piece: bytes, layout: Layout) -> Rows | None:
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
    return Rows(table.column("word").combine_chunks(), block.T)


def _read_lines(piece: bytes, layout: Layout, line: int, offset: int) -> Rows:
    """Parse line by line: slowly, and able to say where the damage is."""
    words, rows, replaced = [], [], 0
    for number, raw in enumerate(piece.split(b"\n"), start=line):
        row = raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw
        if row.strip():
            where = f"{layout.path}, line {number}"
            text, lossy = _decode(row, layout, where, offset + len(raw) - len(row))
            word, values = _read_row(text, layout, where)
            words.append(word)
            rows.append(values)
            replaced += lossy
        offset += len(raw) + 1
    vectors = np.array(rows, dtype=np.float32).reshape(-1, layout.dim)
    return Rows(pa.array(words, type=pa.string()), vectors, replaced)


def _decode(row: bytes, layout: Layout, where: str, offset: int) -> tuple[str, bool]:
    """Return a row's text, and whether anything in it had to be replaced."""
    row = row.rstrip(b"\r").rstrip(b" ")
    try:
        return row.decode("utf-8"), False
    except UnicodeDecodeError as error:
        if layout.undecodable == "replace":
            return row.decode("utf-8", errors="replace"), True
        raise FormatError(
            f"{where}: byte {offset + error.start} is not valid UTF-8 (0x{row[error.start]:02x}): save the "
            "file as UTF-8, or ask for replacement"
        ) from error


def _read_row(text: str, layout: Layout, where: str) -> tuple[str, NDArray[np.float32]]:
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
