"""The words of a table, in the order of its rows: look-ups both ways.

A table of 400,000 words is opened far more often than it is searched through, and a dictionary of
its words takes longer to build than the rest of opening it. So the words stay as pyarrow holds them
(one block of bytes and the offsets into it), a few look-ups scan that block, and the dictionary comes
only with the look-up that shows that there will be many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, overload

import numpy as np
import pyarrow as pa

from cutaway.core.errors import DataError, UnknownNameError
from cutaway.core.text import scrub

# A scan takes a millisecond, the dictionary ninety: even after this many.
SCANS_BEFORE_DICTIONARY = 100

Distinct = Literal["check", "known"]


class Vocabulary(Sequence[str]):
    """The distinct words of a table; position is row.

    Args:
        words: the words in row order, as strings or as a pyarrow string array.
        distinct: "check" looks for duplicates; "known" trusts a file that its sha256 vouches for.

    Raises:
        DataError: two rows have the same word, or a row has none.

    Example:
        >>> words = Vocabulary(["the", "king", "queen"])
        >>> words[1], words.find("queen"), words.find("qeen"), len(words)
        ('king', 2, None, 3)
    """

    def __init__(self, words: Iterable[str] | Any, *, distinct: Distinct = "check") -> None:
        if not isinstance(words, pa.StringArray):
            words = pa.array([scrub(word) for word in words], type=pa.string())
        if words.null_count:
            row = words.is_null().index(True).as_py()
            raise DataError(f"row {row} has no word: every row of a table needs one")
        self._words = words
        self._scans = 0
        self._rows: dict[str, int] | None = None
        if distinct == "check":
            self._rows = _distinct_rows(words.to_pylist())

    @property
    def arrow(self) -> Any:
        """The words as a pyarrow string array."""
        return self._words

    def __len__(self) -> int:
        return len(self._words)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[str, ...]: ...
    def __getitem__(self, row: int | slice) -> str | tuple[str, ...]:
        if isinstance(row, slice):
            return tuple(self._words[row].to_pylist())
        word: str = self._words[row].as_py()
        return word

    def __iter__(self) -> Iterator[str]:
        return iter(self._words.to_pylist())

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self.find(word) is not None

    def __repr__(self) -> str:
        shown = ", ".join(repr(word) for word in self[:3])
        return f"Vocabulary({len(self):,} words: {shown}{', …' if len(self) > 3 else ''})"

    def find(self, word: str) -> int | None:
        """Return the row of a word.

        Args:
            word: any text.

        Returns:
            Its row, or None if the table has no such word.
        """
        word = scrub(word)
        if self._rows is not None:
            return self._rows.get(word)
        self._scans += 1
        if self._scans > SCANS_BEFORE_DICTIONARY:
            known = self._words.to_pylist()
            # Of equal words the first counts, as it does for a scan.
            self._rows = dict(zip(reversed(known), range(len(known) - 1, -1, -1), strict=True))
            return self._rows.get(word)
        return self._scan(word.encode())

    def _scan(self, word: bytes) -> int | None:
        """Narrow the rows down by length, then byte by byte."""
        first = self._words.offset
        starts = np.frombuffer(self._words.buffers()[1], np.int32)[first : first + len(self) + 1]
        text = np.frombuffer(self._words.buffers()[2] or b"", np.uint8)
        rows = np.flatnonzero(np.diff(starts) == len(word))
        for at, byte in enumerate(word):
            rows = rows[text[starts[rows] + at] == byte]
        return int(rows[0]) if len(rows) else None

    def row(self, word: str) -> int:
        """Return the row of a word that must be there.

        Args:
            word: any text.

        Returns:
            Its row.

        Raises:
            UnknownNameError: the table has no such word; the message suggests near spellings.
        """
        row = self.find(word)
        if row is not None:
            return row
        from cutaway.embeddings.spelling import nearest_spellings

        near = nearest_spellings(word, self._words)
        advice = f": did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise UnknownNameError(f"no vector for {word!r} among {len(self):,} words{advice}")


def first_of_equals(words: Sequence[str]) -> list[int]:
    """Return the rows that stay where replacing what is not UTF-8 has made words equal.

    Args:
        words: V words.

    Returns:
        Every row but those with U+FFFD whose word a row before has.

    Example:
        >>> first_of_equals(["a", "\ufffd", "\ufffd", "b"])
        [0, 1, 3]
    """
    seen: set[str] = set()
    kept = []
    for row, word in enumerate(words):
        if "\ufffd" not in word or word not in seen:
            kept.append(row)
        seen.add(word)
    return kept


def _distinct_rows(words: list[str]) -> dict[str, int]:
    rows = {word: row for row, word in enumerate(words)}
    if len(rows) == len(words):
        return rows
    first: dict[str, int] = {}
    for row, word in enumerate(words):
        if word in first:
            raise DataError(f"duplicate word {word!r}: rows {first[word]} and {row} both have it")
        first[word] = row
    raise AssertionError("fewer keys than words, yet no duplicate")
