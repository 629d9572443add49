"""A table as bytes: a quarter of the memory to read, and a bound on what that hides.

A row at length 1 is u = s c + r, where c are bytes and |r| is known. For a query q of length 1, itself
rounded to t k with |q − t k| known, Cauchy and Schwarz give

    |u·q − s t (c·k)| ≤ |r| + (1 + |r|) |q − t k|                                          (1)

so every row that may be among the nearest is found by integer products alone. What the true scores of
those few are is for the caller to settle.

Letters: V rows, D dimensions.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cutaway.embeddings.similarity import ROWS_AT_A_TIME

# The dot product of D bytes with so large numbers stays below 2^31 for D up to 4,096.
QUERY_LEVELS = 4000
ROWS_OF_PART = 1 << 16  # whole tiles


class ByteTable:
    """Rows as bytes, for finding the few rows that may be nearest to a query.

    Args:
        vectors: (V, D) float32, finite.
        lengths: (V,) float64, the length of each row.
    """

    def __init__(self, vectors: NDArray[np.float32], lengths: NDArray[np.float64]) -> None:
        from cutaway.embeddings.lane_code import LANES
        from cutaway.embeddings.neighbor_kernels import quantize_rows

        rows, dim = vectors.shape
        self._codes = np.zeros((-(-rows // LANES), -(-dim // 2), LANES, 2), dtype=np.int8)
        self._scales = np.empty(rows, dtype=np.float32)
        self._slacks = np.empty(rows, dtype=np.float32)

        def quantize(start: int) -> None:
            some = slice(start, start + ROWS_AT_A_TIME)
            block = np.array(vectors[some], order="C")  # kernels take what may be written
            codes = self._codes[start // LANES : (start + ROWS_AT_A_TIME) // LANES]
            quantize_rows(block, lengths[some], codes, self._scales[some], self._slacks[some])

        list(threads().map(quantize, range(0, rows, ROWS_AT_A_TIME)))
        self._most_slack = float(self._slacks.max(initial=0.0))

    def candidates(self, query: NDArray[np.float64], count: int) -> NDArray[np.int64]:
        """Return every row that may be among the `count` nearest, in rising order.

        Args:
            query: (D,) float64 of length 1.
            count: how many are wanted, at most V.

        Returns:
            Rows, int64: the `count` nearest, rows equally near, and a few more.
        """
        from cutaway.embeddings.neighbor_kernels import scan_codes

        rows = len(self._scales)
        step = float(np.abs(query).max()) / QUERY_LEVELS
        codes = np.zeros(2 * self._codes.shape[1], dtype=np.int16)
        codes[: len(query)] = np.rint(query / step)
        slack = float(np.sqrt(((query - step * codes[: len(query)]) ** 2).sum()))
        steps = np.array([step, slack * (1 + self._most_slack) + 1e-7])
        flat = self._codes.reshape(-1)
        starts = iter(range(0, rows, ROWS_OF_PART))  # the next one goes to whichever thread is free
        done: list[tuple[int, NDArray[np.int32], NDArray[np.float64]]] = []

        def scan() -> NDArray[np.float64]:
            best = np.full(count, -np.inf)
            for start in starts:
                part = np.array([start, min(rows, start + ROWS_OF_PART)])
                found, highest = np.empty(part[1] - start, np.int32), np.empty(part[1] - start)
                kept = scan_codes(flat, self._scales, self._slacks, codes, steps, part, best, found, highest)
                done.append((start, found[:kept], highest[:kept]))
            return best

        others = min(thread_count(), -(-rows // ROWS_OF_PART)) - 1
        helping = [threads().submit(scan) for _ in range(others)]
        reached = [scan()]  # a thread that no core has taken up by now is not waited for
        reached += [thread.result() for thread in helping if not thread.cancel()]
        lowest = np.partition(np.concatenate(reached), -count)[-count]
        parts = sorted(done, key=lambda part: part[0])
        return np.concatenate([found[highest >= lowest] for _, found, highest in parts]).astype(np.int64)


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
