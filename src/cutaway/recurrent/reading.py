"""Words to rows of a vector table: what a recurrent classifier reads of a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, UsageError

Ids = NDArray[np.int64]

# Stands for a word without a vector; it is read as the zero vector.
UNKNOWN = -1


@dataclass(frozen=True, kw_only=True)
class ReadingSettings:
    """Which words of a long text are read.

    Attributes:
        head: so many words from the beginning.
        tail: so many from the end; of a text no longer than head + tail, every word is read.
    """

    head: int = 200
    tail: int = 200

    def __post_init__(self) -> None:
        if self.head < 0 or self.tail < 0 or self.head + self.tail < 1:
            raise UsageError(f"head ({self.head}) and tail ({self.tail}) must leave a word to read")


def read_positions(length: int, settings: ReadingSettings) -> list[int]:
    """Return which words of a text are read, in order.

    Args:
        length: words of the text.
        settings: how many from the beginning and the end.

    Example:
        >>> read_positions(9, ReadingSettings(head=2, tail=3)), read_positions(2, ReadingSettings())
        ([0, 1, 6, 7, 8], [0, 1])
    """
    if length <= settings.head + settings.tail:
        return list(range(length))
    return [*range(settings.head), *range(length - settings.tail, length)]


def ids_of(words: Sequence[str], row_of: Callable[[str], int | None]) -> Ids:
    """Look each word up in lower case.

    Args:
        words: any number, in any case.
        row_of: gives a word's row in the vector table, None if it has none.

    Returns:
        (T,) int64: rows of the table, UNKNOWN for a word that it does not have.

    Example:
        >>> ids_of(["The", "Zyzzx"], {"the": 0}.get).tolist()
        [0, -1]
    """
    found = [row_of(word.lower()) for word in words]
    return np.array([UNKNOWN if row is None else row for row in found], dtype=np.int64)


def rows_of(
    texts: Sequence[Sequence[str]], row_of: Callable[[str], int | None], settings: ReadingSettings
) -> list[Ids]:
    """Look up, for each text, the words that are read.

    Args:
        texts: the words of each text.
        row_of: gives a word's row in the vector table, None if it has none.
        settings: how many words from the beginning and the end.

    Returns:
        One int64 array a text.

    Raises:
        DataError: a text has no word.

    Example:
        >>> [row.tolist() for row in rows_of([["a", "b", "c"]], {"a": 0, "c": 2}.get, ReadingSettings())]
        [[0, -1, 2]]
    """
    rows = []
    for at, words in enumerate(texts):
        if not words:
            raise DataError(f"text {at + 1} of {len(texts)} holds no word: there is nothing to read")
        read = read_positions(len(words), settings)
        rows.append(ids_of([words[position] for position in read], row_of))
    return rows
