"""Step 0: find special tokens written out in the text, "[MASK]" mostly, before anything else is done.

They are matched as they stand, capital letters and all; what lies between them is ordinary text, and
each such stretch is normalized and split on its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Stretch(NamedTuple):
    """A part of the text; `special` says whether it is a special token."""

    text: str
    start: int
    special: bool


class SpecialFinder:
    """Cuts text at special tokens: leftmost first, the longest of those that start there.

    Args:
        tokens: the special tokens.

    Example:
        >>> [part.text for part in SpecialFinder(["[MASK]"]).cut("Paris is [MASK].")]
        ['Paris is ', '[MASK]', '.']
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        longest_first = sorted(tokens, key=len, reverse=True)
        self._pattern = re.compile("|".join(re.escape(token) for token in longest_first) or r"(?!)")

    def cut(self, text: str) -> Iterator[Stretch]:
        """Yield the parts of `text` in order, none of them empty."""
        start = 0
        for match in self._pattern.finditer(text):
            if start < match.start():
                yield Stretch(text[start : match.start()], start, special=False)
            yield Stretch(match.group(), match.start(), special=True)
            start = match.end()
        if start < len(text):
            yield Stretch(text[start:], start, special=False)
