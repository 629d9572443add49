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
from typing import NamedTuple

from cutaway.tokenization.models.piece import Piece
from cutaway.tokenization.vocabulary import PREFIX, UNKNOWN

LONGEST_WORD = 100


class Try(NamedTuple):
    """One look into the vocabulary: `piece` stands for the word's characters start to end."""

    start: int
    end: int
    piece: str
    id: int | None


def tries(word: str, ids: Mapping[str, int], longest: int = LONGEST_WORD) -> Iterator[Try]:
    """Yield every look of the greedy longest match, found or not.

    From each start, the longest end first; a find moves the start to its end. When nothing matches
    from a start, the search is over and the word is unknown; the last try then has no id.

    Args:
        word: normalized, without white space.
        ids: piece to id.
        longest: the most characters that a piece can have; longer ones are not looked up.

    Yields:
        Tries in order. A word over 100 characters is not looked up at all: one try, without an id.

    Example:
        >>> [(t.piece, t.id) for t in tries("llms", {"ll": 7, "##ms": 8})]
        [('llms', None), ('llm', None), ('ll', 7), ('##ms', 8)]
    """
    if len(word) > LONGEST_WORD:
        yield Try(0, len(word), word, None)
        return
    start = 0
    while start < len(word):
        for end in range(min(len(word), start + longest), start, -1):
            piece = word[start:end] if start == 0 else PREFIX + word[start:end]
            found = ids.get(piece)
            yield Try(start, end, piece, found)
            if found is not None:
                start = end
                break
        else:
            return


def split_word(word: str, ids: Mapping[str, int], longest: int = LONGEST_WORD) -> tuple[Piece, ...]:
    """Return a word's pieces; one [UNK] for all of it if any part is unknown.

    Args:
        word: normalized, without white space.
        ids: piece to id; "[UNK]" must be among them.
        longest: the most characters that a piece can have.

    Returns:
        Pieces that cover the word from start to end.

    Example:
        >>> split_word("llms", {"[UNK]": 1, "ll": 7, "##ms": 8})
        (Piece(id=7, start=0, end=2), Piece(id=8, start=2, end=4))
    """
    pieces = tuple(
        Piece(found.id, found.start, found.end) for found in tries(word, ids, longest) if found.id is not None
    )
    if pieces and pieces[-1].end == len(word):
        return pieces
    return (Piece(ids[UNKNOWN], 0, len(word)),)
