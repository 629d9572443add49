"""Step 3, the simplest: every word is a piece, or unknown.

    vocabulary  the cat sat      "the dog sat"  →  the [UNK] sat

What the vocabulary lacks is lost, and a language always has another word: the reason for subwords.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cutaway.core.errors import FormatError
from cutaway.tokenization.models.piece import Piece

if TYPE_CHECKING:
    from cutaway.core.trace import Cell


class WordLevel:
    """A list of words.

    Args:
        vocabulary: word to id.
        unknown: the word that stands for all others; without it in the vocabulary they are dropped.

    Raises:
        FormatError: the vocabulary is empty.

    Example:
        >>> WordLevel({"[UNK]": 0, "cat": 1}, unknown="[UNK]").pieces("dog")
        (Piece(id=0, start=0, end=3),)
    """

    def __init__(self, vocabulary: Mapping[str, int], *, unknown: str = "<unk>") -> None:
        if not vocabulary:
            raise FormatError("the vocabulary is empty: it must list words")
        self.vocabulary, self.unknown = vocabulary, unknown

    def pieces(self, word: str) -> tuple[Piece, ...]:
        """Return the word's id, the unknown's, or nothing."""
        found = self.vocabulary.get(word, self.vocabulary.get(self.unknown))
        return () if found is None else (Piece(found, 0, len(word)),)

    def steps(self, word: str) -> list[dict[str, Cell]]:
        """Return the one look into the vocabulary."""
        return [{"word": word, "found": word in self.vocabulary, "id": self.vocabulary.get(word)}]
