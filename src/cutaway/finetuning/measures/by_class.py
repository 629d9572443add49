"""Precision, recall, F1 and the correlation of truth and answer, from the confusion matrix alone.

Legend: C classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Confusion = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """How one class was found.

    Attributes:
        precision: share of the answers "this class" that were right; 0 where there was no such answer.
        recall: share of the class that was found; 0 where there was none.
        f1: their harmonic mean, 2pr / (p + r).
        support: rows of the class.
    """

    precision: float
    recall: float
    f1: float
    support: int


def class_scores(confusion: Confusion) -> list[ClassScores]:
    """Return precision, recall and F1 of each class.

    Args:
        confusion: (C, C) counts, rows the truth, columns the answer.

    Returns:
        C scores.

    Example:
        >>> scores = class_scores(np.array([[3, 1], [0, 4]]))
        >>> scores[0].precision, scores[0].recall, round(scores[1].f1, 4)
        (1.0, 0.75, 0.8889)
    """
    scores = []
    for number in range(len(confusion)):
        hit = int(confusion[number, number])
        answered, support = int(confusion[:, number].sum()), int(confusion[number].sum())
        scores.append(
            ClassScores(
                precision=_share(hit, answered),
                recall=_share(hit, support),
                f1=_share(2 * hit, answered + support),
                support=support,
            )
        )
    return scores


def macro_f1(confusion: Confusion) -> float:
    """Return the plain mean of the classes' F1: a rare class counts as much as a frequent one.

    Classes that neither occur nor were answered are left out.

    Args:
        confusion: (C, C) counts.
    """
    seen = (confusion.sum(0) + confusion.sum(1)) > 0
    scores = class_scores(confusion)
    return float(np.mean([score.f1 for score, there in zip(scores, seen, strict=True) if there]))


def micro_f1(confusion: Confusion) -> float:
    """Return F1 over all decisions together; with one answer a row it is the accuracy.

    Args:
        confusion: (C, C) counts.
    """
    return _share(int(np.trace(confusion)), int(confusion.sum()))


def matthews(confusion: Confusion) -> float:
    """Return the correlation of truth and answer, −1 to 1; 0 is chance, whatever the balance.

        R = (c n − Σ tₖ pₖ) / √((n² − Σ pₖ²) (n² − Σ tₖ²))                 (2)

    with c right answers of n, tₖ rows of class k and pₖ answers "k"; 0 if only one class was ever
    answered or true.

    Args:
        confusion: (C, C) counts.

    Source:
        Gorodkin 2004, Computational Biology and Chemistry 28, equation 2; for two classes Matthews 1975.

    Example:
        >>> matthews(np.array([[5, 0], [0, 5]])), matthews(np.array([[5, 0], [5, 0]]))
        (1.0, 0.0)
    """
    right, rows = int(np.trace(confusion)), int(confusion.sum())
    true = [int(count) for count in confusion.sum(1)]
    answered = [int(count) for count in confusion.sum(0)]
    both = (rows**2 - sum(p * p for p in answered)) * (rows**2 - sum(t * t for t in true))
    if not both:
        return 0.0
    return (right * rows - sum(t * p for t, p in zip(true, answered, strict=True))) / math.sqrt(both)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
