"""Words and pairs of words, the rare ones weighing more, and a logistic regression.

    f(t, d) = (1 + ln n(t, d)) (1 + ln (1 + N) / (1 + N(t))),   then each text's f has length 1

n counts a term in a text, N the texts, N(t) those with the term.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cutaway.core.errors import DataError
from cutaway.finetuning.baselines.baseline import Probabilities, numbered
from cutaway.finetuning.baselines.logistic import Logistic

# Words with their apostrophes, and the two signs that tell a mood.
_TERMS = r"(?u)\w+(?:'\w+)*|[!?]"


@dataclass(frozen=True, kw_only=True)
class TfIdf:
    """TF-IDF of 1- and 2-grams with logistic regression.

    Attributes:
        order: the most words in a term.
        texts: a term counts that stands in so many texts, where there are enough texts for that.
        strength: C of the regression.
        title: what a table calls it.

    Source:
        Salton and Buckley 1988, "Term-weighting approaches in automatic text retrieval", table 1
        (logarithmic frequency, inverse document frequency, cosine).
    """

    order: int = 2
    texts: int = 2
    strength: float = 100.0
    title: str = "TF-IDF, 1-2 grams + logistic regression"

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> FittedTfIdf:
        """Train.

        Args:
            texts: any texts.
            labels: one each.

        Returns:
            The model.

        Raises:
            DataError: no term stands in enough texts.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer

        _, truth = numbered(labels)
        vectorizer = TfidfVectorizer(
            ngram_range=(1, self.order),
            min_df=self.texts if len(texts) >= 100 * self.texts else 1,
            sublinear_tf=True,
            token_pattern=_TERMS,
            dtype=np.float32,
        )
        try:
            features = vectorizer.fit_transform(texts)
        except ValueError as error:
            raise DataError(f"none of {len(texts)} texts holds a word to count") from error
        return FittedTfIdf(vectorizer, Logistic(features, truth, self.strength))


class FittedTfIdf:
    """Terms, their weights, and the regression.

    Args:
        vectorizer: of scikit-learn.
        regression: over its features.
    """

    def __init__(self, vectorizer: Any, regression: Logistic) -> None:
        self._vectorizer, self._regression = vectorizer, regression
        words = sum(len(term.encode()) for term in vectorizer.vocabulary_)
        self.size = int(words + vectorizer.idf_.nbytes + regression.size)

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """As `Fitted` says."""
        return self._regression.probabilities(self._vectorizer.transform(texts))
