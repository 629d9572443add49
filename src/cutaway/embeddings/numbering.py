"""Words to numbers as they appear: the table that `corpus_counts` fills while a corpus streams by.

Sentences become bytes, one row each, with NULs between the words, and a kernel numbers those. Words that are
given are joined by NULs. A text is lower-cased, and a kernel keeps its words alone: runs of ASCII letters and
digits, or of bytes beyond ASCII, for in the few texts that hold such bytes the plain splitter has already
put spaces around the words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError
from cutaway.core.text import scrub
from cutaway.embeddings.corpus import Sentence, split_words

Ids = NDArray[np.int32]
Longs = NDArray[np.int64]

N = TypeVar("N", bound=np.generic)

Kind = Literal["texts", "words"]

FIRST_WORDS = 1 << 16


class Chunk(NamedTuple):
    """Some sentences as numbers: ids of their words, and where each sentence's end."""

    ids: Ids
    ends: Longs


class Numbering:
    """Distinct words in order of first appearance, and how often each was met.

    Example:
        >>> numbering = Numbering()
        >>> numbering.add(["One two one.", ["two", "one"]]).ids.tolist()
        [0, 1, 0, 1, 0]
        >>> numbering.words(), numbering.counts().tolist()
        (['one', 'two'], [3, 2])
    """

    def __init__(self) -> None:
        self._known = 0
        self._pool: NDArray[np.uint8] = np.zeros(8 * FIRST_WORDS, np.uint8)
        self._spots: NDArray[np.int64] = np.zeros(FIRST_WORDS + 1, np.int64)
        self._counts: NDArray[np.int64] = np.zeros(FIRST_WORDS, np.int64)
        self._slots = np.zeros(2 * FIRST_WORDS, np.int32)
        self._keys = np.zeros(2 * FIRST_WORDS, np.uint64)

    def add(self, sentences: Sequence[Sentence]) -> Chunk:
        """Number the words of sentences and count them.

        Args:
            sentences: texts, which are split, or sequences of words.

        Returns:
            The numbers of all their words, and where those of each sentence end.

        Raises:
            DataError: a sentence is neither a text nor a sequence of words.
        """
        kinds: list[Kind] = ["texts" if isinstance(sentence, str) else "words" for sentence in sentences]
        if len(set(kinds)) == 1:
            return self._add_alike(sentences, kinds[0])
        chunks = [self._add_alike([s], kind) for s, kind in zip(sentences, kinds, strict=True)]
        ids = np.concatenate([chunk.ids for chunk in chunks])
        return Chunk(ids, np.cumsum([len(chunk.ids) for chunk in chunks], dtype=np.int64))

    def __len__(self) -> int:
        """How many distinct words there are."""
        return self._known

    def words(self, numbers: Iterable[int] | None = None) -> list[str]:
        """Return distinct words.

        Args:
            numbers: of which words; of all, in order of first appearance, if none are given.

        Returns:
            Each word once.
        """
        pool, spots = self._pool.tobytes(), self._spots.tolist()
        chosen = range(self._known) if numbers is None else numbers
        return [pool[spots[at] : spots[at + 1]].decode() for at in chosen]

    def counts(self) -> Longs:
        """Return how often each word was met.

        Returns:
            (M,) in order of first appearance.
        """
        return self._counts[: self._known].copy()

    def _add_alike(self, sentences: Sequence[Sentence], kind: Kind) -> Chunk:
        from cutaway.embeddings.numbering_kernels import number_rows, separate_words

        raw, starts = _joined([_row_bytes(sentence) for sentence in sentences])
        if kind == "texts":
            text, raw = raw, np.empty_like(raw)
            separate_words(text, raw)
        elif starts[-1] - np.count_nonzero(raw) > sum(max(1, len(s)) for s in sentences):  # NULs in words
            clean = [[word.replace("\0", "\ufffd") for word in s] for s in sentences]
            raw, starts = _joined([_row_bytes(s) for s in clean])
        ids = np.empty(len(raw) // 2 + 1, np.int32)
        ends = np.zeros(len(starts), np.int64)
        row = 0
        while row < len(sentences):
            pool = (self._pool, self._pool.view(np.uint64), self._spots)
            table = (pool, self._counts, (self._slots, self._keys))
            row = number_rows((raw, raw.view(np.uint64)), starts, row, self._known, *table, ids, ends)
            self._known = int(ends[-1])
            if row < len(sentences):
                self._grow(int(starts[row + 1] - starts[row]))
        return Chunk(ids[: ends[-2]].copy(), ends[:-1])

    def _grow(self, row_bytes: int) -> None:
        """Make room for at least one more row of that size, and at least twice the words."""
        from cutaway.embeddings.numbering_kernels import refill

        words = 1 << (max(2 * len(self._counts), self._known + row_bytes) - 1).bit_length()
        size = 2 * max(len(self._pool), int(self._spots[self._known]) + row_bytes)
        self._pool = _longer(self._pool, -(-size // 8) * 8)
        self._spots = _longer(self._spots, words + 1)
        self._counts = _longer(self._counts, words)
        slots, keys = np.zeros(2 * words, np.int32), np.zeros(2 * words, np.uint64)
        refill(self._slots, self._keys, slots, keys)
        self._slots, self._keys = slots, keys


def _row_bytes(sentence: Sentence) -> bytes:
    """Return the bytes that the kernel cuts into words."""
    if isinstance(sentence, str):
        text = sentence.lower() if sentence.isascii() else " ".join(split_words(scrub(sentence)))
        return text.encode()
    if not isinstance(sentence, (list, tuple)):
        raise DataError(f"a sentence is {type(sentence).__name__}: expected a text or a list of words")
    try:
        joined = "\0".join(sentence)
    except TypeError:
        odd = next(word for word in sentence if not isinstance(word, str))
        raise DataError(f"a sentence holds {odd!r} of type {type(odd).__name__}: words are strings") from None
    return joined.encode() if joined.isascii() else scrub(joined).encode()


def _joined(rows: Sequence[bytes]) -> tuple[NDArray[np.uint8], Longs]:
    """Return rows with a NUL behind each, and room behind the last, and where each begins."""
    from cutaway.embeddings.numbering_kernels import SLACK

    starts = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) + 1 for row in rows], out=starts[1:])
    room = bytes(SLACK + -int(starts[-1]) % 8)
    return np.frombuffer(bytearray(b"\0".join([*rows, room])), np.uint8), starts


def _longer(array: NDArray[N], size: int) -> NDArray[N]:
    longer = np.zeros(size, array.dtype)
    longer[: len(array)] = array
    return longer
