"""fastText's pieces of words: character n-grams, hashed into buckets.

A word gets a mark before and behind, <word>, so that a prefix differs from the same letters inside.
Buckets that no n-gram of the vocabulary falls into get no row: Departs from fastText, which keeps a
random vector for each and mixes those into the vectors of unknown words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import UsageError
from cutaway.core.text import scrub

# fastText's mark for the end of a line stands for itself alone.
LINE_END = "</s>"


@dataclass(frozen=True, kw_only=True)
class GramSettings:
    """Which n-grams, and how many buckets.

    Attributes:
        shortest: letters of the shortest, the marks counted.
        longest: letters of the longest.
        buckets: n-grams with the same hash share a row.
    """

    shortest: int = 3
    longest: int = 6
    buckets: int = 2_000_000

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self.longest <= 100:
            raise UsageError(
                f"n-grams of {self.shortest} to {self.longest} letters: expected 1 ≤ shortest ≤ longest"
            )
        if not 1 <= self.buckets <= 1 << 30:
            raise UsageError(f"{self.buckets} buckets: expected 1 to 2³⁰")


def grams(word: str, settings: GramSettings) -> list[str]:
    """Return the n-grams of a word between its marks; a mark alone is none.

    Args:
        word: any word.
        settings: lengths.

    Returns:
        n-grams by place, then by length.

    Source:
        Bojanowski et al. 2017, arXiv:1607.04606, section 3.2.

    Example:
        >>> grams("where", GramSettings(shortest=3, longest=3))
        ['<wh', 'whe', 'her', 'ere', 're>']
    """
    marked = f"<{word}>"
    found = []
    for start in range(len(marked)):
        for length in range(settings.shortest, settings.longest + 1):
            if start + length <= len(marked) and not (length == 1 and (start in (0, len(marked) - 1))):
                found.append(marked[start : start + length])
    return found


def bucket(gram: str, buckets: int) -> int:
    """Return an n-gram's bucket: FNV-1a over its bytes, each taken as signed, as fastText's program does.

    Args:
        gram: the n-gram.
        buckets: how many there are.

    Returns:
        From 0 to buckets - 1.

    Source:
        Fowler, Noll and Vo 1991, FNV-1a, 32 bits.

    Example:
        >>> bucket("<wh", 2_000_000)
        167652
    """
    h = 2166136261
    for byte in gram.encode():
        signed = byte | 0xFFFFFF00 if byte > 127 else byte
        h = ((h ^ signed) * 16777619) & 0xFFFFFFFF
    return h % buckets


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """The rows that stand for each word of a vocabulary: its own, and those of its n-grams.

    Attributes:
        starts: (V + 1,) where each word's rows begin.
        rows: its own row first; n-grams from row V on.
        buckets: the bucket of each row from V on, in rising order.
    """

    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    buckets: NDArray[np.int64]

    def of(self, word: int) -> NDArray[np.int32]:
        """Return one word's rows.

        Args:
            word: its row in the vocabulary.

        Returns:
            Rows of the table of inputs.
        """
        return self.rows[self.starts[word] : self.starts[word + 1]]


def whole_words(count: int) -> Pieces:
    """Return pieces for words that stand for themselves alone.

    Args:
        count: V words.

    Returns:
        One row for each.
    """
    return Pieces(
        starts=np.arange(count + 1, dtype=np.int64),
        rows=np.arange(count, dtype=np.int32),
        buckets=np.empty(0, np.int64),
    )


def pieces_of(words: Sequence[str], settings: GramSettings) -> Pieces:
    """Return the rows of every word and its n-grams.

    Args:
        words: the vocabulary.
        settings: which n-grams.

    Returns:
        The rows; n-grams that share a bucket share one.

    Example:
        >>> pieces = pieces_of(["ab", "abc"], GramSettings(shortest=3, longest=3))
        >>> [len(pieces.of(word)) for word in (0, 1)], len(pieces.buckets)
        ([3, 4], 4)
    """
    found = [word_buckets(word, settings) for word in words]
    lengths = np.array([1 + len(one) for one in found], np.int64)
    used, inverse = np.unique(np.concatenate([*found, np.empty(0, np.int64)]), return_inverse=True)
    starts = np.append(0, np.cumsum(lengths))
    rows = np.empty(int(starts[-1]), np.int32)
    own = np.zeros(len(rows), bool)
    own[starts[:-1]] = True
    rows[own] = np.arange(len(words), dtype=np.int32)
    rows[~own] = len(words) + inverse
    return Pieces(starts=starts, rows=rows, buckets=used)


def word_buckets(word: str, settings: GramSettings) -> NDArray[np.int64]:
    """Return the buckets of a word's n-grams, in order, one for each n-gram.

    Args:
        word: any word.
        settings: which n-grams.

    Returns:
        Numbers from 0 to buckets - 1; none for fastText's mark of a line's end.
    """
    if word == LINE_END:
        return np.empty(0, np.int64)
    from cutaway.embeddings.subwords_kernels import gram_buckets

    raw = np.frombuffer(bytearray(f"<{scrub(word)}>".encode()), np.uint8)
    out = np.empty(len(raw) * (settings.longest - settings.shortest + 1), np.int64)
    count = gram_buckets(raw, settings.shortest, settings.longest, settings.buckets, out)
    return out[:count]
