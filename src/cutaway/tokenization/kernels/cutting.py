"""Whole texts cut into words, where nothing else is done with the words on the way.

Nothing is validated here. Every text is followed by at least sixteen bytes of padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.scan import CASED, TEXT, usual_word_end, word_end


@kernel(
    f"int64({TEXT}, UniTuple(int64[::1], 2), uint8[::1], int64[::1], int32[::1], int64[::1])",
    arrays="borrowed",
)
def scan(text: Any, bounds: Any, classes: Any, rules: Any, words: Any, firsts: Any) -> Any:
    """Write the end of each word of each stretch; return how many there are.

    Args:
        text: UTF-8, stretches one after the other, then padding.
        bounds: where each stretch starts, and where each ends.
        classes: the class of each code point.
        rules: the pattern's rules.
        words: takes the ends; there are no more than bytes.
        firsts: takes the number of each stretch's first word, and the end.
    """
    starts, ends = bounds
    count = np.int64(0)
    cased = rules[CASED] != 0
    for stretch in range(len(starts)):
        firsts[stretch] = count
        at, end = starts[stretch], ends[stretch]
        while at < end:
            found = usual_word_end(text, at, end, cased)
            if found < 0:
                found = word_end(text, at, end, classes, rules)
            words[np.uint64(count)] = found  # unsigned: no look whether it counts from the end
            count += 1
            at = found
    firsts[len(starts)] = count
    return count
