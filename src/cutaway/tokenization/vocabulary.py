"""The vocabulary: a numbered list of tokens, and BERT's, in which four have a meaning of their own.

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
    """Tokens and ids, both ways.

    Args:
        pieces: piece number i has id i; None where no token has that id.
        origin: where they come from, for error messages.

    Raises:
        FormatError: no pieces, or a piece twice.

    Example:
        >>> Vocabulary(["ll", "##ms"]).id_of("##ms")
        1
    """

    def __init__(self, pieces: Sequence[str | None], *, origin: str = "the vocabulary") -> None:
        self.pieces = tuple("" if piece is None else piece for piece in pieces)
        self.ids = {piece: at for at, piece in enumerate(pieces) if piece is not None}
        self._gaps = {at for at, piece in enumerate(pieces) if piece is None}
        _check(pieces, self.ids, len(self._gaps), origin)

    def __len__(self) -> int:
        return len(self.pieces)

    def token_of(self, token_id: int) -> str:
        """Return the piece with this id.

        Raises:
            ShapeError: the id is outside the vocabulary.
        """
        if not 0 <= token_id < len(self.pieces):
            raise ShapeError(f"id {token_id} is outside the vocabulary: ids go from 0 to {len(self) - 1}")
        if token_id in self._gaps:
            raise ShapeError(f"id {token_id} belongs to no token of the vocabulary")
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
    def sha256(self) -> str:
        """The sha256 of the pieces as a vocab.txt: one a line, in UTF-8, each line ended."""
        return hashlib.sha256("".join(f"{piece}\n" for piece in self.pieces).encode("utf-8")).hexdigest()


class BertVocabulary(Vocabulary):
    """The pieces of a WordPiece model of BERT's family.

    Args:
        pieces: as for `Vocabulary`. "[UNK]", "[CLS]", "[SEP]" and "[PAD]" must be among them.
        origin: where they come from, for error messages.

    Raises:
        FormatError: as for `Vocabulary`; an empty piece, or a required one missing.

    Example:
        >>> BertVocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "ll", "##ms"]).unk_id
        1
    """

    def __init__(self, pieces: Sequence[str], *, origin: str = "the vocabulary") -> None:
        super().__init__(pieces, origin=origin)
        if "" in self.ids:
            raise FormatError(f"{origin}: line {self.ids[''] + 1} is empty: every line must hold a piece")
        missing = [piece for piece in _REQUIRED if piece not in self.ids]
        if missing:
            raise FormatError(
                f"{origin} has no {', '.join(missing)}: a BERT vocabulary needs them among its {len(pieces)}"
            )
        self.unk_id, self.cls_id, self.sep_id, self.pad_id = (self.ids[piece] for piece in _REQUIRED)

    @cached_property
    def special(self) -> dict[str, int]:
        """The special pieces there are, by text: never made from ordinary text, never split."""
        return {piece: self.ids[piece] for piece in (*_REQUIRED, MASK) if piece in self.ids}


def _check(pieces: Sequence[str | None], ids: dict[str, int], gaps: int, origin: str) -> None:
    if not pieces:
        raise FormatError(f"{origin} is empty: it must list one piece a line")
    if len(ids) + gaps != len(pieces):
        first: dict[str, int] = {}
        named = [(at, piece) for at, piece in enumerate(pieces) if piece is not None]
        again = [(at, piece) for at, piece in named if first.setdefault(piece, at) != at]
        shown = "; ".join(f"line {at + 1} repeats {p!r} of line {first[p] + 1}" for at, p in again[:_SHOWN])
        raise FormatError(f"{origin}: {len(again)} pieces stand twice: {shown}: keep one of each")
