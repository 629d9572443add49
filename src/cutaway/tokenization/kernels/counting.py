"""Compiled counting of words: a hash table from packed words to how often they came.

Nothing is validated here. Every text is followed by at least sixteen bytes of padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.scan import TEXT
from cutaway.tokenization.kernels.tokens import PACKED, WORD_SLOT, packed, word_slot

_ONE = np.uint64(1)


@kernel(
    f"UniTuple(int64, 3)({TEXT}, int32[::1], UniTuple(int64, 3), uint64[::1], int64[::1])", arrays="borrowed"
)
def count_words(text: Any, words: Any, part: Any, table: Any, long_words: Any) -> Any:
    """Count words into a table, until it is half full.

    Args:
        text: UTF-8.
        words: the end of each word.
        part: the first word, the end of the words, and where the first word starts.
        table: slots of a packed word and its count.
        long_words: takes start and end of each word that does not pack.

    Returns:
        The next word (the end, if all are counted), how many entries are new, and how many words were long.
    """
    first, last, start = part
    new, long, room = np.int64(0), np.int64(0), np.int64(len(table) // (2 * WORD_SLOT))
    for word in range(first, last):
        end = np.int64(words[word])
        if end - start > PACKED:
            long_words[2 * long], long_words[2 * long + 1] = start, end
            long += 1
        else:
            low, high = packed(text, start, end)
            slot = word_slot(table, low, high)
            if table[slot + 1] == 0:
                if new == room:
                    return np.int64(word), new, long
                table[slot], table[slot + 1] = low, high
                new += 1
            table[slot + 2] += _ONE
        start = end
    return last, new, long


@kernel("void(uint64[::1], uint64[::1])", arrays="borrowed")
def move_counts(small: Any, large: Any) -> None:
    """Put every entry of one table into another."""
    for at in range(0, len(small), WORD_SLOT):
        if small[at + 1] != 0:
            slot = word_slot(large, small[at], small[at + 1])
            large[slot], large[slot + 1], large[slot + 2] = small[at], small[at + 1], small[at + 2]
