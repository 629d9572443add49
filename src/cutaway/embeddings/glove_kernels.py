"""The kernel that fits GloVe: AdaGrad over the cells of a tile, both directions of each cell.

A word's row of the table has four parts of `width` numbers: its vector w, the sums of squares of its
steps, its context vector c, and the sums for that. Behind its D dimensions w holds (bias, 1) and c
holds (1, bias), so that one dot product gives w·c + b + b̃ and one loop updates all.
"""

from __future__ import annotations

import math

import numpy as np

from cutaway.core.jit import kernel


@kernel(
    "void(float32[::1], int64, int64, uint32[::1], float32[::1], int64[:, ::1], float64[::1], float64[::1])",
    sums="any order",
)
def fit_tiles(table, width, dim, codes, values, tiles, rates, losses):  # type: ignore[no-untyped-def]  # noqa: PLR0913
    """Take one step for each cell of some tiles, in order.

    `tiles` has a row for each: its number, its first and last cell, the first word of its rows and of
    its columns. A cell's code is (row << 16 | column) within the tile. `rates` is (η, x_max, α).
    `losses` takes, at each tile's number, the loss of its cells before their steps.
    """
    size = np.uint64(width)
    one = np.uint64(1)
    bias = np.uint64(dim)
    eta, ceiling, power = np.float32(rates[0]), np.float32(rates[1]), np.float32(rates[2])
    for tile in range(len(tiles)):
        loss = 0.0
        for cell in range(tiles[tile, 1], tiles[tile, 2]):
            code = codes[cell]
            row = np.uint64(tiles[tile, 3]) + np.uint64(code >> np.uint32(16))
            column = np.uint64(tiles[tile, 4]) + np.uint64(code & np.uint32(0xFFFF))
            count = values[cell]
            target = math.log(count)
            weight = min(count / ceiling, np.float32(1.0)) ** power
            directions = 1 if row == column else 2
            for _ in range(directions):
                w = np.uint64(4) * row * size
                gw = w + size
                c = (np.uint64(4) * column + np.uint64(2)) * size
                gc = c + size
                dot = np.float32(0.0)
                for d in range(size):
                    dot += table[w + d] * table[c + d]
                error = dot - target
                loss += np.float32(0.5) * weight * error * error
                step = eta * weight * error
                for d in range(size):
                    x = table[w + d]
                    y = table[c + d]
                    to_w = step * y
                    to_c = step * x
                    sum_w = table[gw + d]
                    sum_c = table[gc + d]
                    table[w + d] = x - to_w / math.sqrt(sum_w)
                    table[c + d] = y - to_c / math.sqrt(sum_c)
                    table[gw + d] = sum_w + to_w * to_w
                    table[gc + d] = sum_c + to_c * to_c
                table[w + bias + one] = np.float32(1.0)
                table[c + bias] = np.float32(1.0)
                row, column = column, row
        losses[tiles[tile, 0]] = loss
