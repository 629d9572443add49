"""Several post-processors, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cutaway.tokenization.encoding import Encoding

if TYPE_CHECKING:
    from cutaway.tokenization.stages import PostProcessor


@dataclass(frozen=True, kw_only=True)
class PostSequence:
    """Apply post-processors in order.

    Attributes:
        processors: each takes what the one before returned.
    """

    processors: tuple[PostProcessor, ...]

    def added(self, texts: int) -> int:
        """Return how many tokens they add together."""
        return sum(processor.added(texts) for processor in self.processors)

    def process(self, texts: Sequence[Encoding], *, special: bool) -> Sequence[Encoding]:
        """Return what the last returned."""
        for processor in self.processors:
            texts = processor.process(texts, special=special)
        return texts
