"""Many texts at once: by the compiled encoder where the pipeline has one, else by the open path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, repeat
from typing import TYPE_CHECKING, Literal

import numpy as np

from cutaway.core.errors import DataError, UsageError
from cutaway.tokenization.batch import Batch
from cutaway.tokenization.truncation import Truncation

if TYPE_CHECKING:
    from cutaway.tokenization.encoding import Encoding
    from cutaway.tokenization.models.fast import FastEncoder
    from cutaway.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True, kw_only=True)
class Request:
    """The arguments of `Tokenizer.encode_batch`.

    Raises:
        UsageError: they contradict one another or are out of range.
    """

    texts: Sequence[str]
    pairs: Sequence[str] | None
    special: bool
    max_tokens: int | Truncation | None
    threads: int | None
    details: Literal["ids", "offsets"]

    def __post_init__(self) -> None:
        if isinstance(self.texts, str) or isinstance(self.pairs, str):
            raise UsageError(
                "encode_batch takes a list of texts and was given one string: use encode for that"
            )
        if self.threads is not None and self.threads < 1:
            raise UsageError(f"threads is {self.threads}: it must be 1 or more")
        if self.details not in ("ids", "offsets"):
            raise UsageError(f"details is {self.details!r}: it must be ids or offsets")
        if self.pairs is not None and len(self.pairs) != len(self.texts):
            raise UsageError(
                f"there are {len(self.texts)} texts and {len(self.pairs)} pairs: give one for each"
            )

    def check_rows(self) -> None:
        """Check what the compiled encoders check themselves, when they take a row.

        Raises:
            DataError: a row is not a string.
        """
        if not all(map(isinstance, chain(self.texts, self.pairs or ()), repeat(str))):
            rows: list[object] = [*self.texts, *(self.pairs or ())]
            row, text = next((row, text) for row, text in enumerate(rows) if not isinstance(text, str))
            row %= max(len(self.texts), 1)
            raise DataError(f"row {row} is {type(text).__name__}, not a string: pass a list of texts")


def encode_rows(tokenizer: Tokenizer, request: Request) -> Batch:
    """Encode the rows of a request.

    Raises:
        UsageError: max_tokens leaves no room for the special tokens.
        DataError: a row is not a string.
    """
    edges = tokenizer.edges if request.special else ([], [])
    limit = request.max_tokens
    simple = request.pairs is None and request.details == "ids" and not isinstance(limit, Truncation)
    if simple and edges is not None and max(map(len, edges)) <= 1 and tokenizer.fast is not None:
        return _encode_fast(tokenizer.fast, tokenizer, request, edges)
    request.check_rows()
    pairs: Sequence[str | None] = request.pairs if request.pairs is not None else [None] * len(request.texts)
    rows = [
        tokenizer.encode(text, pair=pair, special=request.special, max_tokens=limit)
        for text, pair in zip(request.texts, pairs, strict=True)
    ]
    return _gathered(rows, request)


def _encode_fast(
    fast: FastEncoder, tokenizer: Tokenizer, request: Request, edges: tuple[list[int], list[int]]
) -> Batch:
    from cutaway.tokenization.models.blocks import MOST_TOKENS, Limits, processors

    most, (first, last) = request.max_tokens, edges
    added = len(first) + len(last)
    if isinstance(most, int) and most < added:
        raise UsageError(f"max_tokens is {most}: it must be at least {added}")
    limits = Limits(
        first_id=first[0] if first else -1,
        last_id=last[0] if last else -1,
        most=most - added if isinstance(most, int) else MOST_TOKENS,
    )

    def encode_open(text: str) -> list[int]:
        return tokenizer.encode(text, special=request.special, max_tokens=request.max_tokens).ids

    return fast.encode(request.texts, limits, encode_open, request.threads or processors())


def _gathered(rows: Sequence[Encoding], request: Request) -> Batch:
    """Lay the rows end to end."""
    starts = np.array([0, *accumulate(map(len, rows))], np.int64)
    ids = np.array([number for row in rows for number in row.ids], np.int32)
    if request.details == "ids" and request.pairs is None:
        return Batch(ids=ids, row_starts=starts)
    types = np.array([number for row in rows for number in row.type_ids], np.int32)
    if request.details == "ids":
        return Batch(ids=ids, row_starts=starts, type_ids=types)
    offsets = np.array([span for row in rows for span in row.offsets], np.int32).reshape(-1, 2)
    return Batch(ids=ids, row_starts=starts, type_ids=types, offsets=offsets)
