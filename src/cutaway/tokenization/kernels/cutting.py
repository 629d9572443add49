"""Whole texts cut into words, sixty-four bytes at a time: bit k says whether a word ends before byte k.

Where ASCII letters, spaces and symbols follow each other, every pattern cuts by what stands next to the cut:

    letter|space, letter|symbol, symbol|space      always
    space|space                                    before the last of several: it goes with what follows
    symbol|letter                                  unless the symbol opens the word, standing alone
    small|capital                                  where the pattern tells them apart
    space+letter, space+symbol, symbol+symbol      never

So the ends of a dozen words come of a few shifts of three masks, and none waits for the end of the one
before. Anything else (numbers, line ends, quotes, characters beyond ASCII) ends the stretch for which this
holds; there one word is cut as kernels/scan.py does, and it begins anew.

Nothing is validated here. Every text is followed by at least sixty-four bytes of padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.bits import BYTES, bytes_between, count_ones, trailing_zeros
from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.scan import CASED, PREFIX, TEXT, has_lead, word_end
from cutaway.tokenization.kernels.tokens import PACKED

PADDING = BYTES
_TOGETHER = np.uint64(8)  # ends written without a look whether there are so many
_ONE, _TWO, _ALL = np.uint64(1), np.uint64(2), np.uint64(0xFFFFFFFFFFFFFFFF)
_SPACE, _QUOTE, _FIRST, _LAST = np.uint64(0x20), np.uint64(0x27), np.uint64(0x21), np.uint64(0x7E)
_A, _Z, _SMALL_A, _SMALL_Z = np.uint64(65), np.uint64(90), np.uint64(97), np.uint64(122)
_ZERO, _NINE, _NONE, _LAST_ASCII = np.uint64(48), np.uint64(57), np.uint64(0), np.uint64(0x7F)


@kernel(f"UniTuple(uint64, 2)({TEXT}, int64, int64, int64[::1])", arrays="borrowed", callers="kernels")
def ends_ahead(text: Any, at: Any, end: Any, rules: Any) -> Any:
    """Return where words end in the 64 bytes from `at` on, as far as is sure; and 0 if it is sure of all.

    A word begins at `at`, before `end`.
    """
    i = np.uint64(at)
    inside = _ALL >> np.uint64(max(BYTES - (end - at), 0))
    capitals = bytes_between(text, i, _A, _Z) & inside
    smalls = bytes_between(text, i, _SMALL_A, _SMALL_Z) & inside
    spaces = bytes_between(text, i, _SPACE, _SPACE) & inside
    quotes = bytes_between(text, i, _QUOTE, _QUOTE) & inside
    numbers = bytes_between(text, i, _ZERO, _NINE) & inside
    ascii_ = bytes_between(text, i, _NONE, _LAST_ASCII) & inside
    letters = capitals | smalls
    symbols = bytes_between(text, i, _FIRST, _LAST) & inside & ~(letters | quotes | numbers)
    others = ~(letters | spaces | symbols)
    opened = letters & (symbols << _ONE)
    if rules[PREFIX]:
        opened &= (spaces | symbols) << _TWO
    if rules[CASED]:
        opened |= (smalls << _ONE) & capitals
        ascii_ &= ~quotes  # a contraction may be drawn in
    ends = (letters << _ONE) & ascii_ & ~letters
    ends |= (symbols << _ONE) & (spaces | numbers)
    ends |= (spaces << _ONE) & spaces & ((letters | symbols) >> _ONE)
    return (ends | opened) & (others ^ (others - _ONE)), others


@kernel(
    f"UniTuple(int64, 2)({TEXT}, UniTuple(int64[::1], 2), uint8[::1], int64[::1], int32[::1], int64[::1])",
    arrays="borrowed",
)
def scan(text: Any, bounds: Any, classes: Any, rules: Any, words: Any, firsts: Any) -> Any:
    """Write the end of each word of each stretch; return how many words, and how many may be cut at seams.

    Args:
        text: UTF-8, stretches one after the other, then padding.
        bounds: where each stretch starts, and where each ends.
        classes: the class of each code point.
        rules: the pattern's rules.
        words: takes the ends; as long as the text with its padding.
        firsts: takes the number of each stretch's first word, and the end.
    """
    starts, ends = bounds
    count, long = np.uint64(0), np.int64(0)
    for stretch in range(len(starts)):
        firsts[stretch] = count
        at, end = starts[stretch], ends[stretch]
        while at < end:
            ahead, others = ends_ahead(text, at, end, rules)
            here, to, found = np.uint64(at), count, count_ones(ahead)
            while ahead != 0:
                for k in range(_TOGETHER):
                    words[to + k] = here + trailing_zeros(ahead)
                    ahead &= ahead - _ONE
                to += _TOGETHER
            count += found
            at = np.int64(words[count - _ONE]) if found > 0 else at
            if others != 0 or found == 0:
                after = word_end(text, at, end, classes, rules)
                long += after - at > PACKED and has_lead(text, at, after)
                words[count] = after
                count += _ONE
                at = after
    firsts[len(starts)] = count
    return np.int64(count), long
