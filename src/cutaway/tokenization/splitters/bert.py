"""Step 2: split normalized text into words: at white space, and around every punctuation mark.

    "don't stop!"  →  don  '  t  stop  !

Source: the reference code of BERT (Devlin et al. 2019, arXiv:1810.04805), basic tokenizer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cutaway.tokenization.normalizers.characters import bert_characters


class Word(NamedTuple):
    """A word and where it stands in the normalized text."""

    text: str
    start: int
    end: int


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
    characters = bert_characters()
    start = 0
    for at, char in enumerate(text):
        kind = characters[char].kind
        if kind == "space" or kind == "punctuation":
            if start < at:
                yield Word(text[start:at], start, at)
            if kind == "punctuation":
                yield Word(char, at, at + 1)
            start = at + 1
    if start < len(text):
        yield Word(text[start:], start, len(text))
