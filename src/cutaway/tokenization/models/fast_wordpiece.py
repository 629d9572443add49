"""The fast path around the kernels: tables built once, rows in blocks, blocks on threads.

Imports NumPy and numba; `Tokenizer.encode_batch` imports this file when it is first called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cutaway.tokenization.batch import Batch
from cutaway.tokenization.kernels import wordpiece as kernels
from cutaway.tokenization.models.blocks import (
    Ints,
    Limits,
    Longs,
    Pool,
    Scratch,
    Take,
    encode_blocks,
    starts_of,
    with_open_rows,
)
from cutaway.tokenization.models.wordpiece_tables import character_tables, piece_tables, special_tables
from cutaway.tokenization.vocabulary import Vocabulary

MEMORY = 1 << 15  # words


class _Own:
    """What each thread has for itself: the words that it met, and room to write."""

    def __init__(self) -> None:
        self.memory = np.zeros(MEMORY * kernels.MEMORY_SLOT, np.uint64)
        self.word = np.empty(kernels.BUFFER, np.int32)
        self.scratch = Scratch()


class FastWordPiece:
    """The compiled WordPiece of one vocabulary.

    Args:
        vocabulary: the pieces.
        special: the tokens that are found as strings, and their ids.
        unknown: the id for a word that cannot be matched.
    """

    def __init__(self, vocabulary: Vocabulary, special: Mapping[str, int], unknown: int) -> None:
        folds = character_tables(frozenset(token[0] for token in special))
        self._tables = (*folds, *piece_tables(vocabulary))
        self._special = special_tables(special)
        self._unknown = unknown
        self._pool = Pool(_Own)

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

        def work(rows: Sequence[str], take: Take) -> Longs:
            with self._pool.one() as own:
                ids, row_starts, needs_open = self._encode_block(own, rows, limits)
                kept = [None if redo else b"" for redo in needs_open.tolist()] if needs_open.any() else ()
                return with_open_rows((ids, row_starts), kept, rows, encode_open, take)

        return encode_blocks(texts, work, threads)

    def _encode_block(
        self, own: _Own, texts: Sequence[str], limits: Limits
    ) -> tuple[Ints, Longs, NDArray[np.uint8]]:
        """Return a block's ids, where each row starts, and 1 for rows that are for the open path."""
        # A lone surrogate passes and is dropped by the table, as the U+FFFD of core.text.scrub would be.
        rows = [text.encode("utf-8", "surrogatepass") for text in texts]
        raw = np.frombuffer(b" ".join([*rows, b""]), np.uint8)
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        # No character folds to more characters than it has bytes.
        ids = own.scratch.ints("ids", len(raw) + 2 * len(texts) + kernels.MEMORY_IDS)
        row_starts = np.empty(len(texts) + 1, np.int64)
        needs_open = np.zeros(len(texts), np.uint8)
        settings = np.array([self._unknown, limits.first_id, limits.last_id, limits.most], np.int64)
        used = kernels.encode_rows(
            raw,
            starts_of(lengths + 1),
            (*self._tables, own.memory, self._special),
            settings,
            (ids, row_starts, needs_open, own.word),
        )
        return ids[:used], row_starts, needs_open
