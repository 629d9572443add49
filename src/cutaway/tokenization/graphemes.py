"""What a reader calls one character: a letter with its marks, a family of emoji, a syllable.

Source: Unicode Standard Annex 29, extended grapheme clusters, as the `regex` library finds them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import regex


def graphemes(text: str) -> list[str]:
    """Cut text into grapheme clusters.

    Example:
        >>> [len(cluster) for cluster in graphemes("e\\u0301a👩\\u200d🚀")]
        [2, 1, 3]
    """
    if text.isascii() and "\r" not in text:
        return list(text)
    found: list[str] = _cluster().findall(text)
    return found


@cache
def _cluster() -> regex.Pattern[str]:
    import regex

    return regex.compile(r"\X")
