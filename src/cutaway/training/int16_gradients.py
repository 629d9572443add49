"""Products of a layer's backward pass in 16-bit whole numbers: what is added to, what is summed over rows.

    dX += dY W,   dW += dYᵀ X

The second sums over rows, so its steps belong to columns: column v of a piece of M rows becomes round(v / s)
as a row does in `int16_kernels`, where it says why no sum overflows. Two rows side by side are a pair, and
pairs of neighboring columns are neighbors already: nothing is transposed.

Legend: M rows, P = ⌈M / 2⌉ pairs of them, I numbers in, O numbers out, K columns.
"""

# numba types what runs here.
# mypy: disable-error-code="no-untyped-call, no-untyped-def, call-arg, var-annotated, unreachable"

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic

from cutaway.core.jit import kernel
from cutaway.training.int16_code import ROWS, pairs_at_once, products_code
from cutaway.training.int16_kernels import (
    GREAT,
    LARGEST,
    LEAST,
    LONGEST,
    SMALL,
    TOGETHER,
    multiply_rows,
    round_rows,
)
from cutaway.training.register_code import (
    FLOATS,
    INTS,
    LANES,
    LONG,
    called,
    data,
    every,
    fma,
    kept,
    larger,
    load,
    nearest,
    splat,
    store,
)

# Columns of a tile, of dY and of X; those of dY are laid out for four tiles together.
HIGH, WIDE = 12, 32
TALL = 4 * HIGH

_PARTS = WIDE // LANES
_add_products = products_code("at once" if pairs_at_once() else "in steps")


@intrinsic
def _measure(typing: Any, x: Any, at: Any, stride: Any, rows: Any, sizes: Any) -> Any:
    """sizes[:, k] = max |v|, which passes over NaN, and Σ v², of v = x[at + n · stride + k] for 16 columns"""

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        base, target = (data(context, b, signature, given, k) for k in (0, 4))
        largest, total = kept(b, every(FLOATS, 0.0)), kept(b, every(FLOATS, 0.0))
        with cgutils.for_range(b, given[3]) as turn:
            read = load(b, base, b.add(given[1], b.mul(turn.index, given[2])))
            b.store(larger(b, called(b, "llvm.fabs.v16f32", [read]), b.load(largest)), largest)
            b.store(fma(b, read, read, b.load(total)), total)
        for at, found in ((0, largest), (LANES, total)):
            store(b, target, LONG(at), b.load(found))
        return context.get_dummy_value()

    return types.void(x, at, stride, rows, sizes), build


@intrinsic
def _lay_out(  # noqa: PLR0913
    typing: Any, x: Any, at: Any, stride: Any, pairs: Any, inverse: Any, words: Any, to: Any, wide: Any
) -> Any:
    """words[to + p · wide + k] = round(x[at + 2p · stride + k] / s) and the row behind it, 16 columns"""

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        base, factors, target = (data(context, b, signature, given, k) for k in (0, 4, 5))
        factor = load(b, factors, LONG(0))
        with cgutils.for_range(b, given[3]) as turn:
            here = b.add(given[1], b.mul(b.mul(turn.index, LONG(2)), given[2]))
            low, high = (
                b.fptosi(nearest(b, b.fmul(load(b, base, place), factor)), INTS)
                for place in (here, b.add(here, given[2]))
            )
            word = b.or_(b.and_(low, every(INTS, 0xFFFF)), b.shl(high, every(INTS, 16)))
            store(b, target, b.add(given[6], b.mul(turn.index, given[7])), word)
        return context.get_dummy_value()

    return types.void(x, at, stride, pairs, inverse, words, to, wide), build


@intrinsic
def _tile(  # noqa: PLR0913
    typing: Any, left: Any, l_at: Any, right: Any, r_at: Any, pairs: Any, steps: Any, s_at: Any, tile: Any
) -> Any:
    """tile[h, w] = steps[s_at + h] Σ left[p, h] · right[p, w], 12 by 32 numbers"""

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        left, right, steps, tile = (data(context, b, signature, given, k) for k in (0, 2, 5, 7))
        total = [[kept(b, every(INTS, 0)) for _ in range(_PARTS)] for _ in range(HIGH)]
        with cgutils.for_range(b, given[4]) as turn:
            at = b.add(given[3], b.mul(turn.index, LONG(WIDE)))
            numbers = [load(b, right, b.add(at, LONG(LANES * part)), INTS) for part in range(_PARTS)]
            row = b.gep(left, [b.add(given[1], b.mul(turn.index, LONG(TALL)))])
            for h in range(HIGH):
                pair = splat(b, b.load(b.gep(row, [LONG(h)]), align=4), INTS)
                for part, place in enumerate(total[h]):
                    b.store(_add_products(b, b.load(place), numbers[part], pair), place)
        for h in range(HIGH):
            step = splat(b, b.load(b.gep(steps, [b.add(given[6], LONG(h))])))
            for part, place in enumerate(total[h]):
                store(b, tile, LONG(h * WIDE + part * LANES), b.fmul(b.sitofp(b.load(place), FLOATS), step))
        return context.get_dummy_value()

    return types.void(left, l_at, right, r_at, pairs, steps, s_at, tile), build


@kernel("void(float32[:, ::1], int16[::1], float32[:, ::1], float32[:, ::1], int64, int64)")
def multiply_adding(x, panels, scales, out, begin, end):
    """out[begin:end] += x[begin:end] Wᵀ, W laid out by `int16_kernels.lay_out`."""
    width, outputs = x.shape[1], out.shape[1]
    pairs = (width + 1) // 2
    rounded = np.empty(TOGETHER * 2 * pairs, np.int16)
    steps = np.empty(TOGETHER, np.float32)
    sums = np.empty(ROWS * WIDE, np.int32)
    made = np.empty(TOGETHER * outputs, np.float32)
    numbers, target = x.reshape(-1), out.reshape(-1)
    for first in range(begin, end, TOGETHER):
        rows = min(TOGETHER, end - first)
        round_rows(numbers, first * width, rows, width, rounded, steps)
        multiply_rows(rounded, steps, rows, pairs, panels, scales, made, 0, outputs, sums)
        start = first * outputs
        for i in range(rows * outputs):
            target[start + i] += made[i]


@kernel("float32(float32, float32, int64)", callers="kernels")
def step_of_column(largest, squares, rows):
    """Return a column's step from max |v| and Σ v²; NaN where one of its numbers is not finite."""
    if not (squares == squares and largest < np.float32(np.inf)):
        return np.float32(np.nan)
    length = math.sqrt(np.float64(squares))
    if not SMALL < largest < GREAT:
        length = np.float64(largest) * math.sqrt(rows)  # at most so much
    step = np.float32(length / (LONGEST - 0.5 * math.sqrt(rows)))
    return max(step, largest / np.float32(LARGEST), LEAST)


@kernel("void(float32[:, ::1], int64, int32[::1], float32[:, ::1], int64, int64)")
def lay_out_columns(x, wide, words, steps, first, last):
    """Round the columns of x (M, K) and lay them out, the panels of `wide` that begin from first to last.

    Rows 2p and 2p + 1 of column k are word [⌊k / wide⌋, p, k mod wide]; steps (2, K or more): each column's
    step, and 0.
    """
    rows, columns = x.shape
    pairs = (rows + 1) // 2
    numbers = x.reshape(-1)
    sizes = np.empty((2, LANES), np.float32)
    inverse = np.empty(LANES, np.float32)
    part = np.empty(rows * LANES, np.float32)
    for panel in range((first + wide - 1) // wide, (last + wide - 1) // wide):
        for begin in range(panel * wide, (panel + 1) * wide, LANES):
            width = min(LANES, columns - begin)
            source, at, stride = numbers, begin, columns
            if width < LANES:
                source, at, stride = part, 0, LANES
                for n in range(rows):
                    for k in range(LANES):
                        part[n * LANES + k] = x[n, begin + k] if k < width else np.float32(0.0)
            _measure(source, at, stride, rows, sizes)
            for k in range(LANES):
                step = step_of_column(sizes[0, k], sizes[1, k], rows)
                inverse[k] = np.float32(1.0) / step
                steps[0, begin + k] = step
                steps[1, begin + k] = np.float32(0.0)
            to = panel * pairs * wide + begin - panel * wide
            _lay_out(source, at, stride, rows // 2, inverse, words, to, wide)
            if rows % 2:
                for k in range(LANES):
                    number = source[at + (rows - 1) * stride + k] * inverse[k]
                    words[to + (pairs - 1) * wide + k] = np.int32(np.rint(number)) & 0xFFFF


@kernel(
    "void(int32[::1], float32[:, ::1], int32[::1], float32[:, ::1], int64, float32[:, ::1], int64, int64)"
)
def multiply_columns(left, left_steps, right, right_steps, pairs, out, first, last):  # noqa: PLR0913
    """out (O, I) += leftᵀ right, both from `lay_out_columns`, in tiles of rows that begin from first to last.

    The panels of `left` are 48 wide, those of `right` 32; `left_steps` goes on to a whole panel's end.
    """
    outputs, inputs = out.shape
    tile = np.empty(HIGH * WIDE, np.float32)
    for panel in range((inputs + WIDE - 1) // WIDE):
        begin = panel * WIDE
        width = min(WIDE, inputs - begin)
        for row in range((first + HIGH - 1) // HIGH, (last + HIGH - 1) // HIGH):
            top = row * HIGH
            l_at = (top // TALL * pairs * TALL) + top % TALL
            _tile(left, l_at, right, panel * pairs * WIDE, pairs, left_steps, top, tile)
            for h in range(min(HIGH, outputs - top)):
                for w in range(width):
                    out[top + h, begin + w] += tile[h * WIDE + w] * right_steps[0, begin + w]
