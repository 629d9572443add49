"""Step 3: WordPiece. Cut each word into the longest pieces that the vocabulary has, left to right.

    llms?  llms no, llm no, ll yes     →  ll
      ms?  ##ms yes                    →  ##ms

If some part of a word cannot be matched, the whole word becomes one [UNK]: WordPiece never hands out
half a word.

Source: Schuster and Nakajima 2012, Japanese and Korean Voice Search, section 3 (the vocabulary); the
greedy match is that of the reference code of BERT (Devlin et al. 2019, arXiv:1810.04805).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from cutaway.core.errors import FormatError
from cutaway.tokenization.models.piece import Piece
from cutaway.tokenization.vocabulary import PREFIX, UNKNOWN

if TYPE_CHECKING:
    from cutaway.core.trace import Cell

LONGEST_WORD = 100


class Try(NamedTuple):
    """One look into the vocabulary: `piece` stands for the word's characters start to end."""

    start: int
    end: int
    piece: str
    id: int | None


class WordPiece:
    """Pieces that are matched greedily, longest first.

    Args:
        vocabulary: piece to id.
        unknown: the piece that stands for a word that cannot be matched.
        prefix: what a piece that continues a word is written with before it.
        longest_word: a word of more characters is unknown without a look.
        origin: where the vocabulary comes from, for error messages.

    Raises:
        FormatError: the vocabulary lacks the piece for the unknown.

    Example:
        >>> WordPiece({"[UNK]": 1, "ll": 7, "##ms": 8}).pieces("llms")
        (Piece(id=7, start=0, end=2), Piece(id=8, start=2, end=4))
    """

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        *,
        unknown: str = UNKNOWN,
        prefix: str = PREFIX,
        longest_word: int = LONGEST_WORD,
        origin: str = "the vocabulary",
    ) -> None:
        if unknown not in vocabulary:
            raise FormatError(f"{origin} has no {unknown}, which stands for unknown words: add it")
        self.vocabulary, self.unknown, self.prefix = vocabulary, unknown, prefix
        self.longest_word = longest_word
        self._longest = max(map(len, vocabulary))

    def tries(self, word: str, *, every: bool = False) -> Iterator[Try]:
        """Yield the looks of the greedy longest match, found or not.

        From each start, the longest end first; a find moves the start to its end. When nothing matches
        from a start, the search is over and the word is unknown; the last try then has no id.

        Args:
            word: normalized, without white space.
            every: look up pieces longer than any that the vocabulary has, too: in vain, as the textbook does.

        Yields:
            Tries in order. A word that is too long is not looked up at all: one try, without an id.

        Example:
            >>> [(t.piece, t.id) for t in WordPiece({"[UNK]": 1, "ll": 7, "##ms": 8}).tries("llms")]
            [('llms', None), ('llm', None), ('ll', 7), ('##ms', 8)]
        """
        if len(word) > self.longest_word:
            yield Try(0, len(word), word, None)
            return
        longest = len(word) if every else self._longest
        start = 0
        while start < len(word):
            for end in range(min(len(word), start + longest), start, -1):
                piece = word[start:end] if start == 0 else self.prefix + word[start:end]
                found = self.vocabulary.get(piece)
                yield Try(start, end, piece, found)
                if found is not None:
                    start = end
                    break
            else:
                return

    def pieces(self, word: str) -> tuple[Piece, ...]:
        """Return a word's pieces; one for the unknown, over all of it, if any part is unknown.

        Args:
            word: normalized, without white space.

        Returns:
            Pieces that cover the word from start to end.
        """
        found = tuple(
            Piece(look.id, look.start, look.end) for look in self.tries(word) if look.id is not None
        )
        if found and found[-1].end == len(word):
            return found
        return (Piece(self.vocabulary[self.unknown], 0, len(word)),)

    def steps(self, word: str) -> list[dict[str, Cell]]:
        """Return every try, and a last one that finds the unknown if the word is that."""
        made = list(self.tries(word, every=True))
        if made[-1].id is None:
            made.append(Try(0, len(word), self.unknown, self.vocabulary[self.unknown]))
        return [
            {
                "try": at,
                "start": look.start,
                "end": look.end,
                "piece": look.piece,
                "found": look.id is not None,
                "id": look.id,
            }
            for at, look in enumerate(made)
        ]
