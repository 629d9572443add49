"""Several splitters, each cutting the words of the one before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cutaway.tokenization.aligned import AlignedText

if TYPE_CHECKING:
    from cutaway.tokenization.stages import Splitter


@dataclass(frozen=True, kw_only=True)
class SplitterSequence:
    """Apply splitters in order.

    Attributes:
        pretokenizers: each cuts every word of the one before.
    """

    pretokenizers: tuple[Splitter, ...]

    def split(self, text: AlignedText) -> list[AlignedText]:
        """Return the words of the last."""
        words = [text]
        for splitter in self.pretokenizers:
            words = [part for word in words for part in splitter.split(word) if len(part)]
        return words
