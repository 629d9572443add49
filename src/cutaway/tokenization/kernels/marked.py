"""Where words begin in text that has ▁ for spaces: UTF-8 in, the end of each word out.

Nothing is validated here. Every text is followed by at least sixteen bytes of padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.scan import TEXT

# ▁ in UTF-8
_FIRST, _SECOND, _THIRD, _SIZE = 0xE2, 0x96, 0x81, 3

EACH, RUNS, NOWHERE = 0, 1, 2


@kernel(f"void({TEXT}, int64[::1], int64, int32[::1], int64[::1])", arrays="borrowed")
def cut_at_marks(text: Any, bounds: Any, cuts: Any, words: Any, firsts: Any) -> None:
    """Write the end of every word, and the number of each row's first word.

    Args:
        text: UTF-8, rows one after the other, then padding.
        bounds: where each row starts, and the end.
        cuts: EACH ▁ begins a word, or each of its RUNS, or the row is one word.
        words: takes the ends, with room for one at every byte.
        firsts: takes the number of each row's first word, and the end.
    """
    count = np.int64(0)
    for row in range(len(bounds) - 1):
        firsts[row] = count
        start, end = bounds[row], bounds[row + 1]
        behind = start if cuts == RUNS else np.int64(-1)  # behind the last ▁: another there goes on with it
        for at in range(start, end if cuts != NOWHERE else start):
            if text[at] == _FIRST and text[at + 1] == _SECOND and text[at + 2] == _THIRD:
                if at > start and at != behind:
                    words[count] = at
                    count += 1
                behind = at + _SIZE if cuts == RUNS else behind
        if end > start:
            words[count] = end
            count += 1
    firsts[len(bounds) - 1] = count
