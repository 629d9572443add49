"""n-grams weighed by how much more often one class has them, and a logistic regression over that.

    r_c = ln (p_c / ‖p_c‖₁) − ln (q_c / ‖q_c‖₁),   p_c = α + Σ f over the texts of class c,  q_c of the others
    z_c = w_c · (r_c ∘ f / ‖r_c ∘ f‖) + b_c,   f(t) = 1 where the text has the n-gram t

Departs: logistic regression in the place of the SVM, each text's weighed features of length 1 (which
serves as the paper's interpolation: to mix w with its mean gained nothing more), and n-grams in hashed
buckets, so that no dictionary of millions of strings is kept.

Legend: B texts, F buckets in use, C classes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError
from cutaway.embeddings.ngrams import bucket_texts
from cutaway.finetuning.baselines.baseline import Probabilities, numbered
from cutaway.finetuning.baselines.logistic import Logistic


@dataclass(frozen=True, kw_only=True)
class NaiveBayes:
    """Naive-Bayes-weighed 1- to 3-grams with logistic regression, one against the rest.

    Attributes:
        order: the most words in an n-gram.
        texts: a bucket counts that so many texts fall into, where there are enough texts for that.
        alpha: α, added to every count.
        strength: C of the regression.
        bits: there are 2 to this power buckets.
        title: what a table calls it.

    Source:
        Wang and Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification",
        sections 2.1 to 2.3.
    """

    order: int = 3
    texts: int = 2
    alpha: float = 1.0
    strength: float = 100.0
    bits: int = 26
    title: str = "naive Bayes weights, 1-3 grams + logistic regression"

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> FittedNaiveBayes:
        """Train.

        Args:
            texts: any texts.
            labels: one each.

        Returns:
            The model.

        Raises:
            DataError: none of the texts has a word.
        """
        classes, truth = numbered(labels)
        every = _features(texts, self.order, self.bits)
        counts = np.bincount(every.indices, minlength=1 << self.bits)
        least = self.texts if len(texts) >= 100 * self.texts else 1
        kept = np.flatnonzero(counts >= least).astype(np.int32)
        if not len(kept):
            raise DataError(f"none of {len(texts)} texts holds a word to count")
        features = every[:, kept]
        wanted = range(len(classes)) if len(classes) > 2 else (1,)
        weights, regressions = [], []
        for number in wanted:
            mine = truth == number
            weights.append(log_ratio(features, mine, self.alpha))
            weighed = _weighed(features, weights[-1])
            regressions.append(Logistic(weighed, mine.astype(np.int64), self.strength))
        return FittedNaiveBayes(self, kept, weights, regressions)


class FittedNaiveBayes:
    """Buckets in use, and for each class its weights and its regression.

    Args:
        settings: how texts become buckets.
        kept: the buckets in use, rising.
        weights: r of each class (of the second alone, where there are two).
        regressions: of each class.
    """

    def __init__(
        self,
        settings: NaiveBayes,
        kept: NDArray[np.int32],
        weights: Sequence[NDArray[np.float32]],
        regressions: Sequence[Logistic],
    ) -> None:
        self._settings, self._kept = settings, kept
        self._weights, self._regressions = weights, regressions
        self.size = kept.nbytes + sum(weight.nbytes for weight in weights)
        self.size += sum(regression.size for regression in regressions)

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """As `Fitted` says."""
        features = _features(texts, self._settings.order, self._settings.bits)[:, self._kept]
        found: Probabilities = np.stack(
            [
                regression.probabilities(_weighed(features, weight))[:, 1]
                for weight, regression in zip(self._weights, self._regressions, strict=True)
            ],
            axis=1,
        )
        if found.shape[1] == 1:
            return np.hstack([1 - found, found])
        shares: Probabilities = found / found.sum(1, keepdims=True)
        return shares


def log_ratio(features: Any, mine: NDArray[np.bool_], alpha: float) -> NDArray[np.float32]:
    """Return how much likelier each feature is in one class than in the others, as a logarithm.

    Args:
        features: (B, F), sparse, 0 or 1.
        mine: (B,) bool: the texts of the class.
        alpha: added to every count.

    Returns:
        (F,) float32.
    """
    p = alpha + np.asarray(features[mine].sum(0), dtype=np.float64).ravel()
    q = alpha + np.asarray(features[~mine].sum(0), dtype=np.float64).ravel()
    ratio: NDArray[np.float32] = (np.log(p / p.sum()) - np.log(q / q.sum())).astype(np.float32)
    return ratio


def _features(texts: Sequence[str], order: int, bits: int) -> Any:
    """(B, 2^bits), sparse: 1 where a text has an n-gram of that bucket."""
    from scipy import sparse

    bags = bucket_texts(list(texts), order, bits, threads=os.cpu_count() or 1)
    ones = np.ones(len(bags.buckets), np.float32)
    return sparse.csr_matrix((ones, bags.buckets, bags.starts), shape=(len(texts), 1 << bits))


def _weighed(features: Any, weights: NDArray[np.float32]) -> Any:
    """Each feature times its weight, each text's of length 1."""
    from sklearn.preprocessing import normalize

    return normalize(features.multiply(weights).tocsr())
