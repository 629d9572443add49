"""Text under the rules: its characters as they stand now, and where it has been cut.

A cut is a space that a rule put in; the text itself keeps its length, so that a word is always a
range of the original. A rule sees cuts as spaces.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import regex

# Case-insensitive "s" and "i" also match these.
_FOLDS = {"ſ": "s", "İ": "i", "ı": "i"}


class Marks:
    """The state that the rules change.

    Args:
        text: any string without lone surrogates.

    Attributes:
        chars: the characters; a quotation mark that was read as opening is "``", as closing "''".
        cut: for each character whether there is a cut before it, and at last whether one is at the end.
    """

    def __init__(self, text: str) -> None:
        self.chars = list(text)
        self.cut = [False] * (len(text) + 1)

    def __len__(self) -> int:
        return len(self.chars)

    def fence(self, start: int, end: int) -> None:
        """Cut on both sides of chars[start:end]."""
        self.cut[start] = self.cut[end] = True

    def before(self, at: int) -> str:
        """What a rule sees before chars[at]: a space at a cut, nothing at the start."""
        if self.cut[at]:
            return " "
        return self.chars[at - 1] if at else ""

    def after(self, at: int) -> str:
        """What a rule sees from place `at` on: a space at a cut, nothing at the end."""
        if self.cut[at]:
            return " "
        return self.chars[at] if at < len(self.chars) else ""

    def reads(self, at: int, letters: str) -> bool:
        """Tell whether these letters stand at place `at`, uncut, in upper or lower case."""
        end = at + len(letters)
        uncut = end <= len(self.chars) and not any(self.cut[at + 1 : end])
        return uncut and all(fold(self.chars[at + k]) == letter for k, letter in enumerate(letters))

    def runs(self, char: str) -> list[tuple[int, int]]:
        """Return the uncut runs of a character as [start, end)."""
        found: list[tuple[int, int]] = []
        for at, here in enumerate(self.chars):
            if here != char:
                continue
            if found and found[-1][1] == at and not self.cut[at]:
                found[-1] = (found[-1][0], at + 1)
            else:
                found.append((at, at + 1))
        return found


def fold(char: str) -> str:
    """Lower a character as a search that ignores case does."""
    return _FOLDS.get(char, char.lower())


@cache
def is_word(char: str) -> bool:
    r"""Tell whether `\w` of the regex library matches: letters, marks, digits, connectors."""
    return _matches(r"\w", char)


@cache
def is_digit(char: str) -> bool:
    r"""Tell whether `\d` of the regex library matches: decimal digits of any script."""
    return _matches(r"\d", char)


@cache
def is_space(char: str) -> bool:
    r"""Tell whether `\s` of the regex library matches: Unicode's white space."""
    return _matches(r"\s", char)


def is_plain_word(char: str) -> bool:
    """Tell whether a character counts as part of a word for the contractions: letters, digits, `_`."""
    return char == "_" or char.isalnum()


def _matches(pattern: str, char: str) -> bool:
    compiled: Any = regex.compile(pattern)
    return compiled.fullmatch(char) is not None
