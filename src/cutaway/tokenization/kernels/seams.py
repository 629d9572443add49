"""Long words cut where no token could hold both sides together.

A seam is a border in a text that lies inside no token: of the two bytes before it and the two behind it no
token has as many as it would need, the four, or the three at its own start or end, or the middle two. No
merge ever reaches over a seam, so what stands on either side is a word of its own. A line of a thousand
Chinese characters, one word by every pattern, becomes hundreds of short ones, each looked up as any word is.

Only borders before a character of several bytes are asked about: between ASCII letters seams are rare. The
table is one bit for each hash, so it may miss a seam, and never invents one.

That it is exact follows from merges making tokens only: a symbol that reached over a seam would be one.

Nothing is validated here. Every text is followed by at least sixteen bytes of padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.scan import LEAD, TEXT
from cutaway.tokenization.kernels.tokens import PACKED

SEAMS = 1 << 16  # numbers of 64 bits
NONE = 256  # in the place of a byte, for a token that starts or ends beside the border

_MIX = np.uint64(0x9E3779B97F4A7C15)
_HASH_SHIFT, _WORD_SHIFT, _BIT, _ONE = np.uint64(42), np.uint64(6), np.uint64(63), np.uint64(1)


@kernel("uint64(int64, int64, int64, int64)", arrays="borrowed", callers="kernels")
def border_hash(far_left: Any, left: Any, right: Any, far_right: Any) -> Any:
    """Return 22 bits of the bytes around a border."""
    return (np.uint64(((far_left << 9 | left) << 9 | right) << 9 | far_right) * _MIX) >> _HASH_SHIFT


@kernel("boolean(uint64[::1], int64, int64, int64, int64)", arrays="borrowed", callers="kernels")
def is_inside(seams: Any, far_left: Any, left: Any, right: Any, far_right: Any) -> Any:
    """Return whether some token has these bytes around a border, or its hash."""
    hashed = border_hash(far_left, left, right, far_right)
    return seams[hashed >> _WORD_SHIFT] >> (hashed & _BIT) & _ONE != 0


@kernel(f"void({TEXT}, int64[::1], uint64[::1])", arrays="borrowed")
def fill_seams(letters: Any, starts: Any, seams: Any) -> None:
    """Mark the bytes around every border inside every token, where a character of several bytes begins."""
    for token in range(len(starts) - 1):
        start, end = starts[token], starts[token + 1]
        for at in range(start + 1, end):
            if letters[at] >= LEAD:
                far_left = np.int64(letters[at - 2]) if at - 2 >= start else np.int64(NONE)
                far_right = np.int64(letters[at + 1]) if at + 1 < end else np.int64(NONE)
                hashed = border_hash(far_left, np.int64(letters[at - 1]), np.int64(letters[at]), far_right)
                seams[hashed >> _WORD_SHIFT] |= _ONE << (hashed & _BIT)


@kernel(f"boolean({TEXT}, int64, int64, int64, uint64[::1])", arrays="borrowed", callers="kernels")
def is_seam(text: Any, start: Any, at: Any, end: Any, seams: Any) -> Any:
    """Return whether no token could reach over the border before text[at], in the word text[start:end]."""
    left, right = np.int64(text[at - 1]), np.int64(text[at])
    far_left = np.int64(text[at - 2]) if at - 2 >= start else np.int64(NONE)
    far_right = np.int64(text[at + 1]) if at + 1 < end else np.int64(NONE)
    inside = is_inside(seams, far_left, left, right, far_right) | is_inside(seams, NONE, left, right, NONE)
    inside |= is_inside(seams, NONE, left, right, far_right) | is_inside(seams, far_left, left, right, NONE)
    return not inside


@kernel(f"void({TEXT}, int32[::1], int64[::1], uint64[::1], int32[::1])", arrays="borrowed")
def cut_at_seams(text: Any, words: Any, firsts: Any, seams: Any, parts: Any) -> None:
    """Copy the ends of words to `parts`, those of long ones' parts among them, and put `firsts` right.

    Args:
        text: UTF-8, then padding.
        words: the end of each word; each starts where the one before ends.
        firsts: the number of each stretch's first word, and the end; written anew.
        seams: what `fill_seams` made.
        parts: takes the ends; there are no more than bytes.
    """
    count, start, word = np.int64(0), np.int64(0), np.int64(0)
    for stretch in range(len(firsts) - 1):
        last = firsts[stretch + 1]
        firsts[stretch] = count
        while word < last:
            end = np.int64(words[word])
            if end - start > PACKED:
                for at in range(start + 1, end):
                    if text[at] >= LEAD and is_seam(text, start, at, end, seams):
                        parts[count] = at
                        count += 1
            parts[count] = end
            count += 1
            start = end
            word += 1
    firsts[len(firsts) - 1] = count
