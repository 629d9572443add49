"""What the compiled scanners read: the class of each code point, and a pattern's rules as numbers."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from cutaway.tokenization.kernels import scan
from cutaway.tokenization.splitters.classes import LINE, class_runs
from cutaway.tokenization.splitters.patterns import Rules

_CODE_POINTS = 0x110000


@cache
def class_table() -> NDArray[np.uint8]:
    """Return the class of each code point, (0x110000,)."""
    starts, classes = class_runs()
    lengths = np.diff([*starts, _CODE_POINTS])
    table = np.repeat(np.array(classes, np.uint8), lengths)
    table[[ord("\r"), ord("\n")]] |= LINE
    return table


def rule_numbers(rules: Rules) -> NDArray[np.int64]:
    """Return the rules of one pattern as the scanners read them."""
    numbers = np.zeros(scan.RULES, np.int64)
    numbers[scan.CONTRACTIONS] = ("before", "before, any case", "behind, any case").index(rules.contractions)
    numbers[scan.PREFIX] = rules.prefix == "any"
    numbers[scan.CASED] = rules.cased == "cased"
    numbers[scan.DIGITS] = rules.digits
    numbers[scan.TAIL] = ("none", "lines", "lines and slashes").index(rules.tail)
    numbers[scan.LINES] = rules.lines == "cut"
    numbers[scan.WHOLE_END] = rules.whole_end == "whole"
    return numbers
