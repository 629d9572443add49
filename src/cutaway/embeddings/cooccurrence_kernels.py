"""Kernels that count which words stand near which, one row of the matrix at a time.

A word's row needs the places where the word stands and the words around each. So the corpus is
indexed by word first; then one dense row of sums, small enough for a fast cache, serves every row in
turn. Nothing is hashed.
"""

from __future__ import annotations

import numpy as np

from cutaway.core.jit import kernel

# A row is read off its dense sums where at least one cell in so many may be filled.
DENSE = 8


@kernel("void(int32[::1], int64[::1], int32[::1])")
def index_positions(ids, next_place, positions):  # type: ignore[no-untyped-def]
    """Write where each word stands, word by word; `next_place` begins as the first place of each."""
    for at in range(len(ids)):
        word = ids[at]
        if word >= 0:
            positions[next_place[word]] = at
            next_place[word] += 1


@kernel(
    "int64(int32[::1], int32[::1], int64[::1], int64[::1], float64[::1], "
    "float64[::1], int32[::1], int32[::1], float32[::1], int64[::1])"
)
def count_rows(  # type: ignore[no-untyped-def]  # noqa: PLR0913
    ids, positions, starts, rows, weights, sums, touched, columns, values, ends
):
    """Count the rows from rows[0] up to rows[1], columns no higher than the row; return the cells.

    `ids` has as many -1 as the window is wide before, between and after sentences, so that no window
    crosses. `weights` holds what a word at each distance counts, from distance 1. `sums` is zero on
    entry and on return, with two windows of room behind the words for what does not count: a branch
    there would be guessed wrong half the time. `ends` takes where each row ends in `columns`.
    """
    window = len(weights)
    beyond = len(sums) - 2 * window
    filled = 0
    for row in range(rows[0], rows[1]):
        first, last = starts[row], starts[row + 1]
        highest = np.uint32(row)
        if min(row + 1, 2 * window * (last - first)) * DENSE > row:
            for place in range(first, last):
                at = np.int64(positions[place])
                for k in range(window):
                    left = np.uint32(ids[at - 1 - k])  # -1 becomes the highest number of all
                    right = np.uint32(ids[at + 1 + k])
                    sums[np.int64(left) if left <= highest else beyond + k] += weights[k]
                    sums[np.int64(right) if right <= highest else beyond + window + k] += weights[k]
            for other in range(row + 1):
                if sums[other] != 0.0:
                    columns[filled] = other
                    values[filled] = sums[other]
                    filled += 1
                    sums[other] = 0.0
        else:
            count = 0
            for place in range(first, last):
                at = np.int64(positions[place])
                for k in range(2 * window):
                    distance = k % window
                    near = np.uint32(ids[at - 1 - distance if k < window else at + 1 + distance])
                    if near <= highest:
                        if sums[near] == 0.0:
                            touched[count] = near
                            count += 1
                        sums[near] += weights[distance]
            touched[:count].sort()
            for k in range(count):
                columns[filled] = touched[k]
                values[filled] = sums[touched[k]]
                filled += 1
                sums[touched[k]] = 0.0
        ends[row - rows[0]] = filled
    return filled


@kernel(
    "int64(int64[:, ::1], int32[::1], float32[::1], int64[::1], "
    "float64[::1], int32[::1], float32[::1], int64[::1])"
)
def add_runs(  # type: ignore[no-untyped-def]  # noqa: PLR0913
    bounds, columns, values, rows, sums, out_columns, out_values, ends
):
    """Add up the rows from rows[0] up to rows[1] over several runs; return the cells.

    Run r has row k's cells from bounds[r, k - rows[0]] to bounds[r, k - rows[0] + 1]. `sums` is zero
    on entry and on return; `ends` takes where each row ends.
    """
    filled = 0
    for row in range(rows[0], rows[1]):
        k = row - rows[0]
        for run in range(len(bounds)):
            for at in range(bounds[run, k], bounds[run, k + 1]):
                sums[columns[at]] += values[at]
        for other in range(row + 1):
            if sums[other] != 0.0:
                out_columns[filled] = other
                out_values[filled] = sums[other]
                filled += 1
                sums[other] = 0.0
        ends[k] = filled
    return filled
