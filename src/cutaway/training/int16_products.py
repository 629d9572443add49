"""Linear layers in 16-bit whole numbers: twice float32's speed where the processor multiplies their pairs.

    x Wᵀ + b ≈ sₓ sᵥ (qₓ qᵥᵀ) + b,   q = round(v / s),   sᵥ one for each output, sₓ one for each row of x

Integers are added up exactly, so all that moves is what was rounded before: each number of a row by half a
step at most, a step being |v|₂ / 2^15.5, or more where one number stands out. For rows of 384 like numbers
that are 12 bits. With bytes a step is a hundred times as long.

Kernels are compiled, or read from the cache, when the first weight is laid out.

Legend: N rows, I numbers in, O numbers out, Q = 32 ⌈O / 32⌉.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import ShapeError

Floats = NDArray[np.float32]

# Rows that a thread takes at once: 8 tiles of them. Fewer are not worth a second thread.
_TAKEN = 8 * 14
_LINE = 64  # bytes; a register that straddles two lines is read twice
_PANEL = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class LaidOut:
    """A layer's weights in whole numbers, in the order in which products read them.

    Attributes:
        panels: for each 32 outputs, each pair of inputs, each output, its two numbers: int16.
        scales: each output's step, and its bias; (2, Q) float32.
        shape: outputs and inputs.
    """

    panels: NDArray[np.int16]
    scales: Floats
    shape: tuple[int, int]


def lay_out(weight: Floats, bias: Floats | None = None) -> LaidOut:
    """Round a layer's weights and lay them out.

    Args:
        weight: (O, I) float32.
        bias: (O,) float32; 0 if not given.

    Returns:
        What `multiply` takes.

    Raises:
        ShapeError: a weight is not of two dimensions, or there is not one bias for each output.
    """
    from cutaway.training import int16_kernels

    if weight.ndim != 2 or (bias is not None and bias.shape != weight.shape[:1]):
        shapes = [list(array.shape) for array in (weight, bias) if array is not None]
        raise ShapeError(f"weight and bias are {shapes}: expected (O, I) and (O,)")
    outputs, inputs = weight.shape
    wide = -(-outputs // _PANEL) * _PANEL
    scales = np.zeros((2, wide), np.float32)  # (2, Q)
    if bias is not None:
        scales[1, :outputs] = bias
    panels = aligned(wide * 2 * -(-inputs // 2), np.int16)
    int16_kernels.lay_out(np.ascontiguousarray(weight, np.float32), panels, scales)
    return LaidOut(panels=panels, scales=scales, shape=(outputs, inputs))


def multiply(x: Floats, weight: LaidOut, out: Floats | None = None, *, threads: int = 1) -> Floats:
    """Return x Wᵀ + b, x rounded row by row.

    A row with NaN or infinity gives NaN.

    Args:
        x: (N, I) float32.
        weight: from `lay_out`.
        out: where to write it, (N, O) float32 without gaps; a new array if not given.
        threads: that share the rows.

    Returns:
        (N, O) float32.

    Raises:
        ShapeError: x or out is not of such a shape, or out has gaps.
    """
    from cutaway.training import int16_kernels

    outputs, inputs = weight.shape
    if x.ndim != 2 or x.shape[1] != inputs:
        raise ShapeError(f"x is {list(x.shape)}, the weights are {[outputs, inputs]}: expected (N, {inputs})")
    made = np.empty((len(x), outputs), np.float32) if out is None else out  # (N, O)
    if made.shape != (len(x), outputs) or made.dtype != np.float32 or not made.flags.c_contiguous:
        raise ShapeError(f"out is {made.dtype} {list(made.shape)}: expected float32 {[len(x), outputs]}")
    rows = np.ascontiguousarray(x, np.float32)
    ends = [*range(0, len(x), _TAKEN), len(x)]

    def work(piece: tuple[int, int]) -> None:
        int16_kernels.multiply(rows, *piece, weight.panels, weight.scales, made)

    share(list(pairwise(ends)), work, threads)
    return made


def share(pieces: Sequence[Any], work: Callable[[Any], None], threads: int) -> None:
    """Give pieces of work to threads, each the next one when it is done with its last.

    Args:
        pieces: the largest ones best first.
        work: called once with each; it should let go of the GIL.
        threads: at most so many, the caller's among them.
    """
    left = iter(pieces)  # one list_iterator: taking from it holds the GIL

    def take() -> None:
        for piece in left:
            work(piece)

    helpers = min(threads, len(pieces)) - 1
    if helpers < 1:
        take()
        return
    with ThreadPoolExecutor(helpers) as pool:
        others = [pool.submit(take) for _ in range(helpers)]
        take()
        for other in others:
            other.result()


def aligned(count: int, dtype: type[np.generic]) -> NDArray[Any]:
    """Return zeros that begin where a cache line begins.

    Args:
        count: how many.
        dtype: of each.
    """
    size = np.dtype(dtype).itemsize
    room = np.zeros(count * size + _LINE, np.uint8)
    begin = -room.ctypes.data % _LINE
    return room[begin : begin + count * size].view(dtype)


@cache
def int16_works() -> bool:
    """Tell whether this processor multiplies pairs of 16 bits at once, and is right but for rounding."""
    from cutaway.training.int16_code import pairs_at_once

    if not pairs_at_once():
        return False
    draw = np.random.default_rng(0)
    x, weight = (draw.standard_normal(shape).astype(np.float32) for shape in ((15, 48), (80, 48)))
    wanted = x @ weight.T
    return bool(np.abs(multiply(x, lay_out(weight)) - wanted).max() <= 1e-3 * np.abs(wanted).max())
