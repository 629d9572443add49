"""Step 2: split normalized text into words: at white space, and around every punctuation mark.

    "don't stop!"  →  don  '  t  stop  !

Source: the reference code of BERT (Devlin et al. 2019, arXiv:1810.04805), basic tokenizer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.normalizers.characters import bert_characters
from cutaway.tokenization.normalizers.strip import is_white

_REMEMBERED = 1 << 16


class Word(NamedTuple):
    """A word and where it stands in the normalized text."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class BertSplitter:
    """Cut at white space and around every punctuation mark.

    Example:
        >>> [word.text for word in BertSplitter().split(AlignedText.of("don't stop"))]
        ['don', "'", 't', 'stop']
    """

    def split(self, text: AlignedText) -> list[AlignedText]:
        """Return the words."""
        return [text.cut(start, end) for start, end in self.spans(text.text)]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where each word starts and ends."""
        if text.isascii():
            return [found.span() for found in _ascii_words().finditer(text)]
        return [(word.start, word.end) for word in split_words(text)]


def split_words(text: str) -> Iterator[Word]:
    """Yield the words of normalized text, in order.

    Args:
        text: what `normalize` returned; its only white space is " ".

    Yields:
        Words that are not empty; white space belongs to none.

    Example:
        >>> [word.text for word in split_words("don't  stop!")]
        ['don', "'", 't', 'stop', '!']
    """
    start = 0
    for at, char in enumerate(text):
        kind = _kind(char)
        if kind == "space" or kind == "punctuation":
            if start < at:
                yield Word(text[start:at], start, at)
            if kind == "punctuation":
                yield Word(char, at, at + 1)
            start = at + 1
    if start < len(text):
        yield Word(text[start:], start, len(text))


@cache
def _ascii_words() -> re.Pattern[str]:
    """Return what finds the words of a text of ASCII alone: runs, or one punctuation mark."""
    kinds = {chr(code): _kind(chr(code)) for code in range(0x80)}
    marks, letters = (
        re.escape("".join(char for char, kind in kinds.items() if kind == wanted))
        for wanted in ("punctuation", "word")
    )
    return re.compile(f"[{letters}]+|[{marks}]")


@lru_cache(_REMEMBERED)
def _kind(char: str) -> str:
    if is_white(char):
        return "space"
    return "punctuation" if bert_characters().kinds["punctuation"].find(ord(char)) else "word"
