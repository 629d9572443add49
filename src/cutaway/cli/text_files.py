"""Texts from the files that a command names: a line is a text, or a value of a Parquet column is."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from cutaway.core.errors import DataError, MissingFileError, UsageError

_ROWS = 4096


def read_texts(paths: Sequence[str], column: str = "text") -> Iterator[str]:
    """Yield the texts of files in order, never a whole file at once.

    Args:
        paths: .txt and any other file of UTF-8 lines, .gz of them, .parquet; "-" is standard input.
        column: which column of a Parquet file.

    Yields:
        Texts without their line ends.

    Raises:
        MissingFileError: a file is not there.
        DataError: a file is not UTF-8, or no gzip or Parquet file though its name says so.
        UsageError: a Parquet file has no such column of strings.
    """
    for given in paths:
        path = Path(given)
        if given != "-" and not path.is_file():
            raise MissingFileError(f"there is no file {path}: name files of text, or - for standard input")
        if path.suffix == ".parquet":
            yield from _column(path, column)
        else:
            yield from _lines(given)


def _lines(given: str) -> Iterator[str]:
    try:
        lines = sys.stdin.buffer if given == "-" else _opened(Path(given))
        with lines:
            for number, line in enumerate(lines, 1):
                text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                try:
                    yield text.decode("utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise DataError(
                        f"{given}: line {number} is not valid UTF-8 (byte {error.start} of it)"
                    ) from error
    except (gzip.BadGzipFile, EOFError) as error:
        raise DataError(f"{given} is damaged: {error}") from error


def _opened(path: Path) -> IO[bytes]:
    # The caller closes it.
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _column(path: Path, column: str) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise DataError(f"{path} is no Parquet file: {error}") from error
    schema = file.schema_arrow
    if column not in schema.names or not pa.types.is_string(schema.field(column).type):
        raise UsageError(f"{path} has no column {column!r} of strings: it has {', '.join(schema.names)}")
    for batch in file.iter_batches(_ROWS, columns=[column]):
        yield from (text for text in batch.column(0).to_pylist() if text is not None)
