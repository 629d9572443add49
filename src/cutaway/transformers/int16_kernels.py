"""An encoder's block for prediction in one kernel: products in 16-bit whole numbers, all else on the way.

Some tokens at a time, what a product gives is activated, added, normalized and rounded for the next product
while it is still in a near cache. Attention goes row by row and head by head, in float32.

Legend: N tokens of some rows, D width, H heads, d = D / H numbers per head, F feed-forward width, L tokens of
a row.
"""

# numba types what runs here.
# mypy: disable-error-code="call-arg, no-untyped-call, no-untyped-def, unreachable, var-annotated"

from __future__ import annotations

import math

import numpy as np

from cutaway.core.jit import kernel
from cutaway.training.int16_code import ROWS, WIDE, scale_sums
from cutaway.training.int16_kernels import TOGETHER, multiply_rows, multiply_tile, round_rows
from cutaway.training.register_code import LANES
from cutaway.training.row_code import (
    ACTIVATIONS,
    activation_code,
    add_and_norm,
    exponentials,
    multiply_floats,
    scale_row,
    turn_tile,
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


@kernel("int64(int64, int64)", arrays="borrowed", callers="kernels")
def _stride_of(size, width):
    """Return how far apart tokens stand in what `_project` makes: a head by itself where it fills tiles."""
    return size if size % WIDE == 0 else 3 * width


@kernel(
    "void(int16[::1], float32[::1], int64, int64, int16[::1], float32[:, ::1], float32[::1], int64, int64, "
    "int64, int32[::1])",
    arrays="borrowed",
    callers="kernels",
)
def _project(rounded, steps, rows, width, panels, scales, made, first, stride, room, sums):  # noqa: PLR0913
    """Multiply rounded rows; made is (3 D / stride, room, stride), tokens in its middle.

    A head's tokens then stand one behind the other, and nothing has to be copied for attention.
    """
    pairs, outputs = width // 2, 3 * width
    if stride == outputs:
        multiply_rows(rounded, steps, rows, pairs, panels, scales, made, first * outputs, outputs, sums)
        return
    for begin in range(0, outputs, WIDE):
        place = begin // stride * room * stride + begin % stride
        for tile in range(0, rows, ROWS):
            multiply_tile(rounded, tile * width, width, panels, begin * width, pairs, sums)
            for r in range(min(ROWS, rows - tile)):
                at = place + (first + tile + r) * stride
                scale_sums(sums, r, steps[tile + r], scales, begin, made, at)


@kernel(
    "void(float32[::1], int64, int64, int64, int64, int64, float32[::1], float32[::1], float32[::1], "
    "float32[::1])",
    arrays="borrowed",
    callers="kernels",
)
def _attend_row(made, first, length, heads, width, room, keys, scores, mixed, seen):  # noqa: PLR0913
    """Attend within one row of L tokens: queries, keys and values in made, result in seen (N, D)."""
    size = width // heads
    stride = _stride_of(size, width)
    columns = (size + WIDE - 1) // WIDE * WIDE
    places, registers = (length + WIDE - 1) // WIDE * WIDE, (length + LANES - 1) // LANES
    scale = np.float32(1 / math.sqrt(size))
    for head in range(heads):
        at = head * size // stride * room * stride + head * size % stride + first * stride
        apart = width // stride * room * stride + width % stride  # from queries to keys, from keys to values
        for key in range(0, registers * LANES, LANES):
            to = key // WIDE * WIDE * size + key % WIDE
            for i in range(0, size, LANES):
                turn_tile(made, at + apart + key * stride + i, stride, keys, to + i * WIDE, WIDE)
        for t in range(0, length, ROWS):
            for key in range(0, places, WIDE):
                query = at + t * stride
                multiply_floats(made, query, stride, keys, key * size, WIDE, size, scores, key, places)
            rows = min(ROWS, length - t)
            for r in range(rows):
                for key in range(length, registers * LANES):
                    scores[r * places + key] = -np.inf
                total = exponentials(scores, r * places, registers, scale)
                mixed[ROWS * columns + r] = np.float32(1) / total
            for part in range(0, columns, WIDE):
                value = at + 2 * apart + part
                multiply_floats(scores, 0, places, made, value, stride, length, mixed, part, columns)
            for r in range(rows):
                to = (first + t + r) * width + head * size
                scale_row(mixed, r * columns, size // LANES, mixed[ROWS * columns + r], seen, to)


@kernel(
    "void(float32[:, ::1], int64[::1], int64[::1], float32[::1], float32[::1], int16[::1], float32[:, ::1])",
    callers="kernels",
)
def _look(x, starts, sizes, made, seen, panels, scales):
    """Attend within every row: queries, keys and values into made, their mixture into seen."""
    tokens, width = x.shape
    heads, numbers = sizes[0], x.reshape(-1)
    size = width // heads
    stride, room = _stride_of(size, width), len(made) // (3 * width)
    rounded, steps = np.empty(TOGETHER * width, np.int16), np.empty(TOGETHER, np.float32)
    sums = np.empty(ROWS * WIDE, np.int32)
    longest = 0
    for row in range(len(starts) - 1):
        longest = max(longest, starts[row + 1] - starts[row])
    places, columns = (longest + WIDE - 1) // WIDE * WIDE, (size + WIDE - 1) // WIDE * WIDE
    keys, scores = np.zeros(places * size, np.float32), np.empty(ROWS * places, np.float32)
    mixed = np.empty(ROWS * (columns + 1), np.float32)
    done = 0
    for row in range(len(starts) - 1):
        first, length = starts[row], starts[row + 1] - starts[row]
        while done < first + length:
            rows = min(TOGETHER, tokens - done)
            round_rows(numbers, done * width, rows, width, rounded, steps)
            _project(rounded, steps, rows, width, panels, scales, made, done, stride, room, sums)
            done += rows
        _attend_row(made, first, length, heads, width, room, keys, scores, mixed, seen)


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
        made: room for queries, keys and values, ((N + 32) 3 D,) float32.
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
    rounded, steps = np.empty(TOGETHER * most, np.int16), np.empty(TOGETHER, np.float32)
    sums, piece = np.empty(ROWS * WIDE, np.int32), np.empty(TOGETHER * most, np.float32)
    for first in range(0, tokens, TOGETHER):
        rows, at = min(TOGETHER, tokens - first), first * width
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
