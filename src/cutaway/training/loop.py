"""The training loop: steps, a validation each epoch, early stopping, and the best state kept.

The loop knows no model. A `Task` gives it batches, a loss, a validation and a place to keep the best
weights; the loop gives back the history, told to a listener as it happens.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from cutaway.core.errors import DivergedError, UsageError
from cutaway.training.checkpoints import Checkpoints
from cutaway.training.history import Epoch, History, Listener, Step
from cutaway.training.optimizer import OptimizerSettings, adamw, clip, rate_at
from cutaway.training.saving import Saving
from cutaway.training.stopping import Stop

__all__ = ["Epoch", "History", "Listener", "LoopSettings", "Step", "Task", "fit"]


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


@runtime_checkable
class Counting(Protocol):
    """A task that knows how many tokens a batch holds: its steps tell them."""

    def tokens(self, batch: Any) -> int:
        """Return how many tokens a batch holds."""


def fit(
    task: Task, settings: LoopSettings, listen: Listener, *, checkpoints: Checkpoints | None = None
) -> History:
    """Train until the epochs are over or the validation loss stops falling.

    With checkpoints, a training that was ended by anything goes on where its newest one stands: on a
    CPU with one thread, the weights come out bit for bit as if nothing had happened.

    Args:
        task: the model with its data; if it is `Resumable`, its own state is kept too.
        settings: epochs, patience, optimizer.
        listen: told each step and each epoch, not again what a checkpoint already holds.
        checkpoints: where and how often; without them nothing is written and signals are left alone.

    Returns:
        The history; the best weights were handed to `task.keep`.

    Raises:
        DivergedError: the loss became NaN or infinite; what `task.keep` held is still good.
        StoppedError: SIGINT or SIGTERM came; a checkpoint was written.
    """
    training = Training(task, settings, listen)
    if checkpoints is None:
        return training.go()
    stop = Stop()
    with checkpoints.held(), stop.listening():
        saving = Saving(training, checkpoints, stop)
        saving.resume()
        return training.go(saving)


class Training:
    """A training as it stands: all that its next step depends on."""

    def __init__(self, task: Task, settings: LoopSettings, listen: Listener) -> None:
        torch.manual_seed(settings.seed)
        self.task, self.settings, self.listen = task, settings, listen
        self.optimizer = adamw(task.model.named_parameters(), settings.optimizer)
        self.trained = [parameter for parameter in task.model.parameters() if parameter.requires_grad]
        self.epochs = [task.batches(epoch) for epoch in range(settings.epochs)]
        self.steps = sum(len(batches) for batches in self.epochs)
        self.history = History()
        self.since_best = 0

    def go(self, saving: Saving | None = None) -> History:
        """Take what steps are left."""
        first = 0
        for number, batches in enumerate(self.epochs, start=1):
            if number > len(self.history.epochs) and self.since_best < self.settings.patience:
                self._train(batches, first, saving)
                self._finish(number, first, saving)
            first += len(batches)
        return self.history

    def _train(self, batches: Sequence[Any], first: int, saving: Saving | None) -> None:
        """Take an epoch's steps, from where it stands."""
        self.task.model.train()
        for at in range(len(self.history.steps) - first, len(batches)):
            step = self._step(batches[at])
            self.history.steps.append(step)
            self.listen(step, self.steps)
            if saving:
                saving.after_step(left=len(batches) - at - 1)

    def _step(self, batch: Any) -> Step:
        started = time.perf_counter()
        at, limit = len(self.history.steps), self.settings.optimizer.clip
        rate = rate_at(at, self.steps, self.settings.optimizer)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss, examples = self.task.loss(batch)
        value = float(loss.detach())
        self._check("loss", value, rate)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = clip(self.trained, limit)
        self._check("gradient's norm", norm, rate)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        seconds = time.perf_counter() - started
        return Step(
            step=at + 1,
            loss=value,
            rate=rate,
            gradient_norm=norm,
            examples=examples,
            seconds=seconds,
            tokens=self.task.tokens(batch) if isinstance(self.task, Counting) else 0,
        )

    def _check(self, name: str, value: float, rate: float) -> None:
        """Stop before weights are touched by what is no number."""
        if not math.isfinite(value):
            raise DivergedError(
                f"the {name} became {value} at step {len(self.history.steps) + 1} of {self.steps} with rate "
                f"{rate:.2e}: try a lower one, {self.settings.optimizer.rate / 10:.0e} for instance"
            )

    def _finish(self, number: int, first: int, saving: Saving | None) -> None:
        """Validate, keep the weights if they are the best, and note the epoch."""
        started = time.perf_counter()
        self.task.model.eval()
        validation = saving.validate() if saving else self.validate()
        own = self.history.steps[first:]
        weight = sum(step.examples for step in own)
        epochs = self.history.epochs
        best = not epochs or validation["loss"] < self.history.best.validation["loss"]
        if best:
            self.task.keep(number)
        self.since_best = 0 if best else self.since_best + 1
        done = Epoch(
            epoch=number,
            training_loss=sum(step.loss * step.examples for step in own) / max(1, weight),
            validation=dict(validation),
            seconds=sum(step.seconds for step in own) + time.perf_counter() - started,
            best=best,
            steps=len(self.history.steps),
        )
        epochs.append(done)
        self.listen(done, None)
        if saving:
            saving.after_epoch()

    def validate(self) -> Mapping[str, float]:
        """Return the task's measures."""
        with torch.no_grad():
            return self.task.validate()
