"""A table as bytes: a quarter of the memory to read, and a bound on what that hides.

A row at length 1 is u = s c + r, where c are bytes and |r| is known. For a query q of length 1, itself
rounded to t k with |q − t k| known, Cauchy and Schwarz give

    |u·q − s t (c·k)| ≤ |r| + (1 + |r|) |q − t k|                                          (1)

so every row that may be among the nearest is found by integer products alone. What the true scores of
those few are is for the caller to settle.

Letters: V rows, D dimensions, W width of a row of bytes.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cutaway.embeddings.similarity import ROWS_AT_A_TIME

# The dot product of W bytes with so large numbers stays below 2^31 for W up to 4,096.
QUERY_LEVELS = 4000
ROWS_PER_THREAD = 50_000


class ByteTable:
    """Rows as bytes, for finding the few rows that may be nearest to a query.

    Args:
        vectors: (V, D) float32, finite.
        lengths: (V,) float64, the length of each row.
    """

    def __init__(self, vectors: NDArray[np.float32], lengths: NDArray[np.float64]) -> None:
        from cutaway.embeddings.neighbor_kernels import WIDTH, quantize_rows

        rows, dim = vectors.shape
        self._codes = np.empty((rows, -(-dim // WIDTH) * WIDTH), dtype=np.int8)
        self._scales = np.empty(rows, dtype=np.float32)
        self._slacks = np.empty(rows, dtype=np.float32)

        def quantize(start: int) -> None:
            some = slice(start, start + ROWS_AT_A_TIME)
            block = np.array(vectors[some], order="C")  # kernels take what may be written
            quantize_rows(block, lengths[some], self._codes[some], self._scales[some], self._slacks[some])

        list(threads().map(quantize, range(0, rows, ROWS_AT_A_TIME)))

    def candidates(self, query: NDArray[np.float64], count: int) -> NDArray[np.int64]:
        """Return every row that may be among the `count` nearest, in rising order.

        Args:
            query: (D,) float64 of length 1.
            count: how many are wanted, at most V.

        Returns:
            Rows, int64: the `count` nearest, rows equally near, and a few more.
        """
        from cutaway.embeddings.neighbor_kernels import scan_codes

        step = float(np.abs(query).max()) / QUERY_LEVELS
        codes = np.zeros(self._codes.shape[1], dtype=np.int16)
        codes[: len(query)] = np.rint(query / step)
        slack = float(np.sqrt(((query - step * codes[: len(query)]) ** 2).sum()))
        steps = np.array([step, slack * (1 + float(self._slacks.max(initial=0.0))) + 1e-7])
        parts = max(1, min(thread_count(), len(self._codes) // ROWS_PER_THREAD))
        bounds = np.linspace(0, len(self._codes), parts + 1).astype(np.int64)

        def scan(part: int) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.float64]]:
            rows = bounds[part : part + 2]
            best = np.empty(count)
            found, highest = np.empty(rows[1] - rows[0], np.int32), np.empty(rows[1] - rows[0])
            kept = scan_codes(
                self._codes, self._scales, self._slacks, codes, steps, rows, best, found, highest
            )
            return best, found[:kept], highest[:kept]

        done = list(threads().map(scan, range(parts))) if parts > 1 else [scan(0)]
        lowest = np.partition(np.concatenate([best for best, _, _ in done]), -count)[-count]
        near = [found[highest >= lowest] for _, found, highest in done]
        return np.concatenate(near).astype(np.int64)


def thread_count() -> int:
    """Return how many cores this process may use, at most 8: beyond, memory is the limit.

    Returns:
        At least 1.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, usable)


def threads() -> ThreadPoolExecutor:
    """Return threads that live as long as the process; a forked process gets its own.

    Returns:
        The pool.
    """
    return _pool(os.getpid())


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_count(), thread_name_prefix="cutaway-search")
