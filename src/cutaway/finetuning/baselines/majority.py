"""The commonest label, whatever the text: what any classifier must beat to have learned something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cutaway.finetuning.baselines.baseline import Probabilities, numbered


@dataclass(frozen=True, kw_only=True)
class Majority:
    """Answer each text with the labels' shares in training."""

    title: str = "majority"

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> FittedMajority:
        """Count.

        Args:
            texts: not read.
            labels: one each.

        Returns:
            The shares.

        Example:
            >>> Majority().fit(["a", "b", "c", "d"], ["x", "y", "x", "x"]).probabilities(["e"]).tolist()
            [[0.75, 0.25]]
        """
        _, truth = numbered(labels)
        return FittedMajority(np.bincount(truth) / len(truth))


class FittedMajority:
    """The shares of the labels.

    Args:
        shares: of each class.
    """

    def __init__(self, shares: NDArray[np.float64]) -> None:
        self._shares, self.size = shares, shares.nbytes

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """As `Fitted` says."""
        return np.tile(self._shares, (len(texts), 1))
