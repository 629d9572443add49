"""What decides how a recurrent translator is shaped and trained."""

from __future__ import annotations

from dataclasses import dataclass, field

from cutaway.core.errors import UsageError
from cutaway.finetuning.parallel_text import Subwords
from cutaway.recurrent.seq2seq_settings import AttentionName, DecoderName, Seq2SeqSettings
from cutaway.training.loop import LoopSettings
from cutaway.training.optimizer import OptimizerSettings


@dataclass(frozen=True, kw_only=True)
class TranslatorSettings:
    """How an encoder-decoder learns from pairs.

    Attributes:
        vocabulary: tokens of both languages, learned from the pairs.
        embedding: numbers that stand for a token.
        encoder: units of the encoder in each direction.
        hidden: units of the decoder.
        layers: of the encoder.
        decoder: "attention" or "context".
        attention: "additive", "dot" or "general".
        dropout: share of embeddings, encoder states and readouts that training drops.
        tokens: of a side, at most; longer pairs are left out.
        batch_tokens: of a batch, both sides together.
        smoothing: ε of label smoothing.
        average: the weights of so many last epochs are averaged at the end, and kept if they score better
            than the best single epoch; 1 keeps that.
        loop: epochs, patience, seed, optimizer.
    """

    vocabulary: int = 6000
    embedding: int = 128
    encoder: int = 128
    hidden: int = 256
    layers: int = 1
    decoder: DecoderName = "attention"
    attention: AttentionName = "additive"
    dropout: float = 0.3
    tokens: int = 128
    batch_tokens: int = 3000
    smoothing: float = 0.1
    average: int = 3
    loop: LoopSettings = field(
        default_factory=lambda: LoopSettings(
            epochs=12, patience=12, optimizer=OptimizerSettings(rate=3e-3, warmup=0.05)
        )
    )

    def __post_init__(self) -> None:
        if self.tokens < 2 or self.batch_tokens < 2 * self.tokens:
            raise UsageError(
                f"tokens is {self.tokens} and batch_tokens {self.batch_tokens}: a side takes 2 or more, a "
                "batch at least both sides of a pair"
            )
        if not 0 <= self.smoothing < 1:
            raise UsageError(f"smoothing is {self.smoothing}: it must be at least 0 and below 1")
        if self.average < 1:
            raise UsageError(f"average is {self.average}: at least 1 epoch")

    def model(self, subwords: Subwords) -> Seq2SeqSettings:
        """Return the shape of a model over a table of subwords.

        Args:
            subwords: whose ids it reads and writes.
        """
        return Seq2SeqSettings(
            vocabulary=subwords.size,
            start=subwords.start,
            end=subwords.end,
            pad=subwords.pad,
            embedding=self.embedding,
            encoder=self.encoder,
            hidden=self.hidden,
            layers=self.layers,
            decoder=self.decoder,
            attention=self.attention,
            dropout=self.dropout,
        )
