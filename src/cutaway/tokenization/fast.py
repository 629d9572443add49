"""The fast path around the kernels: tables built once, rows in blocks, blocks on threads.

Imports NumPy and numba; `Tokenizer.encode_batch` imports this file when it is first called.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError
from cutaway.tokenization import kernels
from cutaway.tokenization.batch import Batch
from cutaway.tokenization.characters import HANGUL_FIRST, HANGUL_LAST, Characters
from cutaway.tokenization.vocabulary import PREFIX, Vocabulary

CODE_POINTS = 0x110000
BLOCK = 1 << 17  # characters; text, ids and hot tables then share the second-level cache
MOST_TOKENS = 1 << 62

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What encoding adds and cuts: ids put first and last (-1: none), most tokens between them."""

    first_id: int = -1
    last_id: int = -1
    most: int = MOST_TOKENS


class FastWordPiece:
    """The compiled WordPiece of one vocabulary.

    Args:
        vocabulary: the pieces.
        characters: what becomes of each character.
    """

    def __init__(self, vocabulary: Vocabulary, characters: Characters) -> None:
        special = sorted(vocabulary.special, key=len, reverse=True)
        letters, starts = _flat(special)
        special_ids = np.array([vocabulary.special[token] for token in special], np.int32)
        entries, long_starts, long_chars = _character_tables(characters, {token[0] for token in special})
        words, edges = _piece_tables(vocabulary)
        self._tables = (
            entries,
            long_starts,
            long_chars,
            words,
            edges,
            (letters.astype(np.uint32), starts, special_ids),
        )
        self._widest_fold = int(np.diff(long_starts).max(initial=1))
        self._unknown = vocabulary.unk_id

    def encode(
        self, texts: Sequence[str], limits: Limits, encode_open: Callable[[str], list[int]], threads: int
    ) -> Batch:
        """Encode rows in blocks, in order.

        Args:
            texts: the rows.
            limits: what to add and cut.
            encode_open: the open path under the same limits, for rows whose marks must be sorted.
            threads: how many blocks are worked on at once.

        Raises:
            DataError: a row is not a string.
        """
        lengths = _lengths(texts)
        bounds = _block_bounds(lengths)

        def work(first: int, last: int) -> tuple[Ints, Longs]:
            return self._encode_block(texts[first:last], lengths[first:last], limits, encode_open)

        if threads == 1 or len(bounds) <= 2:
            blocks = [work(*pair) for pair in pairwise(bounds)]
        else:
            with ThreadPoolExecutor(threads) as pool:
                blocks = list(pool.map(work, bounds[:-1], bounds[1:]))
        return _joined(blocks)

    def _encode_block(
        self,
        texts: Sequence[str],
        lengths: Longs,
        limits: Limits,
        encode_open: Callable[[str], list[int]],
    ) -> tuple[Ints, Longs]:
        """Return a block's ids and the number of ids of each row."""
        joined = "".join(texts)
        # A lone surrogate passes and is dropped by the table, as the U+FFFD of core.text.scrub would be.
        chars = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
        starts = _starts(lengths)
        widest = 1 if joined.isascii() else self._widest_fold
        ids = np.empty(len(chars) * widest + 2 * len(texts), np.int32)
        row_starts = np.empty(len(texts) + 1, np.int64)
        needs_open = np.zeros(len(texts), np.uint8)
        settings = np.array([self._unknown, limits.first_id, limits.last_id, limits.most], np.int64)
        used = kernels.encode_rows(chars, starts, self._tables, settings, (ids, row_starts, needs_open))
        ids = ids[:used].copy()
        if needs_open.any():
            rows = np.split(ids, row_starts[1:-1])
            for row in np.flatnonzero(needs_open):
                rows[row] = np.array(encode_open(texts[int(row)]), np.int32)
            return np.concatenate(rows), np.array([len(row) for row in rows], np.int64)
        return ids, np.diff(row_starts)


def processors() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _lengths(texts: Sequence[str]) -> Longs:
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"row {row} is {type(text).__name__}, not a string: pass a list of texts")
    return np.fromiter(map(len, texts), np.int64, len(texts))


def _block_bounds(lengths: Longs) -> list[int]:
    """Cut the rows where their summed length passes a multiple of BLOCK."""
    block = np.cumsum(lengths) // BLOCK
    cuts = np.flatnonzero(np.diff(block)) + 1
    return [0, *cuts.tolist(), len(lengths)]


def _starts(lengths: Longs) -> Longs:
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def _joined(blocks: list[tuple[Ints, Longs]]) -> Batch:
    ids = blocks[0][0] if len(blocks) == 1 else np.concatenate([ids for ids, _ in blocks])
    return Batch(ids=ids, row_starts=_starts(np.concatenate([lengths for _, lengths in blocks])))


def _flat(strings: Sequence[str]) -> tuple[Ints, Longs]:
    """Return strings as code points end to end, and where each starts."""
    chars = np.frombuffer("".join(strings).encode("utf-32-le"), np.int32).copy()
    return chars, np.array([0, *accumulate(map(len, strings))], np.int64)


def _character_tables(characters: Characters, opening: set[str]) -> tuple[Ints, Ints, Ints]:
    """Pack every character's kind and fold into one number, as kernels.py reads it."""
    fold = np.arange(CODE_POINTS, dtype=np.int32)
    for first, last, step, distance in characters.lower:
        fold[first : last + 1 : step] += distance
    entries = (fold << kernels.FOLD) | kernels.WORD
    kinds = {
        "removed": kernels.NOTHING,
        "space": kernels.SPACE,
        "ideograph": kernels.ALONE,
        "punctuation": kernels.ALONE,
        "mark": kernels.NOTHING,
        "word": kernels.WORD,
    }
    for kind, ranges in characters.kinds.items():
        for first, last in ranges:
            entries[first : last + 1] |= kinds[kind]
    entries[0xD800:0xE000] = kernels.NOTHING
    for first, last, _ in characters.combining:
        entries[first : last + 1] |= kernels.SORTED
    long: list[str] = []
    for char in [*characters.decomposed, *map(chr, range(HANGUL_FIRST, HANGUL_LAST + 1))]:
        known = characters[char]
        packed = kinds[known.kind]
        if any(combining_class and fold for combining_class, fold in known.parts):
            packed |= kernels.SORTED
        if len(known.becomes) > 1:
            packed |= kernels.LONG | len(long) << kernels.FOLD
            long.append(known.becomes)
        elif known.becomes:
            packed |= ord(known.becomes) << kernels.FOLD
        entries[ord(char)] = packed
    for char in opening:
        entries[ord(char)] |= kernels.OPENS_SPECIAL
    chars, starts = _flat(long)
    return entries, starts.astype(np.int32), chars


def _piece_tables(vocabulary: Vocabulary) -> tuple[Longs, Longs]:
    """Build the word table and the trie, at most half full."""
    inner = [len(piece) > len(PREFIX) and piece.startswith(PREFIX) for piece in vocabulary.pieces]
    bare = [
        p.removeprefix(PREFIX) if is_inner else p
        for p, is_inner in zip(vocabulary.pieces, inner, strict=True)
    ]
    chars, starts = _flat(bare)
    words = np.zeros(_slots(len(bare)) * kernels.WORD_SLOT, np.int64)
    edges = np.zeros(_slots(len(chars)) * kernels.EDGE_SLOT, np.int64)
    kernels.build(chars, starts, np.array(inner, np.uint8), words, edges)
    return words, edges


def _slots(entries: int) -> int:
    """Return the power of two that is at least twice as large."""
    return 1 << (2 * entries).bit_length()
