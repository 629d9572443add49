"""Step 3: byte-pair encoding. Start from single symbols and replay the merges that training made, best first.

    vocabulary  l o w e r lo er low lower      merges  1. l+o  2. e+r  3. lo+w  4. low+er

    l o w e r  →  lo w e r  →  lo w er  →  low er  →  lower

At every step the adjacent pair of the least rank is merged, wherever it stands; of equals, the leftmost. So
this is not longest match: a long piece is out of reach if an earlier merge took one of its symbols away.

Gage's compression replaced the most frequent pair of bytes by a new byte, again and again; Sennrich and
others made subwords of it by stopping at a vocabulary's size. The symbols are bytes written as letters
(GPT-2 and after: every text has an encoding) or characters (SentencePiece).

Source: Gage 1994, A New Algorithm for Data Compression, C Users Journal 12(2); Sennrich, Haddow and Birch
2016, arXiv:1508.07909, section 3.2 and algorithm 1.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from cutaway.core.errors import FormatError
from cutaway.core.trace import Cell
from cutaway.tokenization.models.piece import Piece

LONG_WORD: Final = 64  # symbols from which a heap finds the least rank
_SHOWN = 5


class Symbol(NamedTuple):
    """A part of a word on its way to a piece."""

    id: int
    text: str
    start: int
    end: int


class Merge(NamedTuple):
    """Two neighbors became one: node number `node` of the forest, over the nodes `left` and `right`."""

    rank: int
    left: int
    right: int
    node: int
    symbol: Symbol


@dataclass(frozen=True, kw_only=True)
class BytePairSettings:
    """What differs between tokenizers of this kind.

    Attributes:
        unknown: the piece for a character without a symbol; None drops such characters.
        prefix: what a symbol inside a word is spelled with before it.
        suffix: what the last symbol of a word is spelled with behind it.
        unknowns: whether unknown characters in a row become one piece or one "each".
        fallback: "bytes" spells a character without a symbol as the pieces <0x00> to <0xFF>.
        whole_words: "first" takes a word that is a piece as it stands, without merging.
    """

    unknown: str | None = None
    prefix: str = ""
    suffix: str = ""
    unknowns: str = "each"
    fallback: str = "none"
    whole_words: str = "merged"

    def __post_init__(self) -> None:
        for name, allowed in _NAMED.items():
            if getattr(self, name) not in allowed:
                raise FormatError(
                    f"{name} is {getattr(self, name)!r}: it must be one of {', '.join(allowed)}"
                )


_NAMED: Final = {
    "unknowns": ("each", "together"),
    "fallback": ("none", "bytes"),
    "whole_words": ("merged", "first"),
}


class BytePairEncoding:
    """Pieces and ranked merges.

    Args:
        vocabulary: piece to id.
        merges: pairs of pieces, best first. None when each piece's id is its rank and any two pieces that
            spell a third may merge, as in a .tiktoken file.
        settings: what differs between tokenizers.
        ranks: without merges, the rank at which each piece is made; by default its id.
        symbols: pieces that are taken whole where a word is one of them.
        origin: where they come from, for error messages.

    Raises:
        FormatError: a merge's parts or its result, or the piece for the unknown, are not in the vocabulary.

    Example:
        >>> ids = {"l": 0, "o": 1, "w": 2, "lo": 3, "low": 4}
        >>> model = BytePairEncoding(ids, [("l", "o"), ("lo", "w")])
        >>> model.pieces("lowlo")
        [Piece(id=4, start=0, end=3), Piece(id=3, start=3, end=5)]
    """

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        merges: Sequence[tuple[str, str]] | None,
        settings: BytePairSettings | None = None,
        *,
        ranks: Mapping[str, int] | None = None,
        symbols: frozenset[str] = frozenset(),
        origin: str = "the model",
    ) -> None:
        self.vocabulary = vocabulary
        self.ranks = vocabulary if ranks is None else ranks
        self.whole = symbols
        self.settings = settings or BytePairSettings()
        self.merges = merges
        unknown = self.settings.unknown
        if unknown is not None and unknown not in vocabulary:
            raise FormatError(f"{origin}: the piece for the unknown, {unknown!r}, is not in the vocabulary")
        self._of_pairs: dict[tuple[str, str], int] | None = None
        if merges is not None:
            _check_merges(merges, vocabulary, len(self.settings.prefix), origin)
            # Of a merge that is listed twice the last one counts, as in the reference.
            self._of_pairs = {pair: rank for rank, pair in enumerate(merges)}

    def rank(self, left: str, right: str) -> int | None:
        """Return the rank at which two neighbors merge, if they do."""
        if self._of_pairs is None:
            return self.ranks.get(left + right)
        return self._of_pairs.get((left, right))

    def symbols(self, word: str) -> list[Symbol]:
        """Return what a word is made of before any merge: its characters, bytes for those that have no piece.

        Args:
            word: any string.
        """
        found: list[Symbol] = []
        for at, char in enumerate(word):
            text = char if at == 0 else self.settings.prefix + char
            text += self.settings.suffix if at == len(word) - 1 else ""
            if text in self.vocabulary:
                found.append(Symbol(self.vocabulary[text], text, at, at + 1))
            elif spelled := self._bytes_of(text):
                found += [Symbol(self.vocabulary[byte], byte, at, at + 1) for byte in spelled]
            elif self.settings.unknown is not None:
                self._add_unknown(found, at)
        return found

    def merged(self, word: str) -> tuple[list[Symbol], list[Merge]]:
        """Merge a word's symbols until no neighbors have a rank; return what is left, and every merge.

        Args:
            word: any string.
        """
        symbols = self.symbols(word)
        if len(symbols) > LONG_WORD:
            return self._merged_by_heap(symbols)
        leaves, nodes = len(symbols), list(range(len(symbols)))
        done: list[Merge] = []
        while True:
            ranks = [self.rank(left.text, right.text) for left, right in pairwise(symbols)]
            ranked = [(rank, at) for at, rank in enumerate(ranks) if rank is not None]
            if not ranked:
                return symbols, done
            rank, at = min(ranked)
            made = self._joined(symbols[at], symbols[at + 1])
            done.append(Merge(rank, nodes[at], nodes[at + 1], leaves + len(done), made))
            symbols[at : at + 2] = [made]
            nodes[at : at + 2] = [done[-1].node]

    def pieces(self, word: str) -> list[Piece]:
        """Return the pieces of a word.

        Args:
            word: a string in the vocabulary's spelling, such as "Ġlow" when symbols are bytes.

        Returns:
            Pieces in order, with their places in the word.
        """
        if self._is_whole(word):
            return [Piece(self.vocabulary[word], 0, len(word))]
        return [Piece(symbol.id, symbol.start, symbol.end) for symbol in self.merged(word)[0]]

    def steps(self, word: str) -> list[dict[str, Cell]]:
        """Return the merges of a word as rows: the forest, each node over two others.

        Nodes 0, 1, 2, ... are the symbols of the word; each merge makes the next one.

        Args:
            word: a string in the vocabulary's spelling.

        Returns:
            A row for each symbol (rank, left and right None) and each merge, in the order they came about.
        """
        leaves = self.symbols(word)
        rows = [(None, None, None, node, symbol) for node, symbol in enumerate(leaves)]
        whole = self._is_whole(word)
        done = [Merge(0, -1, -1, len(leaves), self._whole(word))] if whole else self.merged(word)[1]
        return [
            {
                "order": order,
                "rank": None if whole else rank,
                "left": None if whole else left,
                "right": None if whole else right,
                "node": node,
                "piece": symbol.text,
                "id": symbol.id,
                "start": symbol.start,
                "end": symbol.end,
            }
            for order, (rank, left, right, node, symbol) in enumerate([*rows, *done], -len(rows))
        ]

    def _is_whole(self, word: str) -> bool:
        return word in self.whole or (self.settings.whole_words == "first" and word in self.vocabulary)

    def _whole(self, word: str) -> Symbol:
        return Symbol(self.vocabulary[word], word, 0, len(word))

    def _joined(self, left: Symbol, right: Symbol) -> Symbol:
        text = left.text + right.text[len(self.settings.prefix) :]
        return Symbol(self.vocabulary[text], text, left.start, right.end)

    def _bytes_of(self, text: str) -> list[str]:
        if self.settings.fallback == "none":
            return []
        spelled = [f"<0x{byte:02X}>" for byte in text.encode("utf-8")]
        return spelled if all(byte in self.vocabulary for byte in spelled) else []

    def _add_unknown(self, found: list[Symbol], at: int) -> None:
        unknown = str(self.settings.unknown)
        if self.settings.unknowns == "together" and found and found[-1].text == unknown:
            found[-1] = found[-1]._replace(end=at + 1)
        else:
            found.append(Symbol(self.vocabulary[unknown], unknown, at, at + 1))

    def _merged_by_heap(self, leaves: list[Symbol]) -> tuple[list[Symbol], list[Merge]]:
        """Do the same in n log n: ranks wait in a heap, and neighbors are linked."""
        symbols: list[Symbol | None] = list(leaves)
        nodes = list(range(len(leaves)))
        done: list[Merge] = []
        after, before = [*range(1, len(leaves) + 1)], [*range(-1, len(leaves) - 1)]
        heap: list[tuple[int, int, str, str]] = []

        def offer(left: int, right: int) -> None:
            one, two = symbols[left], symbols[right]
            if one and two and (rank := self.rank(one.text, two.text)) is not None:
                heapq.heappush(heap, (rank, left, one.text, two.text))

        for at in range(len(leaves) - 1):
            offer(at, at + 1)
        while heap:
            rank, at, *texts = heapq.heappop(heap)
            left, behind = symbols[at], after[at]
            right = symbols[behind] if behind < len(symbols) else None
            if left is None or right is None or [left.text, right.text] != texts:
                continue  # one of the two has been merged since
            symbols[at], symbols[behind] = self._joined(left, right), None
            done.append(
                Merge(rank, nodes[at], nodes[behind], len(leaves) + len(done), self._joined(left, right))
            )
            nodes[at], after[at] = done[-1].node, after[behind]
            if after[at] < len(symbols):
                before[after[at]] = at
                offer(at, after[at])
            if before[at] >= 0:
                offer(before[at], at)
        return [symbol for symbol in symbols if symbol], done


def _check_merges(
    merges: Sequence[tuple[str, str]], vocabulary: Mapping[str, int], prefix: int, origin: str
) -> None:
    bad = [
        f"merge {at + 1}, {left!r} + {right!r}"
        for at, (left, right) in enumerate(merges)
        if left not in vocabulary or right not in vocabulary or left + right[prefix:] not in vocabulary
    ]
    if bad:
        raise FormatError(
            f"{origin}: {len(bad)} merges have parts or results that are not in the vocabulary: "
            f"{'; '.join(bad[:_SHOWN])}: vocabulary and merges must be of one model"
        )
