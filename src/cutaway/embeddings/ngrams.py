"""Texts as bags of n-grams: words, runs of words, and the bucket that a hash sends each run to.

A text is lower-cased; its words are runs of ASCII letters and digits, with apostrophes inside, and of
bytes beyond ASCII. `ngrams_of` says it plainly; `bucket_texts` does the same with kernels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError
from cutaway.core.text import scrub

Buckets = NDArray[np.int32]
Counts = NDArray[np.int64]

TEXTS_AT_A_TIME = 256

BITS64 = (1 << 64) - 1
OFFSET, PRIME, MIX = 0xCBF29CE484222325, 0x100000001B3, 0x9E3779B97F4A7C15
WORD = re.compile(rb"[a-z0-9\x80-\xff]+(?:'[a-z0-9\x80-\xff]+)*")


class Bags(NamedTuple):
    """Each text's distinct buckets in rising order; those of text t begin at starts[t]."""

    buckets: Buckets
    starts: Counts


def words_of(text: str) -> list[bytes]:
    """Return the words of a text as lower-case UTF-8.

    Args:
        text: any text.

    Returns:
        The words in order.

    Example:
        >>> words_of("Don't stop: it's no. 9!")
        [b"don't", b'stop', b"it's", b'no', b'9']
    """
    return WORD.findall(scrub(text).lower().encode())


def ngrams_of(text: str, order: int, bits: int) -> list[tuple[str, int]]:
    """Return every n-gram of a text and its bucket, n from 1 to `order`.

    Args:
        text: any text.
        order: the most words in an n-gram.
        bits: there are 2 to this power buckets.

    Returns:
        (n-gram, bucket) pairs, single words first.

    Source:
        Fowler, Noll and Vo, FNV-1a; Joulin et al. 2017, arXiv:1607.01759, section 2.

    Example:
        >>> [gram for gram, bucket in ngrams_of("not good", 2, 21)]
        ['not', 'good', 'not good']
    """
    words = words_of(text)
    hashes = [_hash(word) for word in words]
    found = []
    for size in range(1, order + 1):
        for first in range(len(words) - size + 1):
            key = OFFSET
            for value in hashes[first : first + size]:
                key = ((key ^ value) * MIX) & BITS64
                key ^= key >> 32
            gram = b" ".join(words[first : first + size]).decode()
            found.append((gram, ((key * MIX) & BITS64) >> (64 - bits)))
    return found


def bucket_texts(texts: Sequence[str], order: int, bits: int, *, threads: int = 1) -> Bags:
    """Return the distinct buckets of each text's n-grams.

    Args:
        texts: any texts.
        order: the most words in an n-gram.
        bits: there are 2 to this power buckets.
        threads: that share the texts.

    Returns:
        Buckets, text after text.

    Raises:
        DataError: the texts are one string, or one of them is none.
    """
    if isinstance(texts, str):
        raise DataError("texts is one string: give a list of texts")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"text {number} is of type {type(text).__name__}: expected a string")
    blocks = [texts[at : at + TEXTS_AT_A_TIME] for at in range(0, len(texts), TEXTS_AT_A_TIME)]
    pool = ThreadPoolExecutor(threads)
    try:
        done = list(pool.map(lambda block: _bucket_block(block, order, bits), blocks))
    finally:
        pool.shutdown(cancel_futures=True)
    none = (np.empty(0, np.int32), np.zeros(1, np.int64))
    buckets, counts = zip(none, *done, strict=True)
    return Bags(np.concatenate(buckets), np.cumsum(np.concatenate(counts), dtype=np.int64))


def _bucket_block(texts: Sequence[str], order: int, bits: int) -> tuple[Buckets, Counts]:
    """Each text's buckets, text after text, and how many it has."""
    from cutaway.embeddings.ngram_kernels import bucket_block

    pieces = [scrub(text).lower().encode() + b"  " for text in texts]
    starts = np.cumsum([0, *map(len, pieces)], dtype=np.int64)
    raw = np.frombuffer(bytearray(b"".join(pieces)), np.uint8)
    buckets = np.empty(len(raw) * order, np.int32)
    counts = np.empty(len(pieces), np.int64)
    written = bucket_block(raw, starts, _classes(), (order, bits), (buckets, counts))
    return buckets[:written].copy(), counts


def _hash(word: bytes) -> int:
    key = OFFSET
    for byte in word:
        key = ((key ^ byte) * PRIME) & BITS64
    return key


@cache
def _classes() -> NDArray[np.uint8]:
    from cutaway.embeddings.ngram_kernels import JOINER, WORD

    classes = np.zeros(256, np.uint8)
    classes[np.frombuffer(b"abcdefghijklmnopqrstuvwxyz0123456789", np.uint8)] = WORD
    classes[128:] = WORD
    classes[ord("'")] = JOINER
    return classes
