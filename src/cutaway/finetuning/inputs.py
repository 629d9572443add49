"""Texts to rows of ids that fit the encoder: what is left out of a long text is a named choice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, UsageError
from cutaway.core.text import scrub
from cutaway.tokenization.tokenizer import Tokenizer

Truncation = Literal["head", "tail", "head+tail"]
Row = NDArray[np.int64]

TEXTS_AT_A_TIME = 4096
# Characters of all texts together; loading kernels takes half a second, reading so many 0.1 ms.
_FEW = 1000


@dataclass(frozen=True, kw_only=True)
class InputSettings:
    """How long a row may be and which part of a longer text is read.

    Attributes:
        max_tokens: at most so many, [CLS] and [SEP] among them.
        truncation: "head" keeps the beginning, "tail" the end, "head+tail" half of each
            (Sun et al. 2019, arXiv:1905.05583, section 5.3.1).
    """

    max_tokens: int = 256
    truncation: Truncation = "head+tail"

    def __post_init__(self) -> None:
        if not 3 <= self.max_tokens <= 512:
            raise UsageError(f"max_tokens must lie between 3 and 512, not {self.max_tokens}")
        if self.truncation not in ("head", "tail", "head+tail"):
            raise UsageError(f"truncation must be head, tail or head+tail, not {self.truncation!r}")

    def at_most(self, longest: int) -> InputSettings:
        """Return the same choice for a model that reads no row longer than this.

        Args:
            longest: tokens, as many as the model has positions.

        Example:
            >>> InputSettings(max_tokens=256).at_most(128).max_tokens
            128
        """
        return self if self.max_tokens <= longest else replace(self, max_tokens=longest)


def kept(length: int, settings: InputSettings) -> tuple[int, int]:
    """Return how many tokens of a text are read from its head and from its tail.

    Args:
        length: tokens of the text, special ones not counted.
        settings: the limit and the choice.

    Returns:
        Tokens from the head, tokens from the tail.

    Example:
        >>> kept(1000, InputSettings(max_tokens=256)), kept(5, InputSettings())
        ((127, 127), (5, 0))
    """
    room = settings.max_tokens - 2
    if length <= room:
        return length, 0
    head = {"head": room, "tail": 0, "head+tail": room // 2}[settings.truncation]
    return head, room - head


def check_texts(texts: Sequence[str]) -> None:
    """Refuse texts with nothing in them, before a model is loaded for them.

    Args:
        texts: any number.

    Raises:
        DataError: a text is empty or white space only.
    """
    _check_texts(texts, (0, len(texts)))


def _check_texts(texts: Sequence[str], place: tuple[int, int]) -> None:
    """Refuse an empty text, the first of which is number `place[0]` of `place[1]`."""
    for at, text in enumerate(texts, start=place[0] + 1):
        if not text.strip():
            raise DataError(f"text {at} of {place[1]} is empty: there is nothing to read")


class TokenRows(Sequence[Row]):
    """Rows of ids, one behind another in a single array; a row is copied out as it is asked for.

    Args:
        ids: (N,) int32, the ids of all rows.
        starts: (B + 1,) int64, where each row begins and the last one ends.
    """

    def __init__(self, ids: NDArray[np.int32], starts: NDArray[np.int64]) -> None:
        self.ids, self.starts = ids, starts

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, at: int) -> Row: ...

    @overload
    def __getitem__(self, at: slice) -> list[Row]: ...

    def __getitem__(self, at: int | slice) -> Row | list[Row]:
        """Return one row, or a list of those in a slice."""
        if isinstance(at, slice):
            return [self[row] for row in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(f"row {at} of {len(self)}")
        row = int(at) % len(self)
        return self.ids[self.starts[row] : self.starts[row + 1]].astype(np.int64)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens in each row."""
        return np.diff(self.starts)


def rows_of(tokenizer: Tokenizer, texts: Sequence[str], settings: InputSettings) -> TokenRows:
    """Tokenize texts into rows: [CLS], what is kept, [SEP].

    Args:
        tokenizer: the encoder's own.
        texts: any number; none of them empty.
        settings: the limit and the choice.

    Returns:
        Rows of ids, four bytes a token.

    Raises:
        DataError: nothing in a text is a token.
    """
    parts, lengths = [], []
    for start in range(0, len(texts), TEXTS_AT_A_TIME):
        some = texts[start : start + TEXTS_AT_A_TIME]
        ids, sizes = _rows_of_some(tokenizer, some, settings, (start, len(texts)))
        parts.append(ids)
        lengths.append(sizes)
    starts = np.concatenate([np.zeros(1, np.int64), *lengths]).cumsum()
    return TokenRows(np.concatenate([np.zeros(0, np.int32), *parts]), starts)


def _rows_of_some(
    tokenizer: Tokenizer, texts: Sequence[str], settings: InputSettings, place: tuple[int, int]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Tokenize a few thousand texts, the first of which is number `place[0]` of `place[1]`."""
    _check_texts(texts, place)
    first, last = np.array([tokenizer.cls_id], np.int32), np.array([tokenizer.sep_id], np.int32)
    pieces: list[NDArray[np.int32]] = []
    lengths = np.zeros(len(texts), np.int64)
    for at, ids in enumerate(_ids_of(tokenizer, [scrub(text) for text in texts])):
        if len(ids) == 0:
            number = f"text {place[0] + at + 1} of {place[1]}"
            raise DataError(f"{number} holds no token, only characters that are removed")
        head, tail = kept(len(ids), settings)
        pieces += [first, ids[:head], ids[len(ids) - tail :], last]
        lengths[at] = head + tail + 2
    return np.concatenate(pieces).astype(np.int32, copy=False), lengths


def _ids_of(tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[NDArray[np.int32]]:
    """Few words are read by the open path: it is as fast for them, and needs no kernels loaded."""
    if sum(map(len, texts)) <= _FEW:
        return (np.array(tokenizer.encode(text, special=False).ids, dtype=np.int32) for text in texts)
    batch = tokenizer.encode_batch(texts, special=False)
    return (batch[at] for at in range(len(batch)))
