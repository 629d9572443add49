"""What decides what a pre-training does, and how large a fresh model is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import torch

from cutaway.core.errors import UsageError
from cutaway.finetuning.placing import Kernels, check_places
from cutaway.training.device import training_device
from cutaway.training.loop import LoopSettings
from cutaway.training.optimizer import OptimizerSettings
from cutaway.training.precision import has_bfloat16, products_in
from cutaway.transformers.pretraining.distillation import DistillationSettings
from cutaway.transformers.pretraining.masking import MaskingSettings

Objective = Literal["causal", "masked-words", "next-sentence", "distillation", "translation"]
Trained = Literal["all", "head"]
HalfPrecision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True)
class PretrainSettings:
    """How a model learns from text.

    Attributes:
        objective: "causal": the next token; "masked-words": what stands behind masks; "next-sentence":
            masked words and whether the second text of a pair follows the first, as BERT;
            "distillation": masked words, with a teacher; "translation": the target of each source.
        tokens: of a row, at most, special ones included.
        batch_tokens: of a batch, at most; of sources and targets together.
        held_out: share of the text that is only scored.
        precision: of the matrix products; "auto" is bfloat16 where the device has it.
        device: "cpu", "cuda" or "cuda:N"; "auto" is a GPU where one is at hand.
        kernels: torch's "eager" ones, or on a GPU "compiled": each block fused by torch's compiler.
        trained: "head" leaves the body of masked words as it is.
        smoothing: of the answers in translation.
        masking: shares and unit.
        distillation: temperature and weights.
        loop: epochs, patience, seed, optimizer.
    """

    objective: Objective = "causal"
    tokens: int = 128
    batch_tokens: int = 4096
    held_out: float = 0.1
    precision: Literal["auto"] | HalfPrecision = "auto"
    device: str = "auto"
    kernels: Kernels = "eager"
    trained: Trained = "all"
    smoothing: float = 0.1
    masking: MaskingSettings = field(default_factory=MaskingSettings)
    distillation: DistillationSettings = field(default_factory=DistillationSettings)
    loop: LoopSettings = field(
        default_factory=lambda: LoopSettings(epochs=10, patience=3, optimizer=OptimizerSettings(rate=1e-3))
    )

    def __post_init__(self) -> None:
        if self.objective not in get_args(Objective):
            raise UsageError(f"objective is {self.objective!r}: choose one of {list(get_args(Objective))}")
        if self.trained not in get_args(Trained):
            raise UsageError(f"trained is {self.trained!r}: choose one of {list(get_args(Trained))}")
        if self.trained == "head" and self.objective != "masked-words":
            raise UsageError(f"only masked words have a head of their own to train, not {self.objective}")
        if self.tokens < 8 or self.batch_tokens < self.tokens:
            raise UsageError(
                f"tokens is {self.tokens} and batch_tokens {self.batch_tokens}: a row takes 8 or more, a "
                "batch at least a row"
            )
        if self.precision not in ("auto", *get_args(HalfPrecision)):
            raise UsageError(f"precision is {self.precision!r}: choose auto, float32 or bfloat16")
        check_places(self)
        if not 0 < self.held_out < 1:
            raise UsageError(f"held_out is {self.held_out}: it must be a share above 0 and below 1")

    @cached_property
    def place(self) -> torch.device:
        """Where this machine trains."""
        return training_device(self.device)

    def products(self) -> AbstractContextManager[None]:
        """Return a block within which products are taken in the precision asked for.

        Whole numbers are fine-tuning's, where they were held against float32.
        """
        return products_in(self._precision, self.place)

    @cached_property
    def _precision(self) -> HalfPrecision:
        if self.precision != "auto":
            return self.precision
        return "bfloat16" if has_bfloat16(self.place) else "float32"


@dataclass(frozen=True, kw_only=True)
class SizeSettings:
    """How large a fresh model is.

    Attributes:
        layers: blocks, of an encoder-decoder on each side.
        width: numbers a token.
        heads: attention heads.
        feed_forward: hidden width of the feed-forward part.
        dropout: share of each sub-layer's output that training drops.
        vocabulary: tokens that its tokenizer learns from the text.
    """

    layers: int = 4
    width: int = 256
    heads: int = 4
    feed_forward: int = 1024
    dropout: float = 0.1
    vocabulary: int = 8000

    @classmethod
    def parse(cls, told: str, *, dropout: float, vocabulary: int) -> SizeSettings:
        """Read a size as it is written: LAYERSxWIDTH, xHEADS and xFEED_FORWARD behind it if they differ.

        Args:
            told: such as "4x256": 4 blocks of width 256, a head for 64 numbers, 4 · 256 hidden units.
            dropout: as in the class.
            vocabulary: as in the class.

        Returns:
            The size.

        Raises:
            UsageError: that is no size.

        Example:
            >>> size = SizeSettings.parse("4x128x4x256", dropout=0.1, vocabulary=300)
            >>> size.layers, size.width, size.heads, size.feed_forward
            (4, 128, 4, 256)
        """
        parts = told.split("x")
        if not 2 <= len(parts) <= 4 or not all(part.isdecimal() and int(part) > 0 for part in parts):
            raise UsageError(f"size is {told!r}: write LAYERSxWIDTH, such as 4x256, or 4x256x4x1024")
        layers, width, *rest = map(int, parts)
        heads, feed_forward = (*rest, *(max(1, width // 64), 4 * width)[len(rest) :])
        return cls(
            layers=layers,
            width=width,
            heads=heads,
            feed_forward=feed_forward,
            dropout=dropout,
            vocabulary=vocabulary,
        )
