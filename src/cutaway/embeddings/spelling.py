"""The words nearest to one that is not there, by edit distance.

An edit inserts, drops or replaces a letter, or swaps two neighbors. The table of distances between
all beginnings of two words is filled once for all candidates together: each cell is an array
over the candidates, so 400,000 words cost a few hundred array operations, not 400,000 small tables.
Letter case does not count, and of equally near words the one in the lower row comes first (tables
are sorted by frequency).

Letters: C candidates, L letters of the longest candidate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from cutaway.core.text import scrub

MOST_EDITS = 2
LONGEST_WORD = 40


def nearest_spellings(word: str, words: Any, count: int = 3) -> tuple[str, ...]:
    """Return the words that are at most two edits away, the nearest first.

        d(i, j) = min(d(i-1, j) + 1, d(i, j-1) + 1, d(i-1, j-1) + [aᵢ ≠ bⱼ],
                      d(i-2, j-2) + 1 where aᵢ aᵢ₋₁ = bⱼ₋₁ bⱼ)                              (1)

    Args:
        word: the word that was not found.
        words: the words there are, a pyarrow string array.
        count: how many to return at most.

    Returns:
        Up to `count` words; none for words of more than 40 letters.

    Source:
        Damerau 1964, A technique for computer detection and correction of spelling errors, CACM 7(3).

    Example:
        >>> import pyarrow as pa
        >>> nearest_spellings("Qeen", pa.array(["the", "queen", "keen", "teens"]))
        ('queen', 'keen', 'teens')
    """
    wanted = scrub(word).lower()
    # One edit in three letters is as much as a slip of the finger does.
    most = min(MOST_EDITS, max(1, len(wanted) // 2))
    if not 0 < len(wanted) <= LONGEST_WORD:
        return ()
    lengths = pc.utf8_length(words).to_numpy()
    rows = np.flatnonzero(np.abs(lengths - len(wanted)) <= most)
    candidates = pc.utf8_lower(words.take(rows)).to_pylist()
    if not candidates:
        return ()
    edits = edit_distances(wanted, np.array(candidates, dtype=np.str_))
    near = np.flatnonzero(edits <= most)
    best = near[np.argsort(edits[near], kind="stable")][:count]
    return tuple(words.take(rows[best]).to_pylist())


def edit_distances(word: str, candidates: NDArray[np.str_]) -> NDArray[np.uint8]:
    """Return the edit distance from `word` to each candidate, by equation (1).

    Args:
        word: up to 200 letters.
        candidates: (C,) strings of up to 200 letters.

    Returns:
        (C,) uint8, edits.

    Source:
        Damerau 1964, A technique for computer detection and correction of spelling errors, CACM 7(3).
    """
    letters = candidates.view(np.uint32).reshape(len(candidates), -1).T.copy()  # (L, C)
    longest = len(letters)
    ends = np.char.str_len(candidates)
    above = np.repeat(np.arange(longest + 1, dtype=np.uint8)[:, None], len(candidates), axis=1)
    two_above, before = above, -1
    for i, letter in enumerate(map(ord, word), start=1):
        row = np.empty_like(above)
        row[0] = i
        for j in range(1, longest + 1):
            replaced = above[j - 1] + (letters[j - 1] != letter)
            row[j] = np.minimum(np.minimum(above[j], row[j - 1]) + np.uint8(1), replaced)
            if i > 1 and j > 1:
                swapped = (letters[j - 1] == before) & (letters[j - 2] == letter)
                row[j] = np.where(swapped, np.minimum(row[j], two_above[j - 2] + np.uint8(1)), row[j])
        two_above, above, before = above, row, letter
    return above[ends, np.arange(len(candidates))]
