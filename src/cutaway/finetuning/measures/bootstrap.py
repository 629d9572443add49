"""How far a measure may lie from its true value: drawn again, with replacement, from the same rows.

Legend: B rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, UsageError

# Row numbers drawn at a time: bounds the memory, whatever the number of rows.
DRAWN_AT_A_TIME = 1 << 22


@dataclass(frozen=True, kw_only=True)
class BootstrapSettings:
    """How an interval is found.

    Attributes:
        samples: how many times the rows are drawn; the ends of a 95 % interval then rest on samples / 40.
        level: the interval holds so large a share of the samples.
        seed: of the draws.
    """

    samples: int = 2000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 100 or not 0 < self.level < 1:
            raise UsageError(
                f"a bootstrap takes 100 samples or more ({self.samples}), a level in 0 to 1 ({self.level})"
            )


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A value and where it may lie: both ends are in the measure's own unit."""

    value: float
    low: float
    high: float


def mean_interval(values: NDArray[np.generic], settings: BootstrapSettings | None = None) -> Interval:
    """Return the mean of values and its percentile interval.

    Args:
        values: (B,) such as whether each answer was right, or its loss.
        settings: samples, level, seed.

    Returns:
        The mean, and the interval.

    Raises:
        DataError: there are no values.

    Source:
        Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 13.3.

    Example:
        >>> found = mean_interval(np.array([True] * 90 + [False] * 10))
        >>> found.value, found.low, found.high
        (0.9, 0.84, 0.96)
    """
    if not len(values):
        raise DataError("there are no rows: a mean of nothing has no interval")
    chosen = settings or BootstrapSettings()
    random = np.random.default_rng(chosen.seed)
    numbers = values.astype(np.float64)
    at_a_time = max(1, DRAWN_AT_A_TIME // len(numbers))
    means = []
    for done in range(0, chosen.samples, at_a_time):
        drawn = random.integers(len(numbers), size=(min(at_a_time, chosen.samples - done), len(numbers)))
        means.append(numbers[drawn].mean(1))
    return _interval(float(numbers.mean()), np.concatenate(means), chosen)


def interval(
    measure: Callable[[NDArray[np.int64]], float], rows: int, settings: BootstrapSettings | None = None
) -> Interval:
    """Return any measure of rows and its percentile interval.

    Args:
        measure: of some row numbers, which may repeat.
        rows: how many there are.
        settings: samples, level, seed.

    Returns:
        The measure of all rows, and the interval.

    Raises:
        DataError: there are no rows.
    """
    if rows < 1:
        raise DataError("there are no rows: a measure of nothing has no interval")
    chosen = settings or BootstrapSettings()
    random = np.random.default_rng(chosen.seed)
    drawn = [measure(random.integers(rows, size=rows)) for _ in range(chosen.samples)]
    return _interval(measure(np.arange(rows)), np.array(drawn), chosen)


def _interval(value: float, drawn: NDArray[np.float64], settings: BootstrapSettings) -> Interval:
    outside = (1 - settings.level) / 2
    low, high = np.quantile(drawn, [outside, 1 - outside])
    return Interval(value=value, low=float(low), high=float(high))
