"""Kernels of the exact search: rows as bytes, a scan over the bytes, a scan over rough scores.

Letters: V rows, D dimensions, W width of a row of bytes (a multiple of 64), Q queries, R rows.
"""

from __future__ import annotations

import math

import numpy as np

from cutaway.core.jit import kernel

WIDTH = 64
LEVELS = 127.0
ROWS = 256


@kernel("void(float32[:, ::1], float64[::1], int8[:, ::1], float32[::1], float32[::1])")
def quantize_rows(vectors, lengths, codes, scales, slacks):  # type: ignore[no-untyped-def]
    """Write each row at length 1 as bytes times a scale, and how far that lies from it.

    u ≈ s c with c from -127 to 127, and slack = |u - s c|, rounded up.
    """
    for row in range(len(vectors)):
        length = lengths[row]
        codes[row] = 0
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
            codes[row, d] = np.int8(code)
            rest += (unit - scale * code) ** 2
        scales[row] = scale
        slacks[row] = np.float32(math.sqrt(rest) * (1 + 1e-6) + 1e-7)


@kernel(
    "int64(int8[:, ::1], float32[::1], float32[::1], int16[::1], float64[::1], int64[::1], "
    "float64[::1], int32[::1], float64[::1])"
)
def scan_codes(  # type: ignore[no-untyped-def]  # noqa: PLR0913  (flat arrays in, flat arrays out)
    codes, scales, slacks, query, steps, rows, best, found, highest
):
    """Find the rows from rows[0] up to rows[1] that may be among the nearest; return how many.

    `steps` is (the query's scale, its slack). A score lies within the row's and the query's slack of
    the product of bytes. `best` takes the highest lower ends, falling; `found` the rows whose upper
    end reached the last of them when they were met, and `highest` those upper ends.
    """
    count = len(best)
    best[:] = -np.inf
    kept = 0
    dots = np.empty(ROWS, dtype=np.int32)
    for start in range(rows[0], rows[1], ROWS):
        some = min(ROWS, rows[1] - start)
        # Apart from what follows, so that nothing keeps the compiler from whole registers.
        for k in range(some):
            dot = np.int32(0)
            for d in range(WIDTH):
                dot += np.int32(codes[start + k, d]) * np.int32(query[d])
            dots[k] = dot
        for chunk in range(WIDTH, codes.shape[1], WIDTH):
            for k in range(some):
                dot = np.int32(0)
                for d in range(WIDTH):
                    dot += np.int32(codes[start + k, chunk + d]) * np.int32(query[chunk + d])
                dots[k] += dot
        # A first look without branches; 1e-6 covers what float32 rounds away.
        scale, floor = np.float32(steps[0]), np.float32(best[count - 1] - steps[1] - 1e-6)
        hits = 0
        for k in range(some):
            hits += np.float32(dots[k]) * scales[start + k] * scale + slacks[start + k] >= floor
        if hits == 0:
            continue
        for k in range(some):
            row = start + k
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
    "void(float32[:, ::1], int64[::1], float64, float32[:, ::1], int32[:, ::1], float32[:, ::1], int64[::1])"
)
def scan_scores(scores, rows, error, best, found, kept, counts):  # type: ignore[no-untyped-def]
    """Go on with the search of many queries over some rows whose rough scores are known.

    `rows` is (the number of the first, the first query, the query after the last). A rough score lies
    within `error` of the true one. `best` holds each query's highest scores so far, falling; `found`
    the rows that may be among the nearest, `kept` their scores, `counts` how many; -1 for a query that
    has more than there is room for.
    """
    count = best.shape[1]
    room = found.shape[1]
    for q in range(rows[1], rows[2]):
        for start in range(0, scores.shape[1], WIDTH):
            end = min(start + WIDTH, scores.shape[1])
            floor = np.float32(best[q, count - 1] - 2 * error)
            hits = 0
            for at in range(start, end):
                hits += scores[q, at] >= floor
            if hits == 0 or counts[q] < 0:
                continue
            for at in range(start, end):
                score = scores[q, at]
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
                found[q, counts[q]] = rows[0] + at
                kept[q, counts[q]] = score
                counts[q] += 1
                if score > best[q, count - 1]:
                    place = count - 1
                    while place > 0 and best[q, place - 1] < score:
                        best[q, place] = best[q, place - 1]
                        place -= 1
                    best[q, place] = score
