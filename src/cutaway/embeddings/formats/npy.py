"""Vectors as a NumPy array file, their words as a Parquet column beside it.

The array is mapped, not read: opening it costs a header, and a query touches the pages it needs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cutaway.core.errors import DataError, FormatError
from cutaway.embeddings.vocabulary import Distinct, Vocabulary

WORD_COLUMNS = ("word", "words", "index", "token", "tokens")


def read_npy_parquet(
    array: Path, table: Path, *, distinct: Distinct = "check"
) -> tuple[Vocabulary, NDArray[np.float32]]:
    """Map an array file and read the words that belong to its rows.

    Args:
        array: a `.npy` file of shape (V, D).
        table: a Parquet file with one word for each row.
        distinct: whether to look for duplicate words.

    Returns:
        The words, and their vectors, (V, D), as a read-only view of the mapped file; a copy if it
        holds another type than the machine's float32.

    Raises:
        FormatError: the two files have different numbers of rows.
    """
    vectors = map_array(array)
    words = read_words(table, distinct=distinct)
    if len(words) != len(vectors):
        raise FormatError(f"{array} has {len(vectors):,} rows but {table} has {len(words):,} words")
    return words, vectors


def map_array(path: Path) -> NDArray[np.float32]:
    """Map a two-dimensional float array file, read-only.

    Args:
        path: the `.npy` file.

    Returns:
        (V, D) float32.

    Raises:
        FormatError: the file is truncated, holds Python objects (a pickle), or is not a float matrix.
    """
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # a damaged header is parsed as Python, which fails in many ways
        raise FormatError(f"{path} is no readable array file: {_one_line(error)}") from error
    vectors: NDArray[np.float32] = mapped.view(np.ndarray)
    if vectors.ndim != 2 or vectors.dtype.kind != "f":
        raise FormatError(
            f"{path} holds {vectors.dtype} of shape {vectors.shape}: expected a float matrix, a row a word"
        )
    return vectors if vectors.dtype == np.float32 else vectors.astype(np.float32)


def read_words(path: Path, *, distinct: Distinct = "check") -> Vocabulary:
    """Read the words from a Parquet file's only text column, or the one named as words are.

    Args:
        path: the Parquet file.
        distinct: whether to look for duplicate words.

    Returns:
        The words in row order.

    Raises:
        FormatError: the file is damaged, has no such column, or has a duplicate or missing word.
    """
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path, memory_map=True) as file:
            texts = [field.name for field in file.schema_arrow if _is_text(field.type)]
            named = [name for name in texts if name in WORD_COLUMNS] or texts
            if len(named) != 1:
                columns = file.schema_arrow.names
                raise FormatError(f"{path}: which column has the words? expected 'word', there are {columns}")
            column = file.read(columns=named).column(0)
        # pyarrow's compute functions take longer to load than the words do.
        column = column if pa.types.is_string(column.type) else column.cast(pa.string())
        column = column.combine_chunks()
        return Vocabulary(column, distinct=distinct)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path} is no readable Parquet file: {_one_line(error)}") from error
    except DataError as error:
        raise FormatError(f"{path}: {error}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
