"""Many queries over one table: rows at length 1 in float32, 64 side by side, each read for all queries.

The scores are never written down: a tile of rows and six queries are multiplied in registers, and only a
score that may be among a query's highest is kept (`neighbor_kernels.scan_units`). What the true scores of
those few are is for the caller to settle.

Letters: V rows, D dimensions, Q queries.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from cutaway.embeddings.byte_search import thread_count, threads
from cutaway.embeddings.similarity import ROWS_AT_A_TIME

# Few enough that they stay in the first-level cache beside a tile of rows.
QUERIES_AT_A_TIME = 96
# Candidates of a query; with more, as of a table of equal rows, it is asked alone.
ROOM = 4096

Found = list[NDArray[np.int64] | None]


class LaneTable:
    """Rows at length 1, in lanes: a copy of the table.

    Args:
        vectors: (V, D) float32, finite.
        lengths: (V,) float64, the length of each row.
    """

    def __init__(self, vectors: NDArray[np.float32], lengths: NDArray[np.float64]) -> None:
        from cutaway.embeddings.lane_code import LANES
        from cutaway.embeddings.neighbor_kernels import rows_in_lanes

        rows, dim = vectors.shape
        units = np.zeros((-(-rows // LANES), dim, LANES), dtype=np.float32)

        def write(start: int) -> None:
            some = slice(start, start + ROWS_AT_A_TIME)
            block = np.array(vectors[some], order="C")  # kernels take what may be written
            tiles = units[start // LANES : (start + ROWS_AT_A_TIME) // LANES]
            rows_in_lanes(block, lengths[some], tiles)

        list(threads().map(write, range(0, rows, ROWS_AT_A_TIME)))
        self._shape = np.array([rows, dim])
        self._units = units.reshape(-1)

    def candidates(
        self, queries: NDArray[np.float64], count: int, error: float
    ) -> Iterator[NDArray[np.int64] | None]:
        """Yield, for each query, every row that may be among the `count` nearest, in rising order.

        Args:
            queries: (Q, D) float64, each of length 1.
            count: how many are wanted, at most V.
            error: how far a float32 score may lie from the true one.

        Yields:
            Rows, int64; None where they are too many.
        """
        size = min(QUERIES_AT_A_TIME, -(-len(queries) // thread_count()))
        some = [queries[start : start + size] for start in range(0, len(queries), size)]
        return chain.from_iterable(threads().map(lambda part: self._scan(part, count, error), some))

    def _scan(self, queries: NDArray[np.float64], count: int, error: float) -> Found:
        from cutaway.embeddings.lane_code import TOGETHER
        from cutaway.embeddings.neighbor_kernels import scan_units

        asked, dim = queries.shape
        padded = np.zeros((-(-asked // TOGETHER) * TOGETHER, dim), dtype=np.float32)
        padded[:asked] = queries
        groups = padded.reshape(-1, TOGETHER, dim).transpose(0, 2, 1).reshape(-1)
        best = np.full((asked, count), -2.0, dtype=np.float32)
        found, kept = np.empty((asked, ROOM), dtype=np.int32), np.empty((asked, ROOM), dtype=np.float32)
        counts = np.zeros(asked, dtype=np.int64)
        scan_units(self._units, self._shape, groups, error, best, found, kept, counts)
        near: Found = []
        for q, filled in enumerate(counts.tolist()):
            within = kept[q, :filled] >= best[q, -1] - 2 * error
            near.append(found[q, :filled][within].astype(np.int64) if filled >= 0 else None)
        return near
