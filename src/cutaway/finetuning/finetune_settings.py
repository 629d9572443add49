"""What decides what a fine-tuning does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from cutaway.core.errors import UsageError
from cutaway.finetuning.class_loss import ClassWeights
from cutaway.finetuning.classifier import Method
from cutaway.finetuning.inputs import InputSettings
from cutaway.finetuning.lora import LoraSettings
from cutaway.finetuning.metrics import MEASURES
from cutaway.finetuning.placing import Kernels, check_places
from cutaway.training.loop import LoopSettings
from cutaway.training.optimizer import OptimizerSettings
from cutaway.training.precision import AskedPrecision

BASE = "all-MiniLM-L6-v2"

# Peak rates to begin with: adapters and a lone head start from nothing, all weights from what was learned.
RATES: Mapping[Method, float] = {"lora": 5e-4, "full": 5e-5, "head": 1e-3}


@dataclass(frozen=True, kw_only=True)
class FinetuneSettings:
    """Everything that decides what a fine-tuning does.

    Attributes:
        method: what learns: "lora" adapters and the head, "full" every weight, "head" the head alone.
        held_out: rows kept for validation: a count if 1 or more, else a share.
        batch_tokens: tokens in a training batch, at most.
        precision: of the matrix products in training; "auto" is bfloat16 where the device has it, else on a
            CPU "int16" where it has those (for method "full"; adapters learn in float32).
        device: "cpu", "cuda" or "cuda:N"; "auto" is a GPU where one is at hand.
        kernels: torch's "eager" ones, or on a GPU "compiled": each block fused by torch's compiler.
        smoothing: share of each label that is spread over all classes.
        class_weights: "none", or "balanced": rare classes weigh more, each class the same in all.
        inputs: row length and truncation.
        lora: the adapters; rank 0 trains the head alone.
        loop: epochs, patience, seed, optimizer.
    """

    method: Method = "lora"
    held_out: float = 0.1
    batch_tokens: int = 4096
    precision: AskedPrecision = "auto"
    device: str = "auto"
    kernels: Kernels = "eager"
    smoothing: float = 0.0
    class_weights: ClassWeights = "none"
    inputs: InputSettings = field(default_factory=InputSettings)
    lora: LoraSettings = field(default_factory=LoraSettings)
    loop: LoopSettings = field(
        default_factory=lambda: LoopSettings(epochs=3, optimizer=OptimizerSettings(rate=5e-4))
    )

    def __post_init__(self) -> None:
        if self.held_out <= 0 or self.batch_tokens < 1:
            raise UsageError(f"held_out {self.held_out} and batch_tokens {self.batch_tokens} must be above 0")
        if self.method not in get_args(Method):
            raise UsageError(f"method is {self.method!r}: choose one of {list(get_args(Method))}")
        if self.precision not in get_args(AskedPrecision):
            raise UsageError(
                f"precision is {self.precision!r}: choose one of {list(get_args(AskedPrecision))}"
            )
        check_places(self)
        if not 0 <= self.smoothing < 1:
            raise UsageError(f"smoothing is a share, 0 up to below 1, not {self.smoothing}")
        if self.class_weights not in get_args(ClassWeights):
            raise UsageError(
                f"class_weights is {self.class_weights!r}: choose one of {list(get_args(ClassWeights))}"
            )
        if self.loop.best_by not in MEASURES:
            raise UsageError(f"best_by is {self.loop.best_by!r}: choose one of {list(MEASURES)}")
