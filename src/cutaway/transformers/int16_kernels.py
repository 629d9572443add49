"""An encoder's block for prediction in one kernel: products in 16-bit whole numbers, all else on the way.

14 tokens at a time, what a product gives is activated, added, normalized and rounded for the next product
while it is still in the nearest cache. Attention goes row by row and head by head, in float32.

Legend: N tokens of some rows, D width, H heads, d = D / H numbers per head, F feed-forward width, L tokens of
a row.
"""

# numba types what runs here.
# mypy: disable-error-code="call-arg, no-untyped-call, no-untyped-def, unreachable, var-annotated"

from __future__ import annotations

import math

import numpy as np

from cutaway.core.jit import kernel
from cutaway.training.int16_code import ROWS, WIDE
from cutaway.training.int16_kernels import multiply_rows, round_rows
from cutaway.training.register_code import LANES
from cutaway.training.row_code import (
    ACTIVATIONS,
    activation_code,
    add_and_norm,
    exponentials,
    multiply_floats,
    scale_row,
)

gelu, gelu_tanh, relu, swish = map(activation_code, ACTIVATIONS)


@kernel("void(float32[::1], int64, int64, int64)", arrays="borrowed", callers="kernels")
def _activate(x, at, registers, activation):
    """Activate numbers in place, by the number of `ACTIVATIONS`."""
    if activation == 0:
        gelu(x, at, registers)
    elif activation == 1:
        gelu_tanh(x, at, registers)
    elif activation == 2:
        relu(x, at, registers)
    else:
        swish(x, at, registers)


@kernel(
    "void(float32[::1], int64, int64, int64, int64, float32[::1], float32[::1])",
    arrays="borrowed",
    callers="kernels",
)
def _gather_head(made, at, length, wide, size, keys, values):
    """Copy a head's keys, 32 of them side by side, and its values, row by row in whole tiles of 32.

    made[at] is the first key's first number, tokens are 3 D numbers apart, values D numbers behind.
    """
    width = wide // 3
    stride = (size + WIDE - 1) // WIDE * WIDE
    for t in range(length):
        first = at + t * wide
        place = t // WIDE * size * WIDE + t % WIDE
        for i in range(size):
            keys[place + i * WIDE] = made[first + i]
        for i in range(size):
            values[t * stride + i] = made[first + width + i]


@kernel(
    "void(float32[::1], int64, int64, int64, int64, float32[::1], float32[::1], float32[::1], float32[::1], "
    "float32[::1])",
    arrays="borrowed",
    callers="kernels",
)
def _attend_row(made, first, length, heads, width, keys, values, scores, mixed, seen):  # noqa: PLR0913
    """Attend within one row of L tokens: queries, keys and values in made (N, 3 D), result in seen (N, D)."""
    size, wide = width // heads, 3 * width
    stride = (size + WIDE - 1) // WIDE * WIDE
    places = (length + WIDE - 1) // WIDE * WIDE
    registers = (length + LANES - 1) // LANES
    scale = np.float32(1 / math.sqrt(size))
    for head in range(heads):
        begin = first * wide + head * size
        _gather_head(made, begin + width, length, wide, size, keys, values)
        for t in range(0, length, ROWS):
            for key in range(0, places, WIDE):
                multiply_floats(
                    made, begin + t * wide, wide, keys, key * size, WIDE, size, scores, key, places
                )
            rows = min(ROWS, length - t)
            for r in range(rows):
                for key in range(length, registers * LANES):
                    scores[r * places + key] = -np.inf
                total = exponentials(scores, r * places, registers, scale)
                mixed[ROWS * stride + r] = np.float32(1) / total
            for part in range(0, stride, WIDE):
                multiply_floats(scores, 0, places, values, part, stride, length, mixed, part, stride)
            for r in range(rows):
                to = (first + t + r) * width + head * size
                scale_row(mixed, r * stride, size // LANES, mixed[ROWS * stride + r], seen, to)


@kernel(
    "void(float32[:, ::1], int64[::1], int64[::1], float32[::1], float32[::1], int16[::1], float32[:, ::1])",
    callers="kernels",
)
def _look(x, starts, sizes, made, seen, panels, scales):
    """Attend within every row: queries, keys and values into made (N + 14, 3 D), their mixture into seen."""
    tokens, width = x.shape
    heads, numbers = sizes[0], x.reshape(-1)
    rounded, steps = np.empty(ROWS * width, np.int16), np.empty(ROWS, np.float32)
    sums = np.empty(ROWS * WIDE, np.int32)
    longest = 0
    for row in range(len(starts) - 1):
        longest = max(longest, starts[row + 1] - starts[row])
    places = (longest + WIDE - 1) // WIDE * WIDE
    stride = (width // heads + WIDE - 1) // WIDE * WIDE
    keys, values = np.zeros(places * (width // heads), np.float32), np.zeros(places * stride, np.float32)
    scores, mixed = np.empty(ROWS * places, np.float32), np.empty(ROWS * (stride + 1), np.float32)
    done = 0
    for row in range(len(starts) - 1):
        first, length = starts[row], starts[row + 1] - starts[row]
        while done < first + length:
            rows = min(ROWS, tokens - done)
            round_rows(numbers, done * width, rows, width, rounded, steps)
            at = done * 3 * width
            multiply_rows(rounded, steps, rows, width // 2, panels, scales, made, at, 3 * width, sums)
            done += rows
        _attend_row(made, first, length, heads, width, keys, values, scores, mixed, seen)


@kernel(
    "void(float32[:, ::1], int64[::1], int64[::1], float32[:, :, ::1], float32[::1], float32[::1], "
    "float32[::1], int16[::1], float32[:, ::1], int16[::1], float32[:, ::1], int16[::1], float32[:, ::1], "
    "int16[::1], float32[:, ::1])"
)
def read_block(  # noqa: PLR0913
    x, starts, sizes, norms, epsilons, made, seen, together, together_scales, output, output_scales, up,
    up_scales, down, down_scales,
):  # fmt: skip
    """Transform every token once, in place.

    Args:
        x: (N, D) float32.
        starts: where each row begins, and N; (B + 1,) int64.
        sizes: H, F, and the activation's number in `ACTIVATIONS`.
        norms: scale and shift behind attention, and behind the feed-forward layer; (2, 2, D) float32.
        epsilons: theirs, (2,) float32.
        made: room for queries, keys and values, ((N + 14) 3 D,) float32.
        seen: room for what attention makes of them, (N D,) float32.
        together: panels of query, key and value, as `lay_out` makes them.
        together_scales: theirs.
        output: panels of attention's output.
        output_scales: theirs.
        up: panels of the feed-forward layer's first half.
        up_scales: theirs.
        down: panels of its second half.
        down_scales: theirs.
    """
    tokens, width = x.shape
    hidden, activation, numbers = sizes[1], sizes[2], x.reshape(-1)
    _look(x, starts, sizes, made, seen, together, together_scales)
    most = max(width, hidden)
    rounded, steps = np.empty(ROWS * most, np.int16), np.empty(ROWS, np.float32)
    sums, piece = np.empty(ROWS * WIDE, np.int32), np.empty(ROWS * most, np.float32)
    for first in range(0, tokens, ROWS):
        rows, at = min(ROWS, tokens - first), first * width
        round_rows(seen, at, rows, width, rounded, steps)
        multiply_rows(rounded, steps, rows, width // 2, output, output_scales, piece, 0, width, sums)
        for r in range(rows):
            add_and_norm(piece, r * width, numbers, at + r * width, norms, 0, epsilons[0])
        round_rows(numbers, at, rows, width, rounded, steps)
        multiply_rows(rounded, steps, rows, width // 2, up, up_scales, piece, 0, hidden, sums)
        _activate(piece, 0, rows * hidden // LANES, activation)
        round_rows(piece, 0, rows, hidden, rounded, steps)
        multiply_rows(rounded, steps, rows, hidden // 2, down, down_scales, piece, 0, width, sums)
        for r in range(rows):
            add_and_norm(piece, r * width, numbers, at + r * width, norms, 1, epsilons[1])
