"""Kernels of the exact search: rows made ready for it, a scan over bytes, a scan over float32.

Rows stand in tiles of 64, side by side (`embeddings.lane_code` says why); what lies behind the last row
of the last tile is zero.

Letters: V rows, T tiles of 64 rows, D dimensions, P pairs of dimensions, Q queries.
"""

# numba types what runs here; to a type checker its intrinsics are plain functions of other arguments.
# mypy: disable-error-code="call-arg, no-untyped-call, no-untyped-def, unreachable"

from __future__ import annotations

import math

import numpy as np

from cutaway.core.jit import kernel
from cutaway.embeddings.lane_code import LANES, TOGETHER, dot_tile, score_tile

LEVELS = 127.0
TILES = 4  # of bytes that are looked at in one go


@kernel("void(float32[:, ::1], float64[::1], int8[:, :, :, ::1], float32[::1], float32[::1])")
def quantize_rows(vectors, lengths, codes, scales, slacks):
    """Write each row at length 1 as bytes times a scale, and how far that lies from it.

    u ≈ s c with c from -127 to 127, and slack = |u - s c|, rounded up. `codes` is (T, P, 64, 2).
    """
    for row in range(len(vectors)):
        length = lengths[row]
        scales[row] = slacks[row] = np.float32(0.0)
        if length == 0.0:
            continue
        largest = 0.0
        for d in range(vectors.shape[1]):
            largest = max(largest, abs(np.float64(vectors[row, d])))
        scale = np.float32(largest / length / LEVELS)
        rest = 0.0
        for d in range(vectors.shape[1]):
            unit = vectors[row, d] / length
            code = min(LEVELS, max(-LEVELS, np.rint(unit / scale))) if scale > 0 else 0.0
            codes[row // LANES, d // 2, row % LANES, d % 2] = np.int8(code)
            rest += (unit - scale * code) ** 2
        scales[row] = scale
        slacks[row] = np.float32(math.sqrt(rest) * (1 + 1e-6) + 1e-7)


@kernel("void(float32[:, ::1], float64[::1], float32[:, :, ::1])")
def rows_in_lanes(vectors, lengths, units):
    """Write each row at length 1 into its lane; `units` is (T, D, 64)."""
    for row in range(len(vectors)):
        length = lengths[row]
        for d in range(vectors.shape[1]):
            unit = vectors[row, d] / length if length > 0 else 0.0
            units[row // LANES, d, row % LANES] = np.float32(unit)


@kernel(
    "int64(int8[::1], float32[::1], float32[::1], int16[::1], float64[::1], int64[::1], "
    "float64[::1], int32[::1], float64[::1])"
)
def scan_codes(  # noqa: PLR0913  (flat arrays in, flat arrays out)
    codes, scales, slacks, query, steps, rows, best, found, highest
):
    """Find the rows from rows[0] up to rows[1] that may be among the nearest; return how many.

    `rows` begins with a tile. `steps` is (the query's scale, its slack). A score lies within the row's
    and the query's slack of the product of bytes. `best` holds the highest lower ends so far, falling;
    `found` takes the rows whose upper end reached the last of them when they were met, and `highest`
    those upper ends.
    """
    count, pairs = len(best), len(query) // 2
    kept = 0
    dots = np.empty(TILES * LANES, dtype=np.int32)
    for start in range(rows[0], rows[1], TILES * LANES):
        some = min(TILES * LANES, rows[1] - start)
        for tile in range((some + LANES - 1) // LANES):
            dot_tile(codes, start // LANES + tile, pairs, query, dots, tile * LANES)
        # A first look without branches; 1e-6 covers what float32 rounds away.
        scale, floor = np.float32(steps[0]), np.float32(best[count - 1] - steps[1] - 1e-6)
        hits = np.int32(0)
        for k in range(np.uint64(some)):  # unsigned: an index that may be negative is gathered
            row = np.uint64(start) + k
            hits += np.int32(np.float32(dots[k]) * scales[row] * scale + slacks[row] >= floor)
        if hits == 0:
            continue
        for k in range(np.uint64(some)):
            row = np.uint64(start) + k
            score = dots[k] * np.float64(scales[row]) * steps[0]
            slack = slacks[row] + steps[1]
            if score + slack < best[count - 1]:
                continue
            found[kept] = row
            highest[kept] = score + slack
            kept += 1
            low = score - slack
            if low > best[count - 1]:
                at = count - 1
                while at > 0 and best[at - 1] < low:
                    best[at] = best[at - 1]
                    at -= 1
                best[at] = low
    return kept


@kernel(
    "void(float32[::1], int64[::1], float32[::1], float64, float32[:, ::1], int32[:, ::1], "
    "float32[:, ::1], int64[::1])"
)
def scan_units(  # noqa: PLR0913  (flat arrays in, flat arrays out)
    units, shape, queries, error, best, found, kept, counts
):
    """Search all rows for many queries at once.

    `shape` is (V, D), `units` (T, D, 64), and `queries` (Q / 6, D, 6), both flat. A float32 score lies
    within `error` of the true one. `best` takes each query's highest scores, falling; `found` the rows
    that may be among the nearest, `kept` their scores, `counts` how many; -1 for a query that has more
    than there is room for.
    """
    count, room = best.shape[1], found.shape[1]
    scores = np.empty(TOGETHER * LANES, dtype=np.float32)
    for start in range(0, shape[0], LANES):
        some = min(LANES, shape[0] - start)
        for group in range((len(best) + TOGETHER - 1) // TOGETHER):
            score_tile(units, start // LANES, shape[1], queries, group, scores)
            for q in range(group * TOGETHER, min(len(best), group * TOGETHER + TOGETHER)):
                first = q % TOGETHER * LANES
                floor = np.float32(best[q, count - 1] - 2 * error)
                hits = np.int32(0)
                for lane in range(np.uint64(LANES)):  # unsigned: an index that may be negative is gathered
                    hits += np.int32(scores[np.uint64(first) + lane] >= floor)
                if hits == 0 or counts[q] < 0:
                    continue
                for at in range(some):
                    score = scores[first + at]
                    if score < np.float32(best[q, count - 1] - 2 * error):
                        continue
                    if counts[q] == room:
                        floor = np.float32(best[q, count - 1] - 2 * error)
                        left = 0
                        for k in range(room):
                            if kept[q, k] >= floor:
                                found[q, left] = found[q, k]
                                kept[q, left] = kept[q, k]
                                left += 1
                        counts[q] = left
                        if left > room // 2:
                            counts[q] = -1
                            break
                    found[q, counts[q]] = start + at
                    kept[q, counts[q]] = score
                    counts[q] += 1
                    if score > best[q, count - 1]:
                        place = count - 1
                        while place > 0 and best[q, place - 1] < score:
                            best[q, place] = best[q, place - 1]
                            place -= 1
                        best[q, place] = score
