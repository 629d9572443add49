"""The training loop: steps, a validation each epoch, early stopping, and the best state kept.

The loop knows no model. A `Task` gives it batches, a loss, a validation and a place to keep the best
weights; the loop gives back the history, told to a listener as it happens.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from cutaway.core.errors import DivergedError, UsageError
from cutaway.training.optimizer import OptimizerSettings, adamw, clip, rate_at


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """How long to train and what to watch.

    Attributes:
        epochs: passes over the data, at most.
        patience: stop after so many epochs without a lower validation loss.
        seed: of every random choice.
        optimizer: rate, decay, warm-up, clipping.
    """

    epochs: int = 3
    patience: int = 2
    seed: int = 0
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.patience < 1:
            raise UsageError(f"epochs ({self.epochs}) and patience ({self.patience}) start at 1")


class Task(Protocol):
    """What the loop trains."""

    @property
    def model(self) -> nn.Module:
        """Return the module whose parameters move."""

    def batches(self, epoch: int) -> Sequence[Any]:
        """Return this epoch's batches, shuffled by the epoch and the seed."""

    def loss(self, batch: Any) -> tuple[Tensor, int]:
        """Return a batch's mean loss and how many examples it holds."""

    def validate(self) -> Mapping[str, float]:
        """Return measures on held-out examples; "loss" is the one that is watched."""

    def keep(self, epoch: int) -> None:
        """Keep the weights as they are: the best so far."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step: its number, loss (nats), learning rate, gradient norm, examples and seconds."""

    step: int
    loss: float
    rate: float
    gradient_norm: float
    examples: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch: mean training loss, validation measures, seconds, whether it is the best so far."""

    epoch: int
    training_loss: float
    validation: Mapping[str, float]
    seconds: float
    best: bool


@dataclass(kw_only=True)
class History:
    """Every step and epoch of a training."""

    steps: list[Step] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)

    @property
    def best(self) -> Epoch:
        """The epoch with the lowest validation loss."""
        return min(self.epochs, key=lambda epoch: epoch.validation["loss"])

    def to_json(self) -> dict[str, Any]:
        """Return the history as plain values."""
        return {"steps": [asdict(step) for step in self.steps], "epochs": [asdict(e) for e in self.epochs]}


# Called after each step with (step, steps in all), and after each epoch with (epoch, None).
Listener = Callable[[Step | Epoch, int | None], None]


def fit(task: Task, settings: LoopSettings, listen: Listener) -> History:
    """Train until the epochs are over or the validation loss stops falling.

    Args:
        task: the model with its data.
        settings: epochs, patience, optimizer.
        listen: told each step and each epoch.

    Returns:
        The history; the best weights were handed to `task.keep`.

    Raises:
        DivergedError: the loss became NaN or infinite; what `task.keep` held is still good.
    """
    torch.manual_seed(settings.seed)
    optimizer = adamw(task.model.named_parameters(), settings.optimizer)
    epochs = [task.batches(epoch) for epoch in range(settings.epochs)]
    steps = sum(len(batches) for batches in epochs)
    history = History()
    since_best = 0
    for number, batches in enumerate(epochs, start=1):
        started = time.perf_counter()
        first = len(history.steps)
        for step in _train(task, batches, optimizer, settings, first, steps):
            history.steps.append(step)
            listen(step, steps)
        done = _finish(task, history, number, first, started)
        since_best = 0 if done.best else since_best + 1
        listen(done, None)
        if since_best >= settings.patience:
            break
    return history


def _train(
    task: Task,
    batches: Sequence[Any],
    optimizer: torch.optim.Optimizer,
    settings: LoopSettings,
    first: int,
    steps: int,
) -> Iterator[Step]:
    """Take one epoch's steps, yielding each."""
    trained = [parameter for parameter in task.model.parameters() if parameter.requires_grad]
    task.model.train()
    for at, batch in enumerate(batches, start=first):
        started = time.perf_counter()
        rate = rate_at(at, steps, settings.optimizer)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss, examples = task.loss(batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise DivergedError(
                f"the loss became {value} at step {at + 1} of {steps} with rate {rate:.2e}: "
                f"try a lower one, {settings.optimizer.rate / 10:.0e} for instance"
            )
        loss.backward()  # type: ignore[no-untyped-call]
        norm = clip(trained, settings.optimizer.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds = time.perf_counter() - started
        yield Step(step=at + 1, loss=value, rate=rate, gradient_norm=norm, examples=examples, seconds=seconds)


def _finish(task: Task, history: History, number: int, first: int, started: float) -> Epoch:
    """Validate, keep the weights if they are the best, and note the epoch."""
    task.model.eval()
    with torch.no_grad():
        validation = task.validate()
    own = history.steps[first:]
    weight = sum(step.examples for step in own)
    best = not history.epochs or validation["loss"] < history.best.validation["loss"]
    if best:
        task.keep(number)
    done = Epoch(
        epoch=number,
        training_loss=sum(step.loss * step.examples for step in own) / max(1, weight),
        validation=dict(validation),
        seconds=time.perf_counter() - started,
        best=best,
    )
    history.epochs.append(done)
    return done
