"""Several normalizers, one after the other; and the one of machine translation's cleaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.normalizers.strip import kept

if TYPE_CHECKING:
    from cutaway.tokenization.stages import Normalizer

_DROPPED = frozenset(map(chr, [*range(1, 9), 0xB, *range(0xE, 0x20), 0x7F, 0x8F, 0x9F]))
_SPACES = "\t\n\f\r\u1680\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u2581\ufeff\ufffd"
_TO_SPACE = str.maketrans(dict.fromkeys(_SPACES, " "))


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """Apply normalizers in order.

    Attributes:
        normalizers: each takes what the one before returned.
    """

    normalizers: tuple[Normalizer, ...]

    def apply(self, text: AlignedText) -> AlignedText:
        """Return what the last one returned."""
        for normalizer in self.normalizers:
            text = normalizer.apply(text)
        return text


@dataclass(frozen=True, kw_only=True)
class Nmt:
    """Drop control characters; make line ends, joiners and their like a space.

    Example:
        >>> Nmt().apply(AlignedText.of("a\\x07b\\u200bc")).text
        'ab c'
    """

    def apply(self, text: AlignedText) -> AlignedText:
        """Return the cleaned text."""
        left = kept(text, [at for at, char in enumerate(text.text) if char not in _DROPPED])
        return left.mapped(left.text.translate(_TO_SPACE))
