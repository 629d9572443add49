"""White space at the ends, and marks anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.normalizers.unicode_forms import unicode_forms

WHITE: Final = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | frozenset(
    map(chr, range(0x2000, 0x200B))
)


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Drop white space at the ends.

    Attributes:
        strip_left: at the start.
        strip_right: at the end.
    """

    strip_left: bool = True
    strip_right: bool = True

    def apply(self, text: AlignedText) -> AlignedText:
        """Return the text without it."""
        start, end = 0, len(text)
        while self.strip_left and start < end and is_white(text.text[start]):
            start += 1
        while self.strip_right and start < end and is_white(text.text[end - 1]):
            end -= 1
        return text.cut(start, end)


@dataclass(frozen=True, kw_only=True)
class StripAccents:
    """Drop every combining mark that stands apart; é as one character stays as it is.

    Example:
        >>> StripAccents().apply(AlignedText.of("e\\u0301é")).text
        'eé'
    """

    def apply(self, text: AlignedText) -> AlignedText:
        """Return the text without marks."""
        marks = unicode_forms().marks
        return kept(text, [at for at, char in enumerate(text.text) if not marks.find(ord(char))])


def is_white(char: str) -> bool:
    """Say whether a character has Unicode's White_Space property; U+001C has not, though Python strips it."""
    return char in WHITE


def kept(text: AlignedText, places: list[int]) -> AlignedText:
    """Return only the characters at these places."""
    if len(places) == len(text):
        return text
    return text.picked("".join(text.text[at] for at in places), places)
