"""The plain rules: white space, punctuation, digits, one chosen character, a fixed length."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from cutaway.core.errors import FormatError
from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.normalizers.characters import bert_characters
from cutaway.tokenization.normalizers.strip import is_white
from cutaway.tokenization.normalizers.unicode_forms import unicode_forms
from cutaway.tokenization.splitters.by_pattern import Behavior, split_where


@dataclass(frozen=True, kw_only=True)
class WhitespaceSplit:
    """Cut at white space, which goes."""

    def split(self, text: AlignedText) -> list[AlignedText]:
        """Return the words."""
        return split_where(text, is_white, "Removed")


@dataclass(frozen=True, kw_only=True)
class Whitespace:
    """Cut at white space, and between runs of word characters and runs of others.

    Example:
        >>> [word.text for word in Whitespace().split(AlignedText.of("so? yes_1!!"))]
        ['so', '?', 'yes_1', '!!']
    """

    def split(self, text: AlignedText) -> list[AlignedText]:
        """Return the words."""
        words: list[AlignedText] = []
        start, last = 0, " "
        for at, char in enumerate(text.text):
            kind = kind_of(char)
            if kind != last:
                if last != " ":
                    words.append(text.cut(start, at))
                start, last = at, kind
        return words if last == " " else [*words, text.cut(start, len(text))]


@dataclass(frozen=True, kw_only=True)
class Punctuation:
    """Cut at punctuation.

    Attributes:
        behavior: what becomes of a mark.
    """

    behavior: Behavior = "Isolated"

    def split(self, text: AlignedText) -> list[AlignedText]:
        """Return the words."""
        return split_where(text, _is_punctuation, self.behavior)


@dataclass(frozen=True, kw_only=True)
class Digits:
    """Cut around numbers.

    Attributes:
        individual_digits: every digit is a word of its own.

    Example:
        >>> [word.text for word in Digits().split(AlignedText.of("in 1984!"))]
        ['in ', '1984', '!']
    """

    individual_digits: bool = False

    def split(self, text: AlignedText) -> list[AlignedText]:
        """Return the words."""
        return split_where(text, _is_number, "Isolated" if self.individual_digits else "Contiguous")


@dataclass(frozen=True, kw_only=True)
class CharDelimiterSplit:
    """Cut at one character, which goes.

    Attributes:
        delimiter: the character.

    Raises:
        FormatError: it is not exactly one.
    """

    delimiter: str

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1:
            raise FormatError(f"delimiter is {self.delimiter!r}: it must be one character")

    def split(self, text: AlignedText) -> list[AlignedText]:
        """Return the words."""
        return split_where(text, self.delimiter.__eq__, "Removed")


@dataclass(frozen=True, kw_only=True)
class FixedLength:
    """Cut into words of one length; the last may be shorter.

    Attributes:
        length: in characters.

    Raises:
        FormatError: it is under 1.
    """

    length: int = 5

    def __post_init__(self) -> None:
        if self.length < 1:
            raise FormatError(f"length is {self.length}: it must be 1 or more")

    def split(self, text: AlignedText) -> list[AlignedText]:
        """Return the words."""
        return [text.cut(at, at + self.length) for at in range(0, len(text), self.length)]


@cache
def kind_of(char: str) -> str:
    """Return " " for white space, "w" for a character of words (letters, marks, digits, _), else "."."""
    if is_white(char):
        return " "
    return "w" if unicode_forms().words.find(ord(char)) else "."


def _is_punctuation(char: str) -> bool:
    return bert_characters().kinds["punctuation"].find(ord(char)) is not None


def _is_number(char: str) -> bool:
    return unicode_forms().numbers.find(ord(char)) is not None
