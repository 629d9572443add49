"""Answers row by row: the likeliest class, or none where the model is not sure enough.

Legend: B rows, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import UsageError

if TYPE_CHECKING:
    from cutaway.transformers.products import Precision

ABSTAIN = "abstain"


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Labels and probabilities, row by row.

    Attributes:
        labels: the likeliest class of each text, "abstain" where it is not likely enough.
        probabilities: (B, C) float32, each row summing to 1.
        classes: the names of the C columns.
        precision: what was computed in.
        note: why that is not what was asked for; empty if it is.
    """

    labels: list[str]
    probabilities: NDArray[np.float32]
    classes: tuple[str, ...]
    precision: Precision = "float32"
    note: str = ""

    @property
    def confidences(self) -> NDArray[np.float32]:
        """The probability of each text's likeliest class, (B,) float32."""
        likeliest: NDArray[np.float32] = self.probabilities.max(1)
        return likeliest


def check_threshold(threshold: float | None, classes: Sequence[str]) -> None:
    """Refuse a threshold that means nothing, before anything is read.

    Args:
        threshold: the least probability of a label that is given; None gives every label.
        classes: the model's.

    Raises:
        UsageError: it is no probability, or a class is itself called "abstain".
    """
    if threshold is None:
        return
    if not 0 < threshold <= 1:
        raise UsageError(f"the threshold is a probability above 0 and at most 1, not {threshold}")
    if ABSTAIN in classes:
        raise UsageError(f"a class of this model is called {ABSTAIN!r}: a threshold would hide it")


def labels_of(
    probabilities: NDArray[np.float32], classes: Sequence[str], threshold: float | None
) -> list[str]:
    """Name the likeliest class of each row, or abstain.

    Args:
        probabilities: (B, C) float.
        classes: the names of the C columns.
        threshold: the least probability of a label that is given; None gives every label.

    Returns:
        A label a row.

    Example:
        >>> labels_of(np.array([[0.9, 0.1], [0.4, 0.6]], np.float32), ("bad", "good"), 0.8)
        ['bad', 'abstain']
    """
    sure = probabilities.max(1) >= (threshold or 0.0)
    best = probabilities.argmax(1)
    return [classes[at] if kept else ABSTAIN for at, kept in zip(best, sure, strict=True)]
