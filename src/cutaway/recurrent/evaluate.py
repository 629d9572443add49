"""Scoring a classifier on labelled sequences.

Legend: B sequences, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, ShapeError
from cutaway.recurrent.classifier import SequenceClassifier
from cutaway.recurrent.reading import Ids

# Probabilities below this are counted as this: one certain mistake shall not make the mean infinite.
FLOOR = 1e-12


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Sequences of ids with their classes.

    Attributes:
        rows: B sequences, each of at least one id.
        truth: (B) int64, numbers of classes.
    """

    rows: Sequence[Ids]
    truth: NDArray[np.int64]

    def __post_init__(self) -> None:
        if len(self.rows) != len(self.truth) or not len(self.rows):
            raise ShapeError(
                f"{len(self.rows)} sequences and {len(self.truth)} classes: expected as many, and some"
            )

    def __len__(self) -> int:
        return len(self.rows)


def class_numbers(names: Sequence[str], labels: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of each name among the labels.

    Args:
        names: the true class of each text.
        labels: the classes a model knows, in its order.

    Returns:
        (B) int64.

    Raises:
        DataError: a name is not among the labels.

    Example:
        >>> class_numbers(["no", "yes", "no"], ["no", "yes"]).tolist()
        [0, 1, 0]
    """
    unseen = sorted(set(names) - set(labels))
    if unseen:
        raise DataError(f"the data has the label {unseen[0]!r}, the model only knows {list(labels)}")
    number = {name: at for at, name in enumerate(labels)}
    return np.array([number[name] for name in names], dtype=np.int64)


def evaluate(
    model: SequenceClassifier, examples: Examples, *, told: Callable[[int], object] = lambda count: None
) -> dict[str, float]:
    """Return a model's mean loss and its accuracy, without dropout.

        loss = −Σ ln p(true class) / B, in nats        accuracy = share with argmax p = true class

    Args:
        model: the classifier.
        examples: what to score it on.
        told: called with the number of sequences that were just answered.

    Returns:
        "loss" and "accuracy".
    """
    p = np.zeros((len(examples), len(model.settings.labels)), dtype=np.float32)  # (B, C)
    for at, answer in model.predict_batches(examples.rows):
        p[at] = answer
        told(len(at))
    right = p[np.arange(len(p)), examples.truth].astype(np.float64)  # (B)
    return {
        "loss": float(-np.log(np.maximum(right, FLOOR)).mean()),
        "accuracy": float((p.argmax(axis=1) == examples.truth).mean()),
    }
