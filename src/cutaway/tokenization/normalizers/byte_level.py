"""Bytes written as letters: GPT-2's way to have every byte of UTF-8 as a visible character.

    "é b"  →  Ã © Ġ b        0xC3 0xA9 0x20 0x62

Bytes that print as a Latin-1 character stand for themselves; the other 68 take the characters from U+0100
on, in order, so that a space is Ġ and a line feed Ċ.

Source: Radford et al. 2019, Language Models are Unsupervised Multitask Learners, section 2.2, and the
published code of GPT-2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cutaway.tokenization.aligned import AlignedText

_PRINTED = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_HIDDEN = [byte for byte in range(256) if byte not in _PRINTED]

LETTERS: Final = tuple(
    chr(byte) if byte in _PRINTED else chr(0x100 + _HIDDEN.index(byte)) for byte in range(256)
)
BYTES: Final = {letter: byte for byte, letter in enumerate(LETTERS)}
_OF_LATIN: Final = str.maketrans({chr(byte): letter for byte, letter in enumerate(LETTERS)})


@dataclass(frozen=True, kw_only=True)
class ByteLevel:
    """Write each byte of the text as a letter; the letters of one character share its place.

    Example:
        >>> ByteLevel().apply(AlignedText.of("é b")).text
        'Ã©Ġb'
    """

    def apply(self, text: AlignedText) -> AlignedText:
        """Return the bytes as letters."""
        letters = to_letters(text.text)
        if len(letters) == len(text):
            return text.mapped(letters)
        sources = [at for at, char in enumerate(text.text) for _ in range(len(char.encode("utf-8")))]
        return text.picked(letters, sources)


def to_letters(text: str) -> str:
    """Return text as its bytes' letters.

    Example:
        >>> to_letters("a\\n")
        'aĊ'
    """
    return text.encode("utf-8").decode("latin-1").translate(_OF_LATIN)
