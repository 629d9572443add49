"""What a classifier is judged by.

Legend: B rows, C classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cutaway.finetuning.measures.by_class import macro_f1, matthews

Probabilities = NDArray[np.floating]
Classes = NDArray[np.int64]

MEASURES = ("loss", "accuracy", "f1", "mcc", "calibration_error")

# Probabilities below this are counted as this: one certain mistake shall not make the mean infinite.
FLOOR = 1e-12


def accuracy(probabilities: Probabilities, truth: Classes) -> float:
    """Return the share of rows whose likeliest class is the true one.

    Args:
        probabilities: (B, C) float.
        truth: (B,) int.
    """
    return float((probabilities.argmax(1) == truth).mean())


def log_loss(probabilities: Probabilities, truth: Classes) -> float:
    """Return the mean of −ln p(true class), in nats.

    Args:
        probabilities: (B, C) float.
        truth: (B,) int.
    """
    told = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.log(np.maximum(told, FLOOR)).mean())


def calibration_error(probabilities: Probabilities, truth: Classes, *, bins: int = 15) -> float:
    """Return the expected calibration error: how far confidence and accuracy lie apart.

        ECE = Σᵦ |Bᵦ| / n · |accuracy(Bᵦ) − confidence(Bᵦ)|                 (3)

    Args:
        probabilities: (B, C) float.
        truth: (B,) int.
        bins: equal slices of confidence from 0 to 1.

    Returns:
        The error, 0 to 1.

    Source:
        Guo et al. 2017, arXiv:1706.04599, section 2, equation 3.
    """
    confidence = probabilities.max(1).astype(np.float64)
    right = probabilities.argmax(1) == truth
    slot = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    error = 0.0
    for number in range(bins):
        inside = slot == number
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return float(error)


def confusion(probabilities: Probabilities, truth: Classes) -> NDArray[np.int64]:
    """Count rows by true class and likeliest class.

    Args:
        probabilities: (B, C) float.
        truth: (B,) int.

    Returns:
        (C, C) int64: rows are the truth, columns the answer.
    """
    counts = np.zeros((probabilities.shape[1],) * 2, dtype=np.int64)
    np.add.at(counts, (truth, probabilities.argmax(1)), 1)
    return counts


def measure(probabilities: Probabilities, truth: Classes) -> dict[str, float]:
    """Return all of `MEASURES`: loss in nats, accuracy, macro F1, MCC, calibration error.

    Args:
        probabilities: (B, C) float.
        truth: (B,) int.
    """
    counts = confusion(probabilities, truth)
    return {
        "loss": log_loss(probabilities, truth),
        "accuracy": accuracy(probabilities, truth),
        "f1": macro_f1(counts),
        "mcc": matthews(counts),
        "calibration_error": calibration_error(probabilities, truth),
    }
