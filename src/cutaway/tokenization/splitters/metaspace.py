"""Spaces written as ▁, and a word starting at each: SentencePiece's view of text, as words.

    "Hello  world"  →  ▁Hello | ▁ | ▁world

Source: Kudo and Richardson 2018, arXiv:1808.06226, section 3.1 (lossless tokenization).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cutaway.core.errors import FormatError
from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.normalizers.replace import Prepend
from cutaway.tokenization.splitters.by_pattern import cut_parts, parts_of


@dataclass(frozen=True, kw_only=True)
class Metaspace:
    """Write spaces as ▁ and cut before each.

    Attributes:
        replacement: what is written for a space, one character.
        prepend_scheme: put one before a text that has none: "always", only where the "first" character of
            the whole text stands (not after a special token), or "never".
        cuts: cut; False keeps the whole text as one word.

    Raises:
        FormatError: the replacement is not one character.

    Example:
        >>> [word.text for word in Metaspace().split(AlignedText.of("Hello  world"))]
        ['▁Hello', '▁', '▁world']
    """

    replacement: str = "▁"
    prepend_scheme: Literal["always", "first", "never"] = "always"
    cuts: bool = True

    def __post_init__(self) -> None:
        if len(self.replacement) != 1:
            raise FormatError(f"replacement is {self.replacement!r}: it must be one character")

    def split(self, text: AlignedText) -> list[AlignedText]:
        """Return the words."""
        text = text.mapped(text.text.replace(" ", self.replacement))
        first = self.prepend_scheme == "always" or (self.prepend_scheme == "first" and _starts_it_all(text))
        if first and not text.text.startswith(self.replacement):
            text = Prepend(prepend=self.replacement).apply(text)
        if not self.cuts:
            return [text]
        marks = ((at, at + 1) for at, char in enumerate(text.text) if char == self.replacement)
        return cut_parts(text, parts_of(len(text), marks), "MergedWithNext")


def _starts_it_all(text: AlignedText) -> bool:
    return len(text) > 0 and text.starts[0] == 0
