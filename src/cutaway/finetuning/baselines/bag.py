"""fastText's bag of n-gram vectors, from room 2: vectors that are trained along with the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cutaway.embeddings.ngram_classifier import BagOfNgrams, NgramClassifier
from cutaway.finetuning.baselines.baseline import Probabilities


@dataclass(frozen=True, kw_only=True)
class Bag:
    """A mean of n-gram vectors through one linear layer.

    Attributes:
        settings: room 2's; those of the default were the best on 5,000 IMDB reviews held out.
        title: what a table calls it.

    Source:
        Joulin et al. 2017, arXiv:1607.01759, section 2.
    """

    settings: BagOfNgrams = field(
        default_factory=lambda: BagOfNgrams(order=3, bits=23, rate=1.0, epochs=30, threads=2)
    )
    title: str = "bag of 1-3 gram vectors"

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> FittedBag:
        """Train.

        Args:
            texts: any texts.
            labels: one each.

        Returns:
            The model.
        """
        return FittedBag(self.settings.fit(list(texts), list(labels)))


class FittedBag:
    """Room 2's classifier.

    Args:
        model: as it was trained.
    """

    def __init__(self, model: NgramClassifier) -> None:
        self._model = model
        met = int(model.table.any(axis=1).sum())
        self.size = met * (model.table.shape[1] * model.table.itemsize + 8) + model.output.nbytes

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """As `Fitted` says."""
        return self._model.probabilities(list(texts))
