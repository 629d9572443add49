"""A history as named points, the same names for every program that draws curves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cutaway.training.history import History


class Point(NamedTuple):
    """One value of one curve: after which step, how many seconds after the start."""

    name: str
    step: int
    value: float
    seconds: float


def points(history: History) -> Iterator[Point]:
    """Yield every value of every curve, in the order in which they came about.

    Args:
        history: steps and epochs.

    Example:
        >>> from cutaway.training.history import Step
        >>> one = Step(step=1, loss=0.5, rate=0.1, gradient_norm=2.0, examples=4, seconds=2.0, tokens=60)
        >>> [point.name for point in points(History(steps=[one]))]
        ['training/loss', 'training/rate', 'training/gradient_norm', 'training/tokens_per_second']
        >>> list(points(History(steps=[one])))[-1].value
        30.0
    """
    ends = _ends(history)
    seconds = 0.0
    for step in history.steps:
        seconds += step.seconds
        yield Point("training/loss", step.step, step.loss, seconds)
        yield Point("training/rate", step.step, step.rate, seconds)
        if step.gradient_norm is not None:
            yield Point("training/gradient_norm", step.step, step.gradient_norm, seconds)
        if step.tokens and step.seconds:
            speed = step.tokens / step.seconds
            yield Point("training/tokens_per_second", step.step, speed, seconds)
        for number in ends.get(step.step, ()):
            epoch = history.epochs[number]
            for name, value in epoch.validation.items():
                yield Point(f"validation/{name}", step.step, value, seconds)
            yield Point("training/epoch_loss", step.step, epoch.training_loss, seconds)


def epoch_ends(history: History) -> list[int]:
    """Return after which step each epoch ended; where a history does not tell, in equal parts.

    Args:
        history: steps and epochs.
    """
    count = len(history.epochs)
    parts = [round(len(history.steps) * (at + 1) / count) for at in range(count)]
    return [epoch.steps or part for epoch, part in zip(history.epochs, parts, strict=True)]


def _ends(history: History) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for number, step in enumerate(epoch_ends(history)):
        found.setdefault(step, []).append(number)
    return found
