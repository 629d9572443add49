"""Step 3: Unigram. Of all ways to cut a word into pieces, take the likeliest.

    pieces with log probabilities     h -5  u -5  g -5  s -4  hu -7  ug -6  hug -6.5  gs -8

    hugs:  hug + s = -10.5     hu + gs = -15     h + ug + s = -15     h + u + g + s = -19

Pieces are drawn independently, so a way's score is the sum of its pieces', and Viterbi's algorithm finds
the best: the best way to the place `end` is the best way to some `start` before it, and one piece more. A
character without a piece is unknown, ten below the rarest piece: it is taken only where nothing else fits.

    best(end) = max over pieces w[start:end] of best(start) + score(w[start:end])                 (1)

Source: Kudo 2018, arXiv:1804.10959, section 3.2; Viterbi 1967, doi 10.1109/TIT.1967.1054010.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from cutaway.core.errors import DataError, FormatError
from cutaway.tokenization.models.piece import Piece

if TYPE_CHECKING:
    from cutaway.core.trace import Cell

UNKNOWN_PENALTY: Final = 10.0
_SYMBOL_MALUS: Final = 0.1

Precision = Literal["double", "single"]
Fallback = Literal["none", "bytes"]


class Edge(NamedTuple):
    """A piece at a place of a word; `best` is the score of the best way that ends with it."""

    start: int
    end: int
    id: int
    score: float
    best: float


class Unigram:
    """Pieces with log probabilities.

    Args:
        pieces: each piece with its score; their places are the ids.
        unknown_id: the piece for a character that has none.
        fallback: "bytes" spells such a character as the pieces <0x00> to <0xFF>.
        hidden: ids of pieces that no text spells: control tokens, bytes.
        symbols: ids of pieces that were named by the user: their score grows with their length.
        precision: in which sums are kept; ties fall as the reference for such files has them.
        origin: where they come from, for error messages.

    Raises:
        FormatError: there are no pieces, one stands twice, or there is no such unknown.

    Example:
        >>> pieces = [("<unk>", 0.0), ("h", -5.0), ("ug", -6.0), ("hug", -6.5), ("s", -4.0)]
        >>> Unigram(pieces, unknown_id=0).pieces("hugs")
        [Piece(id=3, start=0, end=3), Piece(id=4, start=3, end=4)]
    """

    formula: Final = "best(end) = max best(start) + score(w[start:end])"

    def __init__(
        self,
        pieces: Sequence[tuple[str, float]],
        *,
        unknown_id: int | None = None,
        fallback: Fallback = "none",
        hidden: Collection[int] = (),
        symbols: Collection[int] = (),
        precision: Precision = "double",
        origin: str = "the model",
    ) -> None:
        if not pieces:
            raise FormatError(f"{origin}: there are no pieces: a Unigram model needs some")
        if unknown_id is not None and not 0 <= unknown_id < len(pieces):
            raise FormatError(
                f"{origin}: the piece for the unknown has id {unknown_id}, of {len(pieces)} pieces"
            )
        self.vocabulary = {piece: number for number, (piece, _) in enumerate(pieces)}
        if len(self.vocabulary) != len(pieces):
            twice = [piece for number, (piece, _) in enumerate(pieces) if self.vocabulary[piece] != number]
            raise FormatError(f"{origin}: {len(twice)} pieces stand twice: {twice[:5]}: each needs its own")
        self.unknown_id, self.fallback, self.precision = unknown_id, fallback, precision
        self._lengths = [len(piece.encode("utf-8")) for piece, _ in pieces]
        self.hidden, self.symbols = frozenset(hidden), frozenset(symbols)
        self.scores = tuple(score for _, score in pieces)
        spelled = {piece for piece, number in self.vocabulary.items() if piece and number not in self.hidden}
        plain = [self.scores[self.vocabulary[piece]] for piece in spelled]
        self.most = max(plain, default=0.0)
        self.unknown_score = self._kept(min(plain, default=0.0) - UNKNOWN_PENALTY)
        self.spelled = frozenset(spelled)
        self._openings = {piece[:end] for piece in spelled for end in range(1, len(piece) + 1)}
        bytes_ = [self.vocabulary.get(f"<0x{byte:02X}>", -1) for byte in range(256)]
        self.byte_ids = bytes_ if fallback == "bytes" and min(bytes_) >= 0 else None

    @property
    def unknown(self) -> str | None:
        """The piece for a character that has none."""
        ids = self.unknown_id
        return None if ids is None else next(piece for piece, at in self.vocabulary.items() if at == ids)

    @property
    def verbatim_id(self) -> int | None:
        """The id of pieces that are shown as what stands in the text: the unknown's."""
        return self.unknown_id

    def edges(self, word: str) -> Iterator[Edge]:
        """Yield the lattice by equation 1: every piece at every place, in the order in which they are tried.

        Args:
            word: any string.

        Yields:
            Edges by start, then by end; the unknown where a character has no piece of its own.
        """
        best: list[float | None] = [0.0] + [None] * len(word)
        unknown = -1 if self.unknown_id is None else self.unknown_id
        for start in range(len(word)):
            before = best[start]
            if before is None:
                continue
            for end, number in self._found(word, start, unknown):
                score = self._score(number, word[start:end])
                here = self._kept(before + score)
                yield Edge(start, end, number, score, here)
                reached = best[end]
                if reached is None or here > reached:
                    best[end] = here

    def best(self, word: str) -> list[Edge]:
        """Return the edges of the likeliest way, in order; of equal ones, the one tried first.

        Args:
            word: any string.
        """
        return self._best(len(word), self.edges(word))

    def pieces(self, word: str) -> list[Piece]:
        """Return the pieces of a word; unknown characters in a row are one piece, or their bytes.

        Args:
            word: any string.

        Raises:
            DataError: a character is unknown, and the model has no piece for that.
        """
        found: list[Piece] = []
        for is_unknown, run in groupby(self.best(word), lambda edge: edge.id in (self.unknown_id, -1)):
            edges = list(run)
            if is_unknown:
                start, end = edges[0].start, edges[-1].end
                found += [Piece(number, start, end) for number in self._spelled(word[start:end])]
            else:
                found += [Piece(edge.id, edge.start, edge.end) for edge in edges]
        return found

    def steps(self, word: str) -> list[dict[str, Cell]]:
        """Return the lattice as rows: each piece at each place, its score, the best way that ends with it."""
        edges = list(self.edges(word))
        taken = set(self._best(len(word), edges))
        return [
            {
                "start": edge.start,
                "end": edge.end,
                "piece": word[edge.start : edge.end],
                "id": edge.id,
                "score": edge.score,
                "best": edge.best,
                "taken": edge in taken,
            }
            for edge in edges
        ]

    def _found(self, word: str, start: int, unknown: int) -> Iterator[tuple[int, int]]:
        alone = False
        for end in range(start + 1, len(word) + 1):
            part = word[start:end]
            if part not in self._openings:
                break
            if part in self.spelled:
                yield end, self.vocabulary[part]
                alone = alone or end == start + 1
        if not alone:
            yield start + 1, unknown

    def score_of(self, number: int) -> float:
        """Return what a piece adds to the score of a way: a symbol's grows with its length.

        Args:
            number: the piece's id.
        """
        if number in self.symbols:
            return self._kept(self._lengths[number] * self.most - _SYMBOL_MALUS)
        return self.scores[number]

    def _score(self, number: int, part: str) -> float:
        if number < 0 or (number == self.unknown_id and part not in self.spelled):
            return self.unknown_score
        return self.score_of(number)

    def _best(self, length: int, edges: Iterator[Edge] | Sequence[Edge]) -> list[Edge]:
        into: dict[int, Edge] = {}
        for edge in edges:
            known = into.get(edge.end)
            if known is None or edge.best > known.best:
                into[edge.end] = edge
        way = []
        at = length
        while at > 0:
            way.append(into[at])
            at = into[at].start
        return way[::-1]

    def _spelled(self, part: str) -> list[int]:
        # Where the unknown characters together happen to be a piece, the reference takes that.
        known = self.vocabulary.get(part) if not self.hidden else None
        if known is not None:
            return [known]
        if self.byte_ids is not None:
            return [self.byte_ids[byte] for byte in part.encode("utf-8")]
        if self.unknown_id is None:
            raise DataError(f"{part!r} has no pieces, and nothing stands for the unknown: give an unk_id")
        return [self.unknown_id]

    def _kept(self, value: float) -> float:
        if self.precision == "double":
            return value
        single: float = struct.unpack("f", struct.pack("f", value))[0]
        return single
