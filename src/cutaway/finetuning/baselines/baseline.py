"""What every baseline is: texts and labels in, something that gives probabilities out.

Legend: B texts, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError

Probabilities = NDArray[np.float64]


class Fitted(Protocol):
    """A trained baseline.

    Attributes:
        size: bytes that its numbers and words take.
    """

    size: int

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """Return (B, C) float64, the classes sorted by name.

        Args:
            texts: B of them.
        """


class Baseline(Protocol):
    """A way to train a classifier that is no fine-tuning."""

    @property
    def title(self) -> str:
        """What a table calls it."""

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> Fitted:
        """Train.

        Args:
            texts: any texts.
            labels: one each.
        """


def numbered(labels: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the classes, sorted, and each label's place among them.

    Args:
        labels: any number.

    Raises:
        DataError: they are all the same.

    Example:
        >>> numbered(["good", "bad", "good"])[1].tolist()
        [1, 0, 1]
    """
    classes, numbers = np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)
    if len(classes) < 2:
        raise DataError(
            f"all {len(labels)} labels are {list(classes)}: two classes or more can be told apart"
        )
    return classes.tolist(), numbers.astype(np.int64)
