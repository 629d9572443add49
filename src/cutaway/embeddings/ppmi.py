"""Counts as vectors: positive pointwise mutual information, cut down by a singular value decomposition.

    PMI_ij = log( P(i, j) / (P(i) P_s(j)) ),   P_s(j) = N_j^s / Σ N^s                        (1)
    M_ij = max(PMI_ij − log k, 0)                                                           (2)
    M ≈ U Σ Vᵀ,   W = U Σ^p                                                                 (3)

Skip-gram with k negatives factorizes the same matrix without the cut at zero (Levy and Goldberg 2014),
so this is what its training is to be compared with: no passes, no learning rate, one decomposition.

Letters: V words, D dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.embeddings.cooccurrence import Cooccurrences, CountSettings, count_cooccurrences
from cutaway.embeddings.corpus import Sentence, read_corpus
from cutaway.embeddings.corpus_counts import count_corpus
from cutaway.embeddings.vectors import WordVectors


@dataclass(frozen=True, kw_only=True)
class PPMI:
    """How to turn counts into vectors.

    Attributes:
        dim: D.
        window: words to each side that count as near.
        min_count: rarer words are left out.
        max_words: at most so many words are kept, the most frequent.
        negatives: k of equation (2), the shift; 1 shifts nothing.
        smoothing: s of equation (1); below 1 it lifts rare contexts, whose PMI is exaggerated.
        exponent: p of equation (3); 0.5 shares Σ between words and contexts.
        seed: of the randomized decomposition.
        threads: that count; the result does not depend on it.
        memory: bytes for counts; what is beyond goes to disk.

    Raises:
        UsageError: a value outside its range.

    Example:
        >>> from cutaway.embeddings.cooccurrence import count_cooccurrences
        >>> X = count_cooccurrences([np.array([0, 1, 2, 3, 1, 0, -1, 2, 0, 1], dtype=np.int32)], 4)
        >>> PPMI(dim=2).fit_counts(X, ["the", "cat", "sat", "down"])
        WordVectors(4 words × 2 dimensions)
    """

    dim: int = 100
    window: int = 5
    min_count: int = 5
    max_words: int | None = None
    negatives: int = 1
    smoothing: float = 0.75
    exponent: float = 0.5
    seed: int = 0
    threads: int = 2
    memory: int = 1 << 30

    def __post_init__(self) -> None:
        if self.dim < 1 or self.negatives < 1 or self.window < 1 or self.min_count < 1:
            raise UsageError(
                f"dim is {self.dim}, window {self.window}, min_count {self.min_count}, negatives "
                f"{self.negatives}: expected at least 1 each"
            )
        if self.max_words is not None and self.max_words < 1:
            raise UsageError(f"max_words is {self.max_words}: expected at least 1")
        if not (0 <= self.smoothing <= 1 and 0 <= self.exponent <= 1):
            raise UsageError(f"smoothing is {self.smoothing}, exponent {self.exponent}: expected 0 to 1 each")

    def fit(self, sentences: Iterable[Sentence] | Path) -> WordVectors:
        """Count a corpus, read once, and factorize the counts.

        Args:
            sentences: texts, which a plain splitter divides into words, or lists of words; or the path
                of a file or folder, as `corpus.read_corpus` takes it.

        Returns:
            The vectors of all words, the most frequent first.
        """
        corpus = count_corpus(
            read_corpus(sentences) if isinstance(sentences, Path) else sentences,
            min_count=self.min_count,
            max_words=self.max_words,
        )
        settings = CountSettings(
            window=self.window, distance="flat", memory=self.memory, threads=self.threads
        )
        counts = count_cooccurrences(corpus.blocks(), len(corpus.words), settings)
        return self.fit_counts(counts, corpus.words)

    def fit_counts(self, counts: Cooccurrences, words: Sequence[str]) -> WordVectors:
        """Factorize a matrix of counts.

        Args:
            counts: X, usually counted flat.
            words: V words, row by row.

        Returns:
            The vectors W of equation (3).

        Raises:
            DataError: there are no more words than dimensions, or none stands near another.

        Source:
            Levy and Goldberg 2014, Neural word embedding as implicit matrix factorization, NIPS; the
            smoothing and the exponent from Levy, Goldberg and Dagan 2015, TACL 3.
        """
        from sklearn.utils.extmath import randomized_svd

        matrix = self.matrix(counts)
        if not matrix.nnz:
            raise DataError("no two words stand together more often than chance would have it: no vectors")
        if self.dim >= len(counts):
            raise DataError(f"{len(counts)} words span fewer than {self.dim} dimensions: ask for fewer")
        left, singular, _ = randomized_svd(matrix, self.dim, random_state=self.seed)
        return WordVectors(words, left * singular**self.exponent)

    def matrix(self, counts: Cooccurrences) -> Any:
        """Return M of equation (2).

        Args:
            counts: X.

        Returns:
            (V, V) scipy CSR array, float32.
        """
        from scipy.sparse import csr_array

        words = len(counts)
        rows = np.repeat(np.arange(words, dtype=np.int32), np.diff(counts.row_starts))
        totals, contexts = self._totals(counts, rows)
        # log P(i, j) / (P(i) P_s(j)) = log X_ij − log N_i − log P_s(j)
        inner = np.log(counts.values, dtype=np.float64) - np.log(self.negatives)
        # Not symmetric when contexts are smoothed: both directions of each cell.
        lower = inner - totals[rows] - contexts[counts.columns]
        upper = inner - totals[counts.columns] - contexts[rows]
        upper[rows == counts.columns] = 0.0
        halves = []
        for value, index in ((lower, (rows, counts.columns)), (upper, (counts.columns, rows))):
            kept = value > 0
            cells = value[kept].astype(np.float32)
            halves.append(csr_array((cells, (index[0][kept], index[1][kept])), shape=(words, words)))
        return halves[0] + halves[1]

    def trace(self, counts: Cooccurrences, words: Sequence[str], word: str, context: str) -> Trace:
        """Return equations (1) and (2) for one pair step by step.

        Args:
            counts: X.
            words: V words, row by row.
            word: the word i.
            context: the word j.

        Returns:
            A trace with `count`, `expected` (the count that chance gives), `pmi` and `ppmi`.

        Raises:
            DataError: the two never meet: their PMI is minus infinity.
        """
        i, j = words.index(word), words.index(context)
        rows = np.repeat(np.arange(len(counts), dtype=np.int32), np.diff(counts.row_starts))
        totals, contexts = self._totals(counts, rows)
        if counts.count(i, j) == 0:
            raise DataError(f"{word!r} and {context!r} never meet: their PMI is minus infinity, M_ij is 0")
        rec = Recorder(f"mutual information of {word!r} and {context!r}")
        count = rec.keep("count", counts.count(i, j), axes=(), formula="X_ij")
        expected = rec.keep("expected", np.exp(totals[i] + contexts[j]), axes=(), formula="E_ij = N_i P_s(j)")
        pmi = rec.keep(
            "pmi", np.log(count / expected), axes=(), formula="log(X_ij / E_ij)", inputs=("count", "expected")
        )
        shifted = max(pmi - np.log(self.negatives), 0.0)
        rec.keep("ppmi", shifted, axes=(), formula="M_ij = max(PMI − log k, 0)", inputs=("pmi",))
        return rec.finish()

    def _totals(
        self, counts: Cooccurrences, rows: NDArray[np.int32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """log N_i, and log P_s(j)."""
        words = len(counts)
        sums = np.bincount(rows, counts.values, minlength=words)
        mirrored = np.where(rows == counts.columns, 0.0, counts.values)
        sums += np.bincount(counts.columns, mirrored, minlength=words)
        with np.errstate(divide="ignore"):  # a word that stands alone has no cells to use its total
            smoothed = np.where(sums > 0, sums, 1.0) ** self.smoothing * (sums > 0)
            return np.log(sums), np.log(smoothed / smoothed.sum())
