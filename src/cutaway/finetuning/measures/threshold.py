"""One class against the rest, at every threshold: ROC and precision-recall curves with their areas.

Legend: B rows, P points of a curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A curve over thresholds.

    Attributes:
        x, y: (P,) false positive rate and true positive rate; or recall and precision.
        thresholds: (P,) a row is answered "yes" if its score is at least this; the first is infinite.
        area: under the curve; for precision and recall the average precision, without interpolation.
    """

    x: Floats
    y: Floats
    thresholds: Floats
    area: float


def roc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> Curve:
    """Return true positives against false positives.

    The area is the chance that a positive row has a higher score than a negative one, ties counting
    half (the Mann-Whitney statistic).

    Args:
        scores: (B,) higher is more likely positive.
        positive: (B,) the truth.

    Returns:
        The curve, from (0, 0) to (1, 1).

    Raises:
        DataError: all rows are positive, or none.

    Source:
        Fawcett 2006, Pattern Recognition Letters 27, algorithms 1 and 2.

    Example:
        >>> roc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])).area
        0.75
    """
    thresholds, hits, alarms = _counts(scores, positive)
    if hits[-1] == 0 or alarms[-1] == 0:
        raise DataError(f"{int(hits[-1])} of {len(scores)} rows are positive: a curve needs both kinds")
    x, y = alarms / alarms[-1], hits / hits[-1]
    return Curve(x=x, y=y, thresholds=thresholds, area=float(np.trapezoid(y, x)))


def precision_recall(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> Curve:
    """Return precision against recall: the better picture where positives are rare.

        AP = Σᵢ (rᵢ − rᵢ₋₁) pᵢ

    Args:
        scores: (B,) higher is more likely positive.
        positive: (B,) the truth.

    Returns:
        The curve, from recall 0 to 1; its first point has precision 1 by convention.

    Raises:
        DataError: no row is positive.

    Example:
        >>> curve = precision_recall(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
        >>> round(curve.area, 4)
        0.8333
    """
    thresholds, hits, alarms = _counts(scores, positive)
    if hits[-1] == 0:
        raise DataError(f"none of {len(scores)} rows is positive: there is no recall")
    recall = hits / hits[-1]
    precision = np.concatenate([[1.0], hits[1:] / (hits[1:] + alarms[1:])])
    area = float((np.diff(recall) * precision[1:]).sum())
    return Curve(x=recall, y=precision, thresholds=thresholds, area=area)


def _counts(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Distinct thresholds from the highest, and how many positives and negatives reach each."""
    order = np.argsort(-scores, kind="stable")
    ranked, hit = scores[order].astype(np.float64), positive[order]
    # Rows with the same score pass a threshold together.
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, np.ones(min(1, len(ranked)), dtype=bool)))
    hits = np.cumsum(hit)[last]
    return (
        np.concatenate([[np.inf], ranked[last]]),
        np.concatenate([[0.0], hits]),
        np.concatenate([[0.0], last + 1 - hits]),
    )
