"""Texts to rows of ids that fit the encoder: what is left out of a long text is a named choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, UsageError
from cutaway.core.text import scrub
from cutaway.tokenization.tokenizer import Tokenizer

Truncation = Literal["head", "tail", "head+tail"]
Row = NDArray[np.int64]


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
    for at, text in enumerate(texts):
        if not text.strip():
            raise DataError(f"text {at + 1} of {len(texts)} is empty: there is nothing to read")


def rows_of(tokenizer: Tokenizer, texts: Sequence[str], settings: InputSettings) -> list[Row]:
    """Tokenize texts into rows: [CLS], what is kept, [SEP].

    Args:
        tokenizer: the encoder's own.
        texts: at least one; none of them empty.
        settings: the limit and the choice.

    Returns:
        One int64 array a text.

    Raises:
        DataError: nothing in a text is a token.
    """
    check_texts(texts)
    batch = tokenizer.encode_batch([scrub(text) for text in texts], special=False)
    first, last = tokenizer.cls_id, tokenizer.sep_id
    rows = []
    for at in range(len(batch)):
        ids = batch[at]
        if len(ids) == 0:
            raise DataError(f"text {at + 1} of {len(texts)} holds no token, only characters that are removed")
        head, tail = kept(len(ids), settings)
        parts = ([first], ids[:head], ids[len(ids) - tail :], [last])
        rows.append(np.concatenate(parts).astype(np.int64))
    return rows
