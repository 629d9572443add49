"""The shape of an encoder-decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from cutaway.core.errors import UsageError

DecoderName = Literal["attention", "context"]
AttentionName = Literal["additive", "dot", "general"]


@dataclass(frozen=True, kw_only=True)
class Seq2SeqSettings:
    """Sizes and parts of an encoder-decoder.

    Attributes:
        vocabulary: V, ids of both languages: one table serves sources, targets and the output layer.
        start: the id that begins a target.
        end: the id that ends a source and a target.
        pad: an id that is never written.
        embedding: E, numbers that stand for a token.
        encoder: units of the encoder in each of its two directions.
        hidden: H, units of the decoder.
        layers: of the encoder.
        decoder: "attention" looks at the source anew before each word, "context" sees one summary of it.
        attention: how a state scores a source position: "additive", "dot" or "general".
        dropout: share of embeddings, encoder states and readouts that training drops.
    """

    vocabulary: int
    start: int
    end: int
    pad: int
    embedding: int = 256
    encoder: int = 256
    hidden: int = 256
    layers: int = 1
    decoder: DecoderName = "attention"
    attention: AttentionName = "additive"
    dropout: float = 0.3

    def __post_init__(self) -> None:
        sizes = (self.vocabulary, self.embedding, self.encoder, self.hidden, self.layers)
        if min(sizes) < 1:
            raise UsageError(
                f"vocabulary, embedding, encoder, hidden and layers are {sizes}: each starts at 1"
            )
        ends = (self.start, self.end, self.pad)
        if not all(0 <= token < self.vocabulary for token in ends):
            raise UsageError(f"start, end and pad are {ends}: each must be one of {self.vocabulary} ids")
        if self.decoder not in get_args(DecoderName):
            raise UsageError(f"decoder is {self.decoder!r}: choose one of {list(get_args(DecoderName))}")
        if self.attention not in get_args(AttentionName):
            raise UsageError(
                f"attention is {self.attention!r}: choose one of {list(get_args(AttentionName))}"
            )
        if self.attention == "dot" and self.hidden != self.memory:
            raise UsageError(
                f"a dot product needs states of one width: hidden is {self.hidden}, the encoder's two "
                f"directions give {self.memory}"
            )
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout is {self.dropout}: it must be a share, at least 0 and below 1")

    @property
    def memory(self) -> int:
        """M, numbers in an encoder state: both directions side by side."""
        return 2 * self.encoder
