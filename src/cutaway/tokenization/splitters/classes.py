"""Which class each character is in, for the split patterns: letters, marks, numbers, white space.

The Unicode tables are those of the Rust libraries that the field's tokenizers run on, so they are data
here (`split_classes.json`, made by tools/make_split_classes.py). Python's own and those of the `regex`
library are of other versions and would cut newer scripts elsewhere.

Source: the Unicode Standard, section 4.5 (general category), version 16.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Final

DATA = Path(__file__).with_name("split_classes.json")

# A class is a sum of properties. A character with none of them is punctuation, a symbol or a control.
UPPER: Final = 1  # may stand in the capital part of a cased word
LOWER: Final = 2  # may stand in its small part
LETTER: Final = 4
NUMBER: Final = 8
WHITE: Final = 16
LINE: Final = 32  # carriage return and line feed, white as well

CLASS_OF: Final = {
    "u": LETTER | UPPER,  # Lu, Lt
    "l": LETTER | LOWER,  # Ll
    "c": LETTER | UPPER | LOWER,  # Lm, Lo: scripts without case
    "m": UPPER | LOWER,  # marks
    "n": NUMBER,
    "s": WHITE,
    "o": 0,
}


@cache
def class_runs() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return where each run of one class starts, in code points, and its class.

    Example:
        >>> starts, classes = class_runs()
        >>> classes[starts.index(ord("a"))] == LETTER | LOWER
        True
    """
    data = json.loads(DATA.read_text(encoding="ascii"))
    return tuple(accumulate(data["gaps"])), tuple(CLASS_OF[kind] for kind in data["kinds"])


def class_of(code: int) -> int:
    """Return the class of a code point.

    Example:
        >>> class_of(ord("5")) == NUMBER, class_of(ord("\\n")) == WHITE | LINE
        (True, True)
    """
    starts, classes = class_runs()
    found = classes[bisect_right(starts, code) - 1]
    return found | LINE if code in (10, 13) else found


class StandIns(dict[int, str | int]):
    """For `str.translate`: every character that is not ASCII becomes one well-known member of its class.

    A pattern that runs over the result decides by our tables, whatever its engine's own are. ASCII stays, and
    so does ſ, which is an s to a pattern that ignores case.
    """

    def __missing__(self, code: int) -> str | int:
        kept = code < 128 or code == ord("ſ")
        found = self[code] = code if kept else _MEMBER[class_of(code)]
        return found


_MEMBER: Final = {
    LETTER | UPPER: "À",
    LETTER | LOWER: "à",
    LETTER | UPPER | LOWER: "ª",
    UPPER | LOWER: "\u0300",
    NUMBER: "²",
    WHITE: "\u00a0",
    0: "¡",
}
