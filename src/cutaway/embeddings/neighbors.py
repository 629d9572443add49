"""Exact nearest neighbors: score every row in float32, then settle the few that may win in float64.

The matrix-vector product reads the whole table, so it runs in float32, where it is bound by memory
alone. Its rounding error has a proven bound, so every row that could be among the winners is known;
only those are scored again in float64. The answer is the one that float64 would give for the whole
table.

Letters: V rows of the table, D dimensions, K candidates.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cutaway.embeddings.similarity import ROWS_AT_A_TIME

HALF_ULP = 2.0**-24
# Cosines that agree to twelve digits count as equal: rounding decides what lies below.
TIE_DECIMALS = 12
# Lengths between these keep the float32 products clear of overflow and of lost digits.
SAFE_LENGTHS = (1e-25, 1e30)
BLOCKS_PER_NEIGHBOR = 64


class ExactSearch:
    """The nearest rows of a table by cosine, without approximation.

    Args:
        vectors: (V, D) float32, finite, in either memory order; not copied.
        lengths: (V,) float64, the Euclidean length of each row.
    """

    def __init__(self, vectors: NDArray[np.float32], lengths: NDArray[np.float64]) -> None:
        self._vectors = vectors
        self._lengths = lengths

    def nearest(
        self, query: NDArray[np.float64], count: int, excluded: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the rows whose cosine with `query` is highest, equal ones in row order.

            score(v) = v·q / |v|                                                           (1)

        Args:
            query: (D,) float64 of length 1.
            count: how many rows, at least 1; all there are if there are fewer.
            excluded: rows that are not to be returned.

        Returns:
            Row numbers, (count,) int64, and their cosines, (count,) float64, the highest first.
        """
        scores = self._rough_scores(query)  # (V,)
        left = len(scores)
        if excluded is not None:
            scores[excluded] = -np.inf
            left -= len(np.unique(excluded))
        count = min(count, left)
        if count <= 0:
            return np.empty(0, dtype=np.int64), np.empty(0)
        floor = _reached_by(scores, count) - 2 * self._rounding_error
        rows = np.flatnonzero((scores >= floor) & (scores > -np.inf))  # (K,)
        cosines = self._exact_scores(rows, query)  # (K,)
        best = ranking(cosines)[:count]
        return rows[best], cosines[best]

    @cached_property
    def _table(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The rows as float32 can multiply them, and what to scale each product by."""
        inverse = np.divide(1.0, self._lengths, out=np.zeros_like(self._lengths), where=self._lengths > 0)
        nonzero = self._lengths[self._lengths > 0]
        if nonzero.size and (nonzero.min() < SAFE_LENGTHS[0] or nonzero.max() > SAFE_LENGTHS[1]):
            units = (self._vectors * inverse[:, None]).astype(np.float32)
            return units, np.ones(len(units), dtype=np.float32)
        return self._vectors, inverse.astype(np.float32)

    @property
    def _rounding_error(self) -> float:
        """How far a rough score may lie from the true cosine.

        A float32 dot product of D terms errs by at most D half-ulps of |v| |q| (Higham 2002, section
        3.1); rounding the query, the inverse length and the last product adds three, and a few more
        cover the terms of second order.
        """
        dim: int = self._vectors.shape[1]
        return (dim + 8) * HALF_ULP + 0.1**TIE_DECIMALS

    def _rough_scores(self, query: NDArray[np.float64]) -> NDArray[np.float32]:
        table, inverse = self._table
        scores: NDArray[np.float32] = table @ query.astype(np.float32)  # (V,)
        scores *= inverse
        return scores

    def _exact_scores(self, rows: NDArray[np.int64], query: NDArray[np.float64]) -> NDArray[np.float64]:
        cosines = np.zeros(len(rows))  # (K,)
        for start in range(0, len(rows), ROWS_AT_A_TIME):
            some = rows[start : start + ROWS_AT_A_TIME]
            length = self._lengths[some]
            block = self._vectors[some].astype(np.float64, order="C")
            # A plain sum along each row, not a product of matrices: equal rows get equal sums.
            dots = (block * query).sum(axis=1)
            np.divide(dots, length, out=cosines[start : start + len(some)], where=length > 0)
        return np.clip(cosines, -1.0, 1.0)


def ranking(cosines: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the order from the highest cosine to the lowest, equal ones in row order.

    Args:
        cosines: (K,) float64; those that agree to twelve decimals are equal.

    Returns:
        (K,) int64, positions in `cosines`.

    Example:
        >>> ranking(np.array([0.5, 0.9, 0.5 + 1e-16])).tolist()
        [1, 0, 2]
    """
    return np.argsort(-np.round(cosines, TIE_DECIMALS), kind="stable")


def _reached_by(scores: NDArray[np.float32], count: int) -> float:
    """Return a score that at least `count` scores reach, close below the count-th highest.

    The highest score of each of many blocks is a real score; the count-th of those will do, and
    finding it reads the scores once instead of partitioning all of them.
    """
    width = len(scores) // (BLOCKS_PER_NEIGHBOR * count)
    if width > 1:
        whole = len(scores) // width * width
        scores = scores[:whole].reshape(-1, width).max(axis=1)
    return float(np.partition(scores, -count)[-count])
