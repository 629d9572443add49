"""Every measure of one set of answers, with the rows behind each cell of the confusion matrix.

Legend: B rows, C classes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.finetuning.measures.bootstrap import BootstrapSettings, Interval, interval, mean_interval
from cutaway.finetuning.measures.by_class import ClassScores, class_scores, macro_f1, matthews, micro_f1
from cutaway.finetuning.measures.calibration import Bin, expected_error, overconfidence, reliability
from cutaway.finetuning.measures.threshold import Curve, precision_recall, roc
from cutaway.finetuning.metrics import FLOOR, confusion
from cutaway.finetuning.runs.predictions import Answers

# Drawing rows is cheap for a mean; a measure that is computed anew each time is drawn less often.
FEWER = BootstrapSettings(samples=500)


@dataclass(frozen=True, kw_only=True)
class ClassCurves:
    """One class against the rest; None where the held-out rows lack the class or the rest."""

    roc: Curve | None
    precision_recall: Curve | None


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What answers are worth.

    Attributes:
        rows: how many.
        classes: the C names.
        accuracy, log_loss, macro_f1: each with its 95 % interval.
        micro_f1, matthews: see `by_class`.
        by_class: scores of each class.
        curves: of each class.
        bins: of the reliability diagram.
        calibration_error: expected, from the bins.
        overconfidence: mean confidence minus accuracy.
        confusion: counts, rows the truth, columns the answer.
    """

    rows: int
    classes: tuple[str, ...]
    accuracy: Interval
    log_loss: Interval
    macro_f1: Interval
    micro_f1: float
    matthews: float
    by_class: list[ClassScores]
    curves: list[ClassCurves]
    bins: list[Bin]
    calibration_error: float
    overconfidence: float
    confusion: NDArray[np.int64]

    @property
    def roc_auc(self) -> float | None:
        """Area under the ROC curve: of the second of two classes, else the plain mean of all."""
        return self._area([each.roc for each in self.curves])

    @property
    def average_precision(self) -> float | None:
        """Area under precision and recall: of the second of two classes, else the plain mean of all."""
        return self._area([each.precision_recall for each in self.curves])

    def to_json(self) -> dict[str, Any]:
        """Return the measures as plain values, without the points of the curves."""
        kept = ("rows", "micro_f1", "matthews", "calibration_error", "overconfidence")
        return {
            **{name: getattr(self, name) for name in kept},
            "classes": list(self.classes),
            "accuracy": asdict(self.accuracy),
            "log_loss": asdict(self.log_loss),
            "macro_f1": asdict(self.macro_f1),
            "roc_auc": self.roc_auc,
            "average_precision": self.average_precision,
            "by_class": {
                name: asdict(scores) for name, scores in zip(self.classes, self.by_class, strict=True)
            },
            "confusion": self.confusion.tolist(),
            "bins": [asdict(each) for each in self.bins],
        }

    def _area(self, curves: list[Curve | None]) -> float | None:
        areas = [curve.area if curve else None for curve in curves]
        if len(areas) == 2:
            return areas[1]
        known = [area for area in areas if area is not None]
        return float(np.mean(known)) if known else None


def measure_all(answers: Answers) -> Measures:
    """Measure a run's answers to its held-out examples.

    Args:
        answers: at least one.

    Returns:
        Every measure.
    """
    probabilities, truth = answers.probabilities, answers.truth
    counts = confusion(probabilities, truth)
    answered, size = probabilities.argmax(1), len(answers.classes)
    losses = row_losses(answers)

    def drawn_macro_f1(rows: NDArray[np.int64]) -> float:
        cells = np.bincount(truth[rows] * size + answered[rows], minlength=size * size)
        return macro_f1(cells.reshape(size, size))

    bins = reliability(probabilities, truth)
    return Measures(
        rows=len(answers),
        classes=answers.classes,
        accuracy=mean_interval(answered == truth),
        log_loss=mean_interval(losses),
        macro_f1=interval(drawn_macro_f1, len(answers), FEWER),
        micro_f1=micro_f1(counts),
        matthews=matthews(counts),
        by_class=class_scores(counts),
        curves=[_curves(probabilities[:, number], truth == number) for number in range(size)],
        bins=bins,
        calibration_error=expected_error(bins),
        overconfidence=overconfidence(probabilities, truth),
        confusion=counts,
    )


def row_losses(answers: Answers) -> NDArray[np.float64]:
    """Return −ln p(true class) of each row, in nats.

    Args:
        answers: B rows.

    Returns:
        (B,) float.
    """
    told = answers.probabilities[np.arange(len(answers)), answers.truth].astype(np.float64)
    return -np.log(np.maximum(told, FLOOR))


def cell_rows(answers: Answers, truth: int, answer: int) -> NDArray[np.int64]:
    """Return the rows behind a cell of the confusion matrix, the most confident first.

    Args:
        answers: B rows.
        truth: the cell's row: number of the true class.
        answer: the cell's column: number of the class that was answered.

    Returns:
        Positions among the B.
    """
    inside = np.flatnonzero((answers.truth == truth) & (answers.probabilities.argmax(1) == answer))
    return inside[np.argsort(-answers.probabilities[inside, answer], kind="stable")].astype(np.int64)


def _curves(scores: NDArray[np.float32], positive: NDArray[np.bool_]) -> ClassCurves:
    some, rest = bool(positive.any()), not bool(positive.all())
    return ClassCurves(
        roc=roc(scores, positive) if some and rest else None,
        precision_recall=precision_recall(scores, positive) if some else None,
    )
