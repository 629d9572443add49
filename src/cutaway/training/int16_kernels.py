"""The loops of products in 16-bit whole numbers: rounding rows, laying out weights, multiplying.

A row v becomes q = round(v / s) with the least s that keeps |q|₂ under 2^15.5 and every number within 16
bits. Then |qₓ · qᵥ| ≤ |qₓ|₂ |qᵥ|₂ < 2^31, whatever stands in the rows (Cauchy and Schwarz): a product's sum
fits 32 bits, and what overflows on the way comes back, for sums wrap around.

Legend: N rows, I numbers in, P = ⌈I / 2⌉ pairs of them, O numbers out.
"""

# numba types what runs here.
# mypy: disable-error-code="no-untyped-call, no-untyped-def, call-arg, var-annotated, unreachable"

from __future__ import annotations

import math

import numpy as np

from cutaway.core.jit import kernel
from cutaway.training.int16_code import (
    ROWS,
    WIDE,
    pairs_at_once,
    round_numbers,
    scale_sums,
    sizes_of,
    tile_code,
)
from cutaway.training.register_code import LANES

LARGEST = 32767
# √2^31, less one for what is rounded on the way to the step.
LONGEST = 46339.0
# The least step: below, its reciprocal is no number any more. Rows of smaller numbers keep fewer digits.
LEAST = np.float32(1.1754944e-38)
# Between these, squares can be added up in float32.
SMALL, GREAT = np.float32(1e-12), np.float32(1e15)

# Rows that read the weights together: where those do not fit the second cache, they come from the third, and
# four tiles need them a quarter as often. With more, what is made of the rows is crowded out.
TOGETHER = 4 * ROWS

multiply_tile = tile_code("at once" if pairs_at_once() else "in steps")


@kernel("float32(float32[::1], int64, int64)", arrays="borrowed", callers="kernels")
def step_of(x, at, width):
    """Return the step s of x[at : at + width]; NaN where one of its numbers is not finite."""
    registers = width // LANES
    largest, total = sizes_of(x, at, registers)
    squares = np.float64(total)
    for i in range(at + registers * LANES, at + width):
        largest = max(largest, abs(x[i]))
        squares += np.float64(x[i]) * np.float64(x[i])
    if not SMALL < largest < GREAT:
        squares = 0.0
        for i in range(at, at + width):
            squares += np.float64(x[i]) * np.float64(x[i])
    if not squares < np.inf:
        return np.float32(np.nan)
    # Rounding adds up to one half to each number.
    longest = math.sqrt(squares) / (LONGEST - 0.5 * math.sqrt(width))
    return max(np.float32(longest), largest / np.float32(LARGEST), LEAST)


@kernel("float32(float32[::1], int64, int64, int16[::1], int64)", arrays="borrowed", callers="kernels")
def round_row(x, at, width, rounded, to):
    """Write the whole numbers of x[at : at + width], an even count of them; return their step."""
    step = step_of(x, at, width)
    registers = width // LANES
    if math.isnan(step):
        for i in range(width + width % 2):
            rounded[to + i] = 0
        return step
    inverse = np.float32(1) / step
    round_numbers(x, at, registers, inverse, rounded, to)
    for i in range(registers * LANES, width):
        rounded[to + i] = np.int16(np.rint(x[at + i] * inverse))
    if width % 2:
        rounded[to + width] = 0
    return step


@kernel(
    "void(float32[::1], int64, int64, int64, int16[::1], float32[::1])", arrays="borrowed", callers="kernels"
)
def round_rows(x, first, rows, width, rounded, steps):
    """Round rows of x, that begin at x[first]; what a last tile of 14 lacks becomes 0."""
    stride = width + width % 2
    for r in range(rows):
        steps[r] = round_row(x, first + r * width, width, rounded, r * stride)
    for i in range(rows * stride, (rows + ROWS - 1) // ROWS * ROWS * stride):
        rounded[i] = 0


@kernel(
    "void(int16[::1], float32[::1], int64, int64, int16[::1], float32[:, ::1], float32[::1], int64, int64, "
    "int32[::1])",
    arrays="borrowed",
    callers="kernels",
)
def multiply_rows(rounded, steps, rows, pairs, panels, scales, out, first, outputs, sums):  # noqa: PLR0913
    """Multiply rounded rows by all panels; row r of O numbers goes to out[first + r · O] and behind it.

    scales (2, 32 panels): the weights' steps, and the bias.
    """
    for panel in range((outputs + WIDE - 1) // WIDE):
        begin, w_at = panel * WIDE, panel * pairs * 2 * WIDE
        for tile in range(0, rows, ROWS):  # a panel is read again from the nearest cache
            multiply_tile(rounded, tile * 2 * pairs, 2 * pairs, panels, w_at, pairs, sums)
            for r in range(min(ROWS, rows - tile)):
                step, at = steps[tile + r], first + (tile + r) * outputs + begin
                if begin + WIDE <= outputs:
                    scale_sums(sums, r, step, scales, begin, out, at)
                else:
                    for o in range(outputs - begin):
                        scale = step * scales[0, begin + o]
                        out[at + o] = np.float32(sums[r * WIDE + o]) * scale + scales[1, begin + o]


@kernel("void(float32[:, ::1], int64, int64, int16[::1], float32[:, ::1], float32[:, ::1])")
def multiply(x, begin, end, panels, scales, out):
    """out[begin:end] = x[begin:end] Wᵀ + b, W laid out by `lay_out`."""
    width, outputs = x.shape[1], out.shape[1]
    pairs = (width + 1) // 2
    rounded = np.empty(TOGETHER * 2 * pairs, np.int16)
    steps = np.empty(TOGETHER, np.float32)
    sums = np.empty(ROWS * WIDE, np.int32)
    numbers, made = x.reshape(-1), out.reshape(-1)
    for first in range(begin, end, TOGETHER):
        rows = min(TOGETHER, end - first)
        round_rows(numbers, first * width, rows, width, rounded, steps)
        multiply_rows(rounded, steps, rows, pairs, panels, scales, made, first * outputs, outputs, sums)


@kernel("void(float32[:, ::1], int16[::1], float32[:, ::1])")
def lay_out(weight, panels, scales):
    """Round the rows of W (O, I); number (o, i) goes to panels[⌊o / 32⌋, ⌊i / 2⌋, o mod 32, i mod 2]."""
    outputs, width = weight.shape
    pairs = (width + 1) // 2
    rounded = np.empty(2 * pairs, np.int16)
    numbers = weight.reshape(-1)
    for o in range(outputs):
        scales[0, o] = round_row(numbers, o * width, width, rounded, 0)
        at = (o // WIDE * pairs * WIDE + o % WIDE) * 2
        for pair in range(pairs):
            panels[at + pair * 2 * WIDE] = rounded[2 * pair]
            panels[at + pair * 2 * WIDE + 1] = rounded[2 * pair + 1]
