"""What each stage of a pipeline is: five small promises that the classes of this room keep.

text → Normalizer → Splitter → Model → PostProcessor → ids        ids → Decoder → text
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.encoding import Encoding
from cutaway.tokenization.models.piece import Piece

if TYPE_CHECKING:
    from cutaway.core.trace import Cell


class Normalizer(Protocol):
    """Characters to characters."""

    def apply(self, text: AlignedText) -> AlignedText:
        """Return the text with this rule applied."""
        ...


class Splitter(Protocol):
    """Text to words; may also change characters, as bytes written as letters do."""

    def split(self, text: AlignedText) -> Sequence[AlignedText]:
        """Return the words, in order; empty ones are dropped by the caller."""
        ...


class Model(Protocol):
    """A word to pieces of the vocabulary."""

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """Piece to id, spelled as tokenizer.json spells pieces."""
        ...

    def pieces(self, word: str) -> Sequence[Piece]:
        """Return the pieces of a word, in order, with their places in it."""
        ...

    def steps(self, word: str) -> Sequence[Mapping[str, Cell]]:
        """Return what the model did to this word, one row a step, for the trace."""
        ...


class PostProcessor(Protocol):
    """Puts special tokens around one or two encoded texts."""

    def added(self, texts: int) -> int:
        """Return how many tokens are put around one text or two."""
        ...

    def process(self, texts: Sequence[Encoding], *, special: bool) -> Sequence[Encoding]:
        """Return the parts of the result in order, each with its type ids set."""
        ...


class Decoder(Protocol):
    """Tokens to text; each stage turns a list of strings into another, and the last is joined."""

    def decode(self, tokens: Sequence[str]) -> list[str]:
        """Return the strings after this rule."""
        ...
