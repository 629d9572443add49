"""The training loop: steps, a validation each epoch, early stopping, and the best state kept.

The loop knows no model. A `Task` gives it batches, a loss, a validation and a place to keep the best
weights; the loop gives back the history, told to a listener as it happens.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import torch
from torch import Tensor, nn

from cutaway.core.errors import DivergedError, UsageError
from cutaway.core.memory import freed_memory_kept
from cutaway.training.checkpoints import Checkpoints
from cutaway.training.history import Epoch, History, Listener, Step
from cutaway.training.optimizer import OptimizerSettings, adamw, clip, rate_at
from cutaway.training.parallel import ALONE, Group
from cutaway.training.saving import Saving
from cutaway.training.stopping import Stop

__all__ = ["Epoch", "History", "Listener", "LoopSettings", "Step", "Task", "fit"]

Unfreezing = Literal["all", "gradual"]

# From one process's seed to the next one's.
_APART = 1_000_003

# Validation measures that are better the lower they are.
LOWER = frozenset({"loss", "calibration_error", "nats_a_character", "perplexity"})


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """How long to train and what to watch.

    Attributes:
        epochs: passes over the data, at most.
        patience: stop after so many epochs without a better one.
        seed: of every random choice.
        best_by: the validation measure that tells which epoch is better: of those in `LOWER` the lower,
            of all others the higher.
        accumulate: batches whose gradients make one step, each example weighing the same; so many in each
            process, where several share the training.
        unfreezing: "all" trains every layer from the first step; "gradual" the head alone in the first
            epoch, and one layer more in each that follows.
        optimizer: rate, schedule, decay, clipping.
    """

    epochs: int = 3
    patience: int = 2
    seed: int = 0
    best_by: str = "loss"
    accumulate: int = 1
    unfreezing: Unfreezing = "all"
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.patience < 1:
            raise UsageError(f"epochs ({self.epochs}) and patience ({self.patience}) start at 1")
        if self.accumulate < 1:
            raise UsageError(f"accumulate is {self.accumulate}: a step takes one batch or more")
        if not 0 <= self.seed < 1 << 31:
            raise UsageError(f"seed is {self.seed}: expected a whole number from 0 to {(1 << 31) - 1}")
        if self.unfreezing not in get_args(Unfreezing):
            raise UsageError(f"unfreezing is {self.unfreezing!r}: choose one of {list(get_args(Unfreezing))}")

    def beats(self, measures: Mapping[str, float], best: Mapping[str, float]) -> bool:
        """Tell whether an epoch is better than the best so far.

        Args:
            measures: the epoch's.
            best: the best one's.

        Raises:
            UsageError: the measure that decides is not among them.
        """
        if self.best_by not in measures:
            raise UsageError(f"best_by is {self.best_by!r}: the validation tells {sorted(measures)}")
        mine, theirs = measures[self.best_by], best[self.best_by]
        return mine < theirs if self.best_by in LOWER else mine > theirs


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
        """Return measures on held-out examples, "loss" among them."""

    def keep(self, epoch: int) -> None:
        """Keep the weights as they are: the best so far."""


@runtime_checkable
class Counting(Protocol):
    """A task that knows how many tokens a batch holds: its steps tell them."""

    def tokens(self, batch: Any) -> int:
        """Return how many tokens a batch holds."""


@runtime_checkable
class Layered(Protocol):
    """A task whose model has layers: they may learn at rates of their own, or one after another."""

    def depth(self, name: str) -> int:
        """Return how many layers lie above a parameter: 0 for the head."""


def fit(
    task: Task,
    settings: LoopSettings,
    listen: Listener,
    *,
    checkpoints: Checkpoints | None = None,
    group: Group = ALONE,
) -> History:
    """Train until the epochs are over or the validation gets no better.

    With checkpoints, a training that was ended by anything goes on where its newest one stands: on a
    CPU with one thread, the weights come out bit for bit as if nothing had happened.

    Args:
        task: the model with its data; if it is `Resumable`, its own state is kept too.
        settings: epochs, patience, optimizer.
        listen: told each step and each epoch, not again what a checkpoint already holds.
        checkpoints: where and how often; without them nothing is written and signals are left alone.
        group: the processes that share the training; each calls this alike. The first one alone
            validates, keeps and writes.

    Returns:
        The history; the best weights were handed to `task.keep`.

    Raises:
        DivergedError: the loss became NaN or infinite; what `task.keep` held is still good.
        StoppedError: SIGINT or SIGTERM came; a checkpoint was written.
    """
    training = Training(task, settings, listen, group)
    if checkpoints is None:
        with freed_memory_kept():
            return training.go()
    stop = Stop()
    held = checkpoints.held() if group.rank == 0 else nullcontext()
    with held, stop.listening(), freed_memory_kept():
        saving = Saving(training, checkpoints, stop)
        saving.resume()
        return training.go(saving)


class Training:
    """A training as it stands: all that its next step depends on."""

    def __init__(self, task: Task, settings: LoopSettings, listen: Listener, group: Group = ALONE) -> None:
        # What chance drops differs from process to process.
        torch.manual_seed(settings.seed + _APART * group.rank)
        self.task, self.settings, self.listen, self.group = task, settings, listen, group
        layered = task if isinstance(task, Layered) else None
        if layered is None and (settings.unfreezing != "all" or settings.optimizer.layer_decay != 1):
            raise UsageError("this model has no layers to unfreeze, or to give rates of their own")
        depth = layered.depth if layered else None
        self.optimizer = adamw(task.model.named_parameters(), settings.optimizer, depth)
        named = [(name, p) for name, p in task.model.named_parameters() if p.requires_grad]
        self.trained = [parameter for _, parameter in named]
        self.depths = [depth(name) if depth else 0 for name, _ in named]
        taken = settings.accumulate * group.size
        self.epochs = [_steps(task.batches(epoch), taken) for epoch in range(settings.epochs)]
        self.steps = sum(len(steps) for steps in self.epochs)
        group.check_alike([asdict(settings), self.steps])
        group.same_weights(task.model)
        self.history = History()
        self.since_best = 0

    def go(self, saving: Saving | None = None) -> History:
        """Take what steps are left."""
        first = 0
        for number, steps in enumerate(self.epochs, start=1):
            if number > len(self.history.epochs) and self.since_best < self.settings.patience:
                if self.settings.unfreezing == "gradual":
                    self._thaw(number)
                self._train(steps, first, saving)
                self._thaw(None)
                self._finish(number, first, saving)
            first += len(steps)
        return self.history

    def _thaw(self, layers: int | None) -> None:
        """Let so many layers from the top learn, the others stay as they are; None means all."""
        for parameter, depth in zip(self.trained, self.depths, strict=True):
            parameter.requires_grad_(layers is None or depth < layers)

    def _train(self, steps: Sequence[Sequence[Any]], first: int, saving: Saving | None) -> None:
        """Take an epoch's steps, from where it stands."""
        self.task.model.train()
        for at in range(len(self.history.steps) - first, len(steps)):
            step = self._step(steps[at])
            self.history.steps.append(step)
            self.listen(step, self.steps)
            if saving:
                saving.after_step(left=len(steps) - at - 1)

    def _step(self, batches: Sequence[Any]) -> Step:
        started = time.perf_counter()
        at = len(self.history.steps)
        rate = rate_at(at, self.steps, self.settings.optimizer)
        value, examples, norm = self.move(batches, rate)
        seconds = time.perf_counter() - started
        return Step(
            step=at + 1,
            loss=value,
            rate=rate,
            gradient_norm=norm,
            examples=examples,
            seconds=seconds,
            tokens=sum(map(self.task.tokens, batches)) if isinstance(self.task, Counting) else 0,
        )

    def move(self, batches: Sequence[Any], rate: float) -> tuple[float, int, float]:
        """Take one step, with a rate.

        Args:
            batches: whose examples make the step.
            rate: of the top layer.

        Returns:
            The mean loss before the step, the number of examples, the gradient's norm.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        value, examples = self._gradients(batches, rate)
        norm = clip(self.trained, self.settings.optimizer.clip)
        self._check("gradient's norm", norm, rate)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return value, examples, norm

    def _gradients(self, batches: Sequence[Any], rate: float) -> tuple[float, int]:
        """Fill in the gradients of the mean loss over all examples; return it and their number."""
        group, total, examples = self.group, 0.0, 0
        for batch in batches[group.rank :: group.size]:
            loss, count = self.task.loss(batch)
            weight = count if len(batches) > 1 else 1
            (loss * weight).backward()  # type: ignore[no-untyped-call]
            total, examples = total + float(loss.detach()) * weight, examples + count
        if group.size > 1:
            # A batch that is a step by itself has weight 1, in one process; the others give nothing.
            total, all_examples = group.add_gradients(self.trained, [total, examples])
            examples = round(all_examples)
        mean = total / examples if len(batches) > 1 else total
        self._check("loss", mean, rate)
        if len(batches) > 1:
            for parameter in self.trained:
                if parameter.grad is not None:
                    parameter.grad.div_(examples)
        return mean, examples

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
        validation = saving.validate() if saving else self.group.tell(self.measured())
        own = self.history.steps[first:]
        weight = sum(step.examples for step in own)
        epochs = self.history.epochs
        so_far = self.history.best.validation if epochs else validation
        best = self.settings.beats(validation, so_far) or not epochs
        if best and self.group.rank == 0:
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

    def measured(self) -> Mapping[str, float] | None:
        """Return the task's measures; the first process alone has any."""
        if self.group.rank:
            return None
        with torch.no_grad():
            return dict(self.task.validate())


def _steps(batches: Sequence[Any], accumulate: int) -> list[Sequence[Any]]:
    """Put so many batches into each step; the last one takes what is left."""
    return [batches[at : at + accumulate] for at in range(0, len(batches), accumulate)]
