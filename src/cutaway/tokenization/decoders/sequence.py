"""Several decoders, one after the other; and the one that joins all tokens to a single string."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cutaway.tokenization.stages import Decoder


@dataclass(frozen=True, kw_only=True)
class DecoderSequence:
    """Apply decoders in order.

    Attributes:
        decoders: each takes the strings that the one before returned.
    """

    decoders: tuple[Decoder, ...]

    def decode(self, tokens: Sequence[str]) -> list[str]:
        """Return the strings of the last."""
        found = list(tokens)
        for decoder in self.decoders:
            found = decoder.decode(found)
        return found


@dataclass(frozen=True, kw_only=True)
class Fuse:
    """Join all strings to one, so that what follows sees the whole text."""

    def decode(self, tokens: Sequence[str]) -> list[str]:
        """Return one string."""
        return ["".join(tokens)]
