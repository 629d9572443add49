"""The fast path of byte-level byte-pair encoding: stretches to the scanner, words to the merging kernels.

Imports NumPy and numba; `Tokenizer.encode_batch` imports this file when it is first called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cutaway.core.text import scrub
from cutaway.tokenization.added import AddedTokens
from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.batch import Batch
from cutaway.tokenization.kernels import bpe, bpe_tiles, cutting, side_by_side
from cutaway.tokenization.kernels.bpe_merging import SHORT
from cutaway.tokenization.kernels.tokens import MEMORY_SLOT
from cutaway.tokenization.models.blocks import (
    Ints,
    Limits,
    Longs,
    Pool,
    Scratch,
    Take,
    encode_blocks,
    in_cache_lines,
    starts_of,
)
from cutaway.tokenization.models.bpe import BytePairEncoding
from cutaway.tokenization.models.bpe_tables import byte_pair_tables, seam_table
from cutaway.tokenization.models.scanner import class_table, rule_numbers
from cutaway.tokenization.normalizers.byte_level import BYTES, LETTERS
from cutaway.tokenization.pipeline import Pipeline
from cutaway.tokenization.splitters.patterns import Rules

MEMORY = 1 << 18  # words


class Cut(NamedTuple):
    """How the text is cut: a pattern's rules, and what is put before a text that has no space there."""

    rules: Rules
    prefix: str


class Own:
    """What each thread has for itself: the words that it met, and room to write."""

    def __init__(self) -> None:
        self.memory = in_cache_lines(MEMORY * MEMORY_SLOT)
        self.ranks = np.empty(SHORT, np.int32)
        self.room = (
            np.empty(bpe_tiles.FOUND * bpe_tiles.TILE + 1, np.uint64),
            np.empty(bpe_tiles.TILE + 1, np.uint64),
            np.empty(bpe_tiles.MISSED * bpe_tiles.TILE, np.uint64),
            np.empty(side_by_side.PLACES * (bpe_tiles.TILE + 1), np.int32),
            np.empty(bpe_tiles.LANES_ROOM, np.int32),
        )
        self.scratch = Scratch()


class FastBytePairs:
    """The compiled encoder of one byte-level vocabulary.

    Args:
        pipeline: all stages but the post-processor count.
        model: its model.
        cut: its splitter.
    """

    def __init__(self, pipeline: Pipeline, model: BytePairEncoding, cut: Cut) -> None:
        symbols = np.array([model.vocabulary.get(letter, -1) for letter in LETTERS], np.int32)
        self._tables = byte_pair_tables(model, spelled_bytes(model.vocabulary), symbols)
        self._classes, self._rules = class_table(), rule_numbers(cut.rules)
        self._prefix, self._normalizer = cut.prefix, pipeline.normalizer
        self._added = AddedTokens(pipeline.added, pipeline.normalizer)
        # No added token is in a text that has none of their first two characters side by side.
        self._openings = tuple({token.content[:2] for token in pipeline.added if token.content})
        self._opening_bytes = tuple(opening.encode("utf-8") for opening in self._openings)
        self._has_normalized = any(token.normalized for token in pipeline.added)
        self._pool = Pool(Own)
        # Where it is not known which tokens merges lead to, a part of a word may be none of them.
        self._may_cut_at_seams = len(self._tables[2][1]) > 0

    def encode(
        self, texts: Sequence[str], limits: Limits, encode_open: Callable[[str], list[int]], threads: int
    ) -> Batch:
        """Encode rows in blocks, in order.

        Args:
            texts: the rows.
            limits: what to add and cut.
            encode_open: not needed: every row is encoded here.
            threads: how many blocks are worked on at once.

        Raises:
            DataError: a row is not a string.
        """
        return encode_blocks(texts, lambda rows, take: self._encode_block(rows, limits, take), threads)

    def _encode_block(self, texts: Sequence[str], limits: Limits, take: Take) -> Longs:
        with self._pool.one() as own:
            return self._encode_with(own, texts, limits, take)

    def _encode_with(self, own: Own, texts: Sequence[str], limits: Limits, take: Take) -> Longs:
        raw, sizes = _spelled(texts)
        given, rows = np.full(len(texts), -1, np.int32), np.arange(len(texts) + 1)
        if not self._is_plain(raw):
            parts, given, rows = self._stretches(texts)
            raw, sizes = b"".join([*parts, bytes(cutting.PADDING)]), list(map(len, parts))
        text = np.frombuffer(raw, np.uint8)
        bounds = starts_of(np.array(sizes, np.int64))
        words, firsts = own.scratch.ints("words", len(text)), np.empty(len(bounds), np.int64)
        ids = own.scratch.ints("ids", len(text) + len(given) + 2 * len(texts) + bpe_tiles.MEMORY_IDS)
        row_starts = np.empty(len(texts) + 1, np.int64)
        pattern = ((bounds[:-1], bounds[1:]), self._classes, self._rules)
        tables = (*self._tables, own.memory, own.ranks, own.room)
        settings = (limits.first_id, limits.last_id, limits.most, int(self._may_cut_at_seams))
        rest = ((given, rows), tables, settings, (ids, row_starts))
        used = bpe.encode_rows(text, pattern, (words, firsts), *rest)
        if used < 0:
            words = self._cut_at_seams(own, text, words, firsts)
            used = bpe.encode_rows(text, bpe.already_cut(), (words, firsts), *rest)
        take(ids[:used])
        return row_starts[1:] - row_starts[:-1]

    @cached_property
    def _seams(self) -> NDArray[np.uint64]:
        return seam_table(self._tables[2][4])

    def _cut_at_seams(self, own: Own, text: NDArray[np.uint8], words: Ints, firsts: Longs) -> Ints:
        """Return the ends of words, long ones cut at seams."""
        from cutaway.tokenization.kernels import seams  # compiled for the first text that needs it

        parts = own.scratch.ints("parts", len(text))
        seams.cut_at_seams(text, words, firsts, self._seams, parts)
        return parts

    def _is_plain(self, raw: bytes) -> bool:
        """Say whether rows are encoded as they stand: no added tokens in them, and nothing to change."""
        if self._prefix or (self._normalizer is not None and not raw.isascii()):
            return False
        # A look for one byte is twenty times as fast as for two, and the rarer of the two is seldom there.
        return not any(
            opening in raw for opening in self._opening_bytes if all(bytes([byte]) in raw for byte in opening)
        )

    def _stretches(self, texts: Sequence[str]) -> tuple[list[bytes], Ints, Longs]:
        """Return every stretch's bytes, the added token that it is or -1, and each row's first stretch."""
        parts, given, rows = [], [], [0]
        for text in texts:
            for part, number in self._cut(text):
                parts.append(b"" if number >= 0 else part.encode("utf-8"))
                given.append(number)
            rows.append(len(parts))
        return parts, np.array(given, np.int32), np.array(rows, np.int64)

    def _cut(self, text: str) -> Iterator[tuple[str, int]]:
        """Yield a row's stretches, normalized, and which added token each is, -1 for ordinary text."""
        normalizer = None if text.isascii() else self._normalizer
        if self._may_have_added(text) or (normalizer and self._has_normalized):
            for stretch in self._added.cut(AlignedText.of(scrub(text))):
                number = -1 if stretch.token is None else stretch.token.id
                yield self._prefixed(stretch.text.text), number
        elif text:
            whole = normalizer.apply(AlignedText.of(scrub(text))).text if normalizer else text
            yield self._prefixed(whole), -1

    def _prefixed(self, text: str) -> str:
        return text if not text or text.startswith(self._prefix) else self._prefix + text

    def _may_have_added(self, text: str) -> bool:
        return any(opening in text for opening in self._openings)


def _spelled(texts: Sequence[str]) -> tuple[bytes, list[int]]:
    """Return texts in UTF-8, end to end, with padding behind them, and the size of each.

    Most rows are ASCII and need no encoding. The others become strings of one character a byte, so that all
    are joined as strings, without an object for each row's bytes.
    """
    try:
        rows = [text if text.isascii() else text.encode().decode("latin-1") for text in texts]
    except UnicodeEncodeError:
        rows = [scrub(text).encode().decode("latin-1") for text in texts]
    return "".join([*rows, "\0" * cutting.PADDING]).encode("latin-1"), list(map(len, rows))


def spelled_bytes(vocabulary: Mapping[str, int]) -> dict[int, bytes]:
    """Return the bytes that each id stands for; tokens that are not written as bytes are left out.

    Args:
        vocabulary: token, its bytes as letters, to id.
    """
    return {
        number: bytes(BYTES[letter] for letter in token)
        for token, number in vocabulary.items()
        if token and all(letter in BYTES for letter in token)
    }
