"""What a training did, step by step and epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cutaway.core.errors import FormatError


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step: number, loss (nats), rate, gradient norm, examples, seconds, tokens (0 if nobody counts).

    Where weights move example by example, as those of word vectors, there is no norm.
    """

    step: int
    loss: float
    rate: float
    gradient_norm: float | None
    examples: int
    seconds: float
    tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch: mean training loss, validation measures, seconds, whether it is the best; steps so far."""

    epoch: int
    training_loss: float
    validation: Mapping[str, float]
    seconds: float
    best: bool
    steps: int = 0


@dataclass(kw_only=True)
class History:
    """Every step and epoch of a training."""

    steps: list[Step] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)

    @property
    def best(self) -> Epoch:
        """The epoch that was the best when it ended, the last such."""
        return next(epoch for epoch in reversed(self.epochs) if epoch.best)

    def to_json(self) -> dict[str, Any]:
        """Return the history as plain values."""
        return {"steps": [asdict(step) for step in self.steps], "epochs": [asdict(e) for e in self.epochs]}

    @classmethod
    def from_json(cls, told: Any) -> History:
        """Return the history that `to_json` told.

        Args:
            told: plain values.

        Raises:
            FormatError: a field is missing, or one that nobody knows is there.
        """
        try:
            return cls(
                steps=[Step(**step) for step in told["steps"]],
                epochs=[Epoch(**epoch) for epoch in told["epochs"]],
            )
        except (KeyError, TypeError) as error:
            raise FormatError(f"this is no history of a training: {error}") from error


# Called after each step with (step, steps in all), and after each epoch with (epoch, None).
Listener = Callable[[Step | Epoch, int | None], None]
