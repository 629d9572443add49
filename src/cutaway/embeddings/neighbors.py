"""Exact nearest neighbors: score every row roughly, then settle the few that may win in float64.

Reading the whole table is what a search costs, so the rough scores read it as float32 for the first
few queries and as bytes from then on (`embeddings.byte_search`); many queries at once share the rows read
(`embeddings.lane_search`). A rough score's error has a proven bound, so every row that could be among the
winners is known; only those are scored again in float64. The answer is the one that float64 would give
for the whole table.

Letters: V rows of the table, D dimensions, Q queries, K candidates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from cutaway.embeddings.byte_search import ByteTable
from cutaway.embeddings.lane_search import LaneTable
from cutaway.embeddings.similarity import ROWS_AT_A_TIME

HALF_ULP = 2.0**-24
# Cosines that agree to twelve digits count as equal: rounding decides what lies below.
TIE_DECIMALS = 12
# Lengths between these keep the float32 products clear of overflow and of lost digits.
SAFE_LENGTHS = (1e-25, 1e30)
BLOCKS_PER_NEIGHBOR = 64
# A table in lanes pays for its making, and takes as much memory again.
MANY_QUERIES = 24
# Bytes pay for their making, and for loading the compiler, after a few queries over many rows.
PLAIN_QUERIES = 2
SMALL_TABLE = 1 << 20
# Beyond so many neighbors the scans, which keep them sorted, would be slow.
MOST_SCANNED = 1000


class ExactSearch:
    """The nearest rows of a table by cosine, without approximation.

    Args:
        vectors: (V, D) float32, finite, in either memory order; not copied.
        lengths: (V,) float64, the Euclidean length of each row.
    """

    def __init__(self, vectors: NDArray[np.float32], lengths: NDArray[np.float64]) -> None:
        self._vectors = vectors
        self.lengths = lengths
        self._queries = 0

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
        self._queries += 1
        wanted = count + (len(excluded) if excluded is not None else 0)
        if self._scans(wanted) and self._queries > PLAIN_QUERIES:
            return self._ranked(self._bytes.candidates(query, wanted), query, count, excluded)
        table, inverse = self._table
        # Of finite rows; BLAS may raise the flag over lanes behind a row's end, whose numbers nobody reads.
        with np.errstate(invalid="ignore"):
            scores = table @ query.astype(np.float32)  # (V,)
        scores *= inverse
        return self._settle(scores, query, count, excluded)

    def nearest_batch(
        self, queries: NDArray[np.float64], count: int, excluded: Sequence[NDArray[np.int64]] | None = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Yield what `nearest` returns, for one query after the other.

        Args:
            queries: (Q, D) float64, each of length 1.
            count: how many rows for each.
            excluded: for each query, the rows that are not to be returned.

        Yields:
            Row numbers and cosines, as `nearest` returns them.
        """
        most = max((len(rows) for rows in excluded), default=0) if excluded is not None else 0
        near: Iterator[NDArray[np.int64] | None] = repeat(None, len(queries))
        if len(queries) >= MANY_QUERIES and self._scans(count + most):
            near = self._lanes.candidates(queries, count + most, self._rounding_error)
        for at, (query, rows) in enumerate(zip(queries, near, strict=True)):
            left_out = excluded[at] if excluded is not None else None
            if rows is None:
                yield self.nearest(query, count, left_out)
            else:
                yield self._ranked(rows, query, count, left_out)

    def _scans(self, wanted: int) -> bool:
        """Whether the compiled scans are worth it and can hold what is wanted."""
        return self._vectors.size >= SMALL_TABLE and wanted <= min(MOST_SCANNED, len(self._vectors))

    def _settle(
        self,
        scores: NDArray[np.float32],
        query: NDArray[np.float64],
        count: int,
        excluded: NDArray[np.int64] | None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Turn rough scores, which it changes, into the exact answer."""
        left = len(scores)
        if excluded is not None:
            scores[excluded] = -np.inf
            left -= len(set(excluded.tolist()))  # np.unique would load np.ma first
        count = min(count, left)
        if count <= 0:
            return np.empty(0, dtype=np.int64), np.empty(0)
        floor = _reached_by(scores, count) - 2 * self._rounding_error
        rows = np.flatnonzero((scores >= floor) & (scores > -np.inf))  # (K,)
        return self._ranked(rows, query, count)

    def _ranked(
        self,
        rows: NDArray[np.int64],
        query: NDArray[np.float64],
        count: int,
        excluded: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Score candidates, in rising order, exactly and return the best."""
        if excluded is not None:
            rows = rows[~np.isin(rows, excluded)]
        cosines = self._exact_scores(rows, query)  # (K,)
        best = ranking(cosines)[:count]
        return rows[best], cosines[best]

    @cached_property
    def _bytes(self) -> ByteTable:
        return ByteTable(self._vectors, self.lengths)

    @cached_property
    def _lanes(self) -> LaneTable:
        return LaneTable(self._vectors, self.lengths)

    @cached_property
    def _table(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The rows as float32 can multiply them, and what to scale each product by."""
        inverse = np.divide(1.0, self.lengths, out=np.zeros_like(self.lengths), where=self.lengths > 0)
        nonzero = self.lengths[self.lengths > 0]
        if nonzero.size and (nonzero.min() < SAFE_LENGTHS[0] or nonzero.max() > SAFE_LENGTHS[1]):
            return self._units, np.ones(len(self._vectors), dtype=np.float32)
        return self._vectors, inverse.astype(np.float32)

    @cached_property
    def _units(self) -> NDArray[np.float32]:
        """Every row at length 1: a copy of the table, for extreme lengths."""
        units = np.zeros_like(self._vectors)
        for start in range(0, len(units), ROWS_AT_A_TIME):
            length = self.lengths[start : start + ROWS_AT_A_TIME, None]
            block = self._vectors[start : start + ROWS_AT_A_TIME]
            out = units[start : start + len(block)]
            np.divide(block, length, out=out, where=length > 0, casting="unsafe")
        return units

    @property
    def _rounding_error(self) -> float:
        """How far a rough score may lie from the true cosine.

        A float32 dot product of D terms errs by at most D half-ulps of |v| |q| (Higham 2002, section
        3.1); rounding the query, the inverse length and the last product adds three (or the query and
        the unit vector two), and a few more cover the terms of second order.
        """
        dim: int = self._vectors.shape[1]
        return (dim + 8) * HALF_ULP + 0.1**TIE_DECIMALS

    def _exact_scores(self, rows: NDArray[np.int64], query: NDArray[np.float64]) -> NDArray[np.float64]:
        cosines = np.zeros(len(rows))  # (K,)
        for start in range(0, len(rows), ROWS_AT_A_TIME):
            some = rows[start : start + ROWS_AT_A_TIME]
            length = self.lengths[some]
            block = self._vectors[some].astype(np.float64, order="C")
            # A plain sum along each row, not a product of matrices: equal rows get equal sums.
            dots = (block * query).sum(axis=1)
            np.divide(dots, length, out=cosines[start : start + len(some)], where=length > 0)
        return np.clip(cosines, -1.0, 1.0)


def ranking(cosines: NDArray[np.float64], decimals: int = TIE_DECIMALS) -> NDArray[np.int64]:
    """Return the order from the highest cosine to the lowest, equal ones in row order.

    Args:
        cosines: (K,) float64, or other scores.
        decimals: those that agree to so many are equal.

    Returns:
        (K,) int64, positions in `cosines`.

    Example:
        >>> ranking(np.array([0.5, 0.9, 0.5 + 1e-16])).tolist()
        [1, 0, 2]
    """
    return np.argsort(-np.round(cosines, decimals), kind="stable")


def highest(scores: NDArray[np.float64], count: int, decimals: int = TIE_DECIMALS) -> NDArray[np.int64]:
    """Return the positions of the `count` highest scores, as `ranking` would put them first.

    Args:
        scores: (V,) float64; -inf for what is not to be returned.
        count: how many, at least 1.
        decimals: scores that agree to so many are equal.

    Returns:
        Up to `count` positions, int64.

    Example:
        >>> highest(np.array([0.1, 0.9, -np.inf, 0.5]), 2).tolist()
        [1, 3]
    """
    floor = _reached_by(scores, min(count, len(scores))) - 0.1**decimals
    rows = np.flatnonzero((scores >= floor) & (scores > -np.inf))
    return rows[ranking(scores[rows], decimals)][:count]


def _reached_by(scores: NDArray[np.floating], count: int) -> float:
    """Return a score that at least `count` scores reach, close below the count-th highest.

    The highest score of each of many blocks is a real score; the count-th of those will do, and
    finding it reads the scores once instead of partitioning all of them.
    """
    width = len(scores) // (BLOCKS_PER_NEIGHBOR * count)
    if width > 1:
        whole = len(scores) // width * width
        scores = scores[:whole].reshape(-1, width).max(axis=1)
    return float(np.partition(scores, -count)[-count])
