"""Is a model right as often as it says? Confidence against accuracy, in bins.

Legend: B rows, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Answers of similar confidence.

    Attributes:
        low, high: the bin's ends; confidence is at least `low`, and below `high` but for the last bin.
        rows: how many answers.
        confidence: their mean confidence; 0 in an empty bin.
        accuracy: the share of them that were right; 0 in an empty bin.
    """

    low: float
    high: float
    rows: int
    confidence: float
    accuracy: float


def reliability(
    probabilities: NDArray[np.floating], truth: NDArray[np.int64], *, bins: int = BINS
) -> list[Bin]:
    """Return the bins of a reliability diagram.

    Args:
        probabilities: (B, C) float.
        truth: (B,) int.
        bins: equal slices of confidence from 0 to 1.

    Returns:
        Every bin, the empty ones too.

    Source:
        Guo et al. 2017, arXiv:1706.04599, section 2.
    """
    confidence = probabilities.max(1).astype(np.float64)
    right = probabilities.argmax(1) == truth
    slot = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    rows = np.bincount(slot, minlength=bins)
    told = np.bincount(slot, weights=confidence, minlength=bins) / np.maximum(rows, 1)
    met = np.bincount(slot, weights=right, minlength=bins) / np.maximum(rows, 1)
    return [
        Bin(
            low=number / bins,
            high=(number + 1) / bins,
            rows=int(rows[number]),
            confidence=float(told[number]),
            accuracy=float(met[number]),
        )
        for number in range(bins)
    ]


def expected_error(bins: list[Bin]) -> float:
    """Return the expected calibration error: the mean gap, each bin weighing its rows.

    Args:
        bins: from `reliability`.
    """
    rows = sum(each.rows for each in bins)
    return sum(each.rows * abs(each.accuracy - each.confidence) for each in bins) / max(1, rows)


def overconfidence(probabilities: NDArray[np.floating], truth: NDArray[np.int64]) -> float:
    """Return mean confidence minus accuracy: above 0 a model says more than it knows.

    Args:
        probabilities: (B, C) float.
        truth: (B,) int.
    """
    confidence = float(probabilities.max(1).astype(np.float64).mean())
    return confidence - float((probabilities.argmax(1) == truth).mean())
