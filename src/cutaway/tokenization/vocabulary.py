"""The vocabulary: a numbered list of pieces, four of them with a meaning of their own.

A piece that continues a word is written with a prefix, `##ms`; the prefix is no part of its text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

from cutaway.core.errors import FormatError, ShapeError, UnknownNameError

PREFIX = "##"
UNKNOWN, START, END, PADDING, MASK = "[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"
_REQUIRED = (UNKNOWN, START, END, PADDING)
_SHOWN = 5


class Vocabulary:
    """Pieces and ids, both ways.

    Args:
        pieces: piece number i has id i. "[UNK]", "[CLS]", "[SEP]" and "[PAD]" must be among them.
        origin: where they come from, for error messages.

    Raises:
        FormatError: no pieces, an empty piece, a piece twice, or a required one missing.

    Example:
        >>> Vocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "ll", "##ms"]).id_of("##ms")
        5
    """

    def __init__(self, pieces: Sequence[str], *, origin: str = "the vocabulary") -> None:
        self.pieces = tuple(pieces)
        self.ids = {piece: at for at, piece in enumerate(self.pieces)}
        _check(self.pieces, self.ids, origin)
        self.unk_id, self.cls_id, self.sep_id, self.pad_id = (self.ids[piece] for piece in _REQUIRED)
        self.mask_id = self.ids.get(MASK)

    def __len__(self) -> int:
        return len(self.pieces)

    def token_of(self, token_id: int) -> str:
        """Return the piece with this id.

        Raises:
            ShapeError: the id is outside the vocabulary.
        """
        if not 0 <= token_id < len(self.pieces):
            raise ShapeError(f"id {token_id} is outside the vocabulary: ids go from 0 to {len(self) - 1}")
        return self.pieces[token_id]

    def id_of(self, token: str) -> int:
        """Return the id of this piece.

        Raises:
            UnknownNameError: the vocabulary has no such piece.
        """
        if token not in self.ids:
            raise UnknownNameError(
                f"the vocabulary has no piece {token!r}: encode text to split it into pieces"
            )
        return self.ids[token]

    @cached_property
    def special(self) -> dict[str, int]:
        """The special pieces there are, by text: never made from ordinary text, never split."""
        return {piece: self.ids[piece] for piece in (*_REQUIRED, MASK) if piece in self.ids}

    @cached_property
    def longest(self) -> int:
        """The most characters that a piece has, its prefix counted."""
        return max(map(len, self.pieces))

    @cached_property
    def sha256(self) -> str:
        """The sha256 of the pieces as a vocab.txt: one a line, in UTF-8, each line ended."""
        return hashlib.sha256("".join(f"{piece}\n" for piece in self.pieces).encode("utf-8")).hexdigest()


def _check(pieces: Sequence[str], ids: dict[str, int], origin: str) -> None:
    if not pieces:
        raise FormatError(f"{origin} is empty: it must list one piece a line")
    if "" in ids:
        raise FormatError(f"{origin}: line {pieces.index('') + 1} is empty: every line must hold a piece")
    if len(ids) != len(pieces):
        first: dict[str, int] = {}
        again = [(at, piece) for at, piece in enumerate(pieces) if first.setdefault(piece, at) != at]
        shown = "; ".join(f"line {at + 1} repeats {p!r} of line {first[p] + 1}" for at, p in again[:_SHOWN])
        raise FormatError(f"{origin}: {len(again)} pieces stand twice: {shown}: keep one of each")
    missing = [piece for piece in _REQUIRED if piece not in ids]
    if missing:
        raise FormatError(
            f"{origin} has no {', '.join(missing)}: a BERT vocabulary needs them among its {len(pieces)}"
        )
