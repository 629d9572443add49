"""Which learning rate to begin with: let it grow, and watch where the loss falls and where it breaks away."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from cutaway.core.errors import DataError, DivergedError, UsageError
from cutaway.finetuning.data import Labelled
from cutaway.finetuning.finetune import prepared
from cutaway.finetuning.finetune_settings import FinetuneSettings
from cutaway.finetuning.labelled_task import LabelledTask
from cutaway.training.loop import LoopSettings, Task, Training
from cutaway.training.snapshot import random_states, set_random_states

# Called after each step with (step, steps in all, rate, loss).
Told = Callable[[int, int, float, float], None]


@dataclass(frozen=True, kw_only=True)
class RateFinderSettings:
    """How the rate grows.

    Attributes:
        lowest: the first step's rate.
        highest: the last step's rate.
        steps: how many, at most.
        smoothing: share of the losses before in the smoothed loss.
        broken: stop when the smoothed loss is so many times its lowest.
    """

    lowest: float = 1e-6
    highest: float = 1.0
    steps: int = 100
    smoothing: float = 0.9
    broken: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.lowest < self.highest < 10:
            raise UsageError(
                f"rates grow from {self.lowest} to {self.highest}: both above 0, the first one lower"
            )
        if self.steps < 10:
            raise UsageError(f"steps is {self.steps}: a curve needs 10 or more")
        if not 0 <= self.smoothing < 1 or not self.broken > 1:
            raise UsageError(
                f"smoothing {self.smoothing} is a share below 1, broken {self.broken} a factor above 1"
            )

    def rate(self, step: int) -> float:
        """Return a step's rate, r₀ (r₁ / r₀) ^ (step / (steps − 1)).

        Args:
            step: from 0.
        """
        return self.lowest * math.pow(self.highest / self.lowest, step / (self.steps - 1))


@dataclass(frozen=True, kw_only=True)
class RateCurve:
    """Losses over growing rates.

    Attributes:
        rates: of each step.
        losses: of each step's batch, before the step, in nats.
        smoothed: their running mean.
        lowest: the rate where the smoothed loss is lowest.
        steepest: the rate where it falls fastest.
        suggestion: a tenth of `lowest`: high, and far from where training breaks.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    lowest: float
    steepest: float
    suggestion: float

    def to_json(self) -> dict[str, Any]:
        """Return the curve as plain values."""
        return asdict(self)


def find_rate(
    task: Task,
    loop: LoopSettings,
    settings: RateFinderSettings | None = None,
    told: Told | None = None,
) -> RateCurve:
    """Train for some steps with a growing rate, and take everything back.

    The weights, and the states of the random generators, are afterwards what they were.

    Args:
        task: what is to be trained.
        loop: as it is to be trained: optimizer, batches a step, seed.
        settings: from which rate to which.
        told: hears of each step.

    Returns:
        The curve and what it suggests.

    Source:
        Smith 2017, arXiv:1506.01186, section 3.3 (LR range test), with a rate that grows exponentially
        and the smoothed loss of Howard & Gugger 2020, arXiv:2002.04688.
    """
    chosen = settings or RateFinderSettings()
    kept = {name: tensor.detach().clone() for name, tensor in task.model.state_dict().items()}
    states, was_training = random_states(), task.model.training
    try:
        rates, losses = _climb(Training(task, loop, lambda event, steps: None), chosen, told)
    finally:
        with torch.no_grad():
            for name, tensor in task.model.state_dict().items():
                tensor.copy_(kept[name])
        task.model.train(was_training)
        task.model.zero_grad(set_to_none=True)
        set_random_states(states)
    return curve_of(rates, losses, smoothing=chosen.smoothing)


def _climb(
    training: Training, settings: RateFinderSettings, told: Told | None
) -> tuple[list[float], list[float]]:
    """Take the steps, until the smoothed loss breaks away or is no number."""
    training.task.model.train()
    rates: list[float] = []
    losses: list[float] = []
    least, batches = math.inf, _endless(training)
    for step in range(settings.steps):
        rate = settings.rate(step)
        try:
            loss, _, _ = training.move(next(batches), rate)
        except DivergedError:
            break
        rates.append(rate)
        losses.append(loss)
        if told:
            told(step + 1, settings.steps, rate, loss)
        smoothed = smooth(losses, settings.smoothing)[-1]
        least = min(least, smoothed)
        if smoothed > settings.broken * least and step > 5:
            break
    return rates, losses


def _endless(training: Training) -> Iterator[Any]:
    while True:
        for steps in training.epochs:
            yield from steps


def smooth(losses: list[float], smoothing: float) -> list[float]:
    """Return the running mean of losses, without a lean towards its start.

        s_i = β s_{i−1} + (1 − β) l_i,   told as s_i / (1 − βⁱ),   i from 1

    Args:
        losses: l.
        smoothing: β.

    Source:
        Kingma & Ba 2015, arXiv:1412.6980, section 3 (the correction).

    Example:
        >>> [round(value, 3) for value in smooth([1.0, 1.0, 4.0], 0.5)]
        [1.0, 1.0, 2.714]
    """
    mean, made = 0.0, []
    for at, loss in enumerate(losses, start=1):
        mean = smoothing * mean + (1 - smoothing) * loss
        made.append(mean / (1 - smoothing**at))
    return made


def curve_of(rates: list[float], losses: list[float], *, smoothing: float) -> RateCurve:
    """Return the curve of measured losses, and read it.

    Args:
        rates: of each step.
        losses: of each step.
        smoothing: share of the losses before in the smoothed loss.

    Returns:
        The curve.

    Raises:
        DataError: fewer than three steps, or the loss never fell below its start: no rate is to be read.
    """
    if len(losses) < 3:
        raise DataError(
            f"the loss broke away after {len(losses)} steps: begin lower, or look at the data first"
        )
    smoothed = smooth(losses, smoothing)
    best = min(range(len(smoothed)), key=smoothed.__getitem__)
    if best == 0:
        raise DataError(
            f"no rate from {rates[0]:.0e} to {rates[-1]:.0e} made the loss fall below {smoothed[0]:.4f}: "
            "look at the data first, or let more steps begin lower"
        )
    slopes = [smoothed[at + 1] - smoothed[at] for at in range(best)]
    steepest = min(range(best), key=slopes.__getitem__)
    return RateCurve(
        rates=tuple(rates),
        losses=tuple(losses),
        smoothed=tuple(smoothed),
        lowest=rates[best],
        steepest=rates[steepest],
        suggestion=_two_digits(rates[best] / 10),
    )


def _two_digits(rate: float) -> float:
    return float(f"{rate:.1e}")


def suggest_rate(
    labelled: Labelled,
    *,
    model: str,
    settings: FinetuneSettings,
    finder: RateFinderSettings | None = None,
    told: Told | None = None,
) -> RateCurve:
    """Find a rate for a fine-tuning; nothing is written.

    Args:
        labelled: the rows.
        model: the encoder: a catalog name or a checkpoint folder.
        settings: of the fine-tuning.
        finder: from which rate to which.
        told: hears of each step.

    Returns:
        The curve and what it suggests.
    """
    classifier, split = prepared(labelled, model, settings)
    task = LabelledTask(classifier, labelled, split, settings, Path())
    return find_rate(task, settings.loop, finder, told)
