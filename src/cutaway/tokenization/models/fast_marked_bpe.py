"""The fast path of byte-pair encoding over characters, ▁ for spaces: SentencePiece's, Llama 2's.

Their models read a whole text as one word. Where no token reaches from another character over a ▁, no merge
crosses the start of a run of them, so the text is cut there and the words are encoded, and remembered, one by
one. Imports NumPy and numba; `Tokenizer.encode_batch` imports this file when it is first called.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cutaway.tokenization.batch import Batch
from cutaway.tokenization.kernels import bpe, bpe_tiles, marked
from cutaway.tokenization.kernels.tokens import PADDING
from cutaway.tokenization.models.blocks import (
    EncodeOpen,
    Ints,
    Limits,
    Longs,
    Pool,
    Take,
    encode_blocks,
    starts_of,
    with_open_rows,
)
from cutaway.tokenization.models.bpe import BytePairEncoding
from cutaway.tokenization.models.bpe_tables import CODE_POINTS, byte_pair_tables
from cutaway.tokenization.models.fast_bpe import Own
from cutaway.tokenization.models.marked_text import MarkedText
from cutaway.tokenization.normalizers.sentencepiece import SPACE
from cutaway.tokenization.splitters.sentencepiece import may_cut_at_spaces


class FastMarkedPairs:
    """The compiled encoder of one vocabulary of pieces.

    Args:
        model: its model.
        text: what its other stages do.
        openings: strings of which one is in every text with an added token.
    """

    def __init__(self, model: BytePairEncoding, text: MarkedText, openings: Sequence[str]) -> None:
        merged = tokens_of_merges(model)
        letters = {piece: number for piece, number in model.vocabulary.items() if len(piece) == 1}
        spelled = {number: piece.encode("utf-8") for piece, number in (merged | letters).items()}
        symbols = np.full(CODE_POINTS, -1, np.int32)
        for piece, number in letters.items():
            symbols[ord(piece)] = number
        words, merging, tiles = byte_pair_tables(model, spelled, symbols)
        # A text may have characters without a token, so words are merged and never laid out in tokens.
        pairs, _, sizes, known_words, tokens = tiles
        self._tables = (words, merging, (pairs, np.empty(0, np.int32), sizes, known_words, tokens))
        runs = SPACE in letters and may_cut_at_spaces(merged)
        self._cuts = marked.EACH if text.cuts == "each mark" else marked.RUNS if runs else marked.NOWHERE
        self._text, self._openings = text, tuple(openings)
        self._pool = Pool(Own)

    def encode(self, texts: Sequence[str], limits: Limits, encode_open: EncodeOpen, threads: int) -> Batch:
        """Encode rows in blocks, in order.

        Args:
            texts: the rows.
            limits: what to add and cut.
            encode_open: the open path under the same limits, for rows with added tokens or odd characters.
            threads: how many blocks are worked on at once.

        Raises:
            DataError: a row is not a string.
        """

        def work(rows: Sequence[str], take: Take) -> Longs:
            with self._pool.one() as own:
                found = self._encode_block(own, rows, limits)
                return with_open_rows(found[0], found[1], rows, encode_open, take)

        return encode_blocks(texts, work, threads)

    def _encode_block(
        self, own: Own, texts: Sequence[str], limits: Limits
    ) -> tuple[tuple[Ints, Longs], list[bytes | None]]:
        """Return ids and where each row starts, and the rows, None where one is for the open path."""
        rows = self._text.rows(texts)
        for at, text in enumerate(texts):
            if any(opening in text for opening in self._openings):
                rows[at] = None
        parts = [row or b"" for row in rows]
        text_bytes = np.frombuffer(b"".join([*parts, bytes(PADDING)]), np.uint8)
        bounds = starts_of(np.fromiter(map(len, parts), np.int64, len(parts)))
        words = own.scratch.ints("words", len(text_bytes))
        firsts = np.empty(len(parts) + 1, np.int64)
        marked.cut_at_marks(text_bytes, bounds, self._cuts, words, firsts)
        given, each = np.full(len(parts), -1, np.int32), np.arange(len(parts) + 1)
        ids = own.scratch.ints("ids", len(text_bytes) + 2 * len(texts) + bpe_tiles.MEMORY_IDS)
        row_starts = np.empty(len(texts) + 1, np.int64)
        used = bpe.encode_rows(
            text_bytes,
            bpe.already_cut(),
            (words, firsts),
            (given, each),
            (*self._tables, own.memory, own.ranks, own.room),
            (limits.first_id, limits.last_id, limits.most, 0),
            (ids, row_starts),
        )
        return (ids[:used], row_starts), rows


def tokens_of_merges(model: BytePairEncoding) -> dict[str, int]:
    """Return the tokens that merges make, with their ids.

    Args:
        model: without prefix and suffix.
    """
    if model.merges is not None:
        return {left + right: model.vocabulary[left + right] for left, right in model.merges}
    return {token: model.vocabulary[token] for token in model.ranks if len(token) > 1}
