"""The fast path of Unigram: text normalized and cut at spaces, words to the kernel.

It serves pipelines that squeeze white space and put ▁ before each word, as SentencePiece does by default and
as the tokenizer.json of T5 and XLM-RoBERTa say. Imports NumPy and numba; `Tokenizer.encode_batch` imports
this file when it is first called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Final, Literal

import numpy as np

from cutaway.tokenization.batch import Batch
from cutaway.tokenization.kernels import unigram as kernels
from cutaway.tokenization.kernels.tokens import MEMORY_SLOT, PADDING
from cutaway.tokenization.models.blocks import (
    Ints,
    Limits,
    Longs,
    Pool,
    Scratch,
    Take,
    encode_blocks,
    with_open_rows,
)
from cutaway.tokenization.models.plain_text import PlainText
from cutaway.tokenization.models.unigram import Unigram
from cutaway.tokenization.normalizers.sentencepiece import SPACE

MEMORY: Final = 1 << 16  # words
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
_LEAST_WORD: Final = 1 << 8  # bytes
# What cuts words, or may, where white space does and not spaces alone; and a ▁ that was there before.
_ODD: Final = re.compile("[^\\S ]|[\u2581\u200b\ufeff]")

_MARK: Final = SPACE.encode("utf-8")
_BLANK: Final = bytes(range(0x21))

Cuts = Literal["spaces", "white space"]


class _Own:
    """What each thread has for itself: the words that it met, and room to write."""

    def __init__(self) -> None:
        self.memory = np.zeros(MEMORY * MEMORY_SLOT, np.uint64)
        self.scratch = Scratch()
        self.longest = -1

    def room(self, longest: int) -> tuple[object, ...]:
        """Return the memory, and room for words of so many bytes."""
        if longest > self.longest:
            self.longest = max(longest, _LEAST_WORD)
            size = self.longest + 4
            self._ways = (np.empty(size), np.empty(size), np.empty(size, np.int32), np.empty(size, np.int32))
            self._spelled = np.zeros(size + PADDING, np.uint8)
            self._spelled[:3] = list(SPACE.encode("utf-8"))
        return self.memory, self._ways, self._spelled


class FastUnigram:
    """The compiled encoder of one Unigram vocabulary.

    Args:
        model: pieces and scores.
        plain: normalizes, up to the cutting at spaces.
        cuts: what cuts words.
        openings: strings of which one is in every text with an added token or a symbol of the user's.
    """

    def __init__(self, model: Unigram, plain: PlainText, cuts: Cuts, openings: Sequence[str]) -> None:
        self._model = _tables(model)
        self._plain, self._cuts = plain, cuts
        self._openings = tuple(openings)
        self._pool = Pool(_Own)

    def encode(
        self, texts: Sequence[str], limits: Limits, encode_open: Callable[[str], list[int]], threads: int
    ) -> Batch:
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
        self, own: _Own, texts: Sequence[str], limits: Limits
    ) -> tuple[tuple[Ints, Longs], list[bytes | None]]:
        """Return ids and where each row starts, and the rows, None where one is for the open path."""
        rows = self._plain.finished([self._normalized(text) for text in texts])
        parts = [row or b"" for row in rows]
        raw = b" ".join([*parts, bytes(PADDING)])
        ends = np.array([end + at for at, end in enumerate(accumulate(map(len, parts)))], np.int64)
        longest = max(map(len, parts), default=0)
        ids = own.scratch.ints("ids", 3 * len(raw) + 2 * len(texts) + kernels.MEMORY_IDS)
        row_starts = np.empty(len(texts) + 1, np.int64)
        used = kernels.encode_rows(
            np.frombuffer(raw, np.uint8),
            ends,
            self._model,
            own.room(longest),
            (limits.first_id, limits.last_id, limits.most),
            (ids, row_starts),
        )
        return (ids[:used], row_starts), rows

    def _normalized(self, text: str) -> bytes | None:
        """Return a row as the kernel reads it, None for one that is for the open path."""
        if any(opening in text for opening in self._openings):
            return None
        try:
            found = self._plain.normalized(text)
        except UnicodeEncodeError:
            return None
        if found is None:
            return None
        odd = self._cuts == "white space" and _ODD.search(found.decode("utf-8"))
        return None if odd or found.rstrip(_BLANK).endswith(_MARK) else found


def _tables(model: Unigram) -> tuple[object, ...]:
    spelled = [b""] * len(model.vocabulary)
    for piece, number in model.vocabulary.items():
        if piece in model.spelled:
            spelled[number] = piece.encode("utf-8")
    starts = np.array([0, *accumulate(map(len, spelled))], np.int64)
    letters = np.frombuffer(b"".join([*spelled, bytes(PADDING)]), np.uint8)
    most = int(starts[-1]) + 1
    children = np.full(1 << (2 * most).bit_length(), _EMPTY)
    pieces = np.empty(most, np.int32)
    nodes = kernels.fill_trie(letters, starts, children, pieces)
    small = np.full(1 << (2 * int(nodes)).bit_length(), _EMPTY)
    kernels.fill_trie(letters, starts, small, pieces)
    scores = [model.score_of(number) for number in range(len(spelled))]
    settings = np.zeros(kernels.SETTINGS)
    settings[kernels.UNKNOWN] = -1 if model.unknown_id is None else model.unknown_id
    settings[kernels.UNKNOWN_SCORE] = model.unknown_score
    settings[kernels.SINGLE] = model.precision == "single"
    settings[kernels.FALLS_BACK] = model.byte_ids is not None
    bytes_ = np.array(model.byte_ids or [-1] * 256, np.int32)
    firsts = [kernels.child_of(small, 0, byte) for byte in range(256)]
    node = 0
    for byte in SPACE.encode("utf-8"):
        node = kernels.child_of(small, node, byte)
    children_of_root = np.array([*firsts, node], np.int32)
    trie = (small, pieces[: int(nodes)].copy(), np.array(scores), children_of_root)
    return trie, bytes_, settings
