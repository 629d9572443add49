"""Inner products of 16-bit whole numbers, written for vector registers: 14 rows by 32 outputs at a time.

A tile's sums stand in 28 registers of 16 while the pairs of inputs pass by: a pair of weights for each of 32
outputs is read once and multiplied with the same pair of 14 rows. Two products and their sum are one
instruction where the processor has VNNI; LLVM knows it and takes it apart again, so it is written out.

A kernel's cache does not notice a change here: delete it after an edit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Literal

from llvmlite import binding, ir
from numba.core import cgutils, config, types
from numba.extending import intrinsic

from cutaway.training.register_code import (
    FLOATS,
    INT,
    INTS,
    LANES,
    LONG,
    SHORTS,
    across,
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

ROWS, WIDE = 14, 32  # of a tile

How = Literal["at once", "in steps"]

_PARTS = WIDE // LANES


@cache
def pairs_at_once() -> bool:
    """Tell whether this processor adds 32 products of 16 bits to 16 sums in one instruction."""
    options: Any = config
    if options.CPU_NAME or options.CPU_FEATURES:
        return False  # numba was told to write for another one
    features = binding.get_host_cpu_features()
    return bool(features.get("avx512vnni") and features.get("avx512bw"))


def products_code(how: How) -> Callable[[Any, Any, Any, Any], Any]:
    """Return what writes the code of sums + products, of builder, sums and two registers of pairs.

    Args:
        how: as `tile_code` takes it.
    """
    if how == "at once":
        binding.initialize_native_asmparser()
    return _at_once if how == "at once" else _in_steps


def tile_code(how: How) -> Any:
    """Make the intrinsic that multiplies a tile.

    Args:
        how: "at once" where `pairs_at_once`; "in steps" gives the same sums on any processor, slowly.

    Returns:
        `multiply_tile(rounded, x_at, stride, panel, w_at, pairs, sums)`: sums[r, o] = Σ x[r] · w[o] modulo
        2³², for row r at x_at + r · stride of `rounded` and panel (pairs, 32, 2) at w_at, all int16; sums
        (14 · 32) int32.
    """
    add_products = products_code(how)

    @intrinsic
    def multiply_tile(  # noqa: PLR0913
        typing: Any, rounded: Any, x_at: Any, stride: Any, panel: Any, w_at: Any, pairs: Any, sums: Any
    ) -> Any:
        def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
            x, w, target = (data(context, b, signature, given, k) for k in (0, 3, 6))
            total = [[kept(b, every(INTS, 0)) for _ in range(_PARTS)] for _ in range(ROWS)]
            starts = [b.gep(x, [b.add(given[1], b.mul(given[2], LONG(r)))]) for r in range(ROWS)]
            rows = [b.bitcast(start, INT.as_pointer()) for start in starts]
            with cgutils.for_range(b, given[5]) as turn:
                at = b.add(given[4], b.mul(turn.index, LONG(2 * WIDE)))
                weights = [load(b, w, b.add(at, LONG(2 * LANES * part)), INTS) for part in range(_PARTS)]
                for r in range(ROWS):
                    pair = splat(b, b.load(b.gep(rows[r], [turn.index]), align=2), INTS)
                    for part, place in enumerate(total[r]):
                        b.store(add_products(b, b.load(place), weights[part], pair), place)
            for r in range(ROWS):
                for part, place in enumerate(total[r]):
                    store(b, target, LONG(r * WIDE + part * LANES), b.load(place))
            return context.get_dummy_value()

        return types.void(rounded, x_at, stride, panel, w_at, pairs, sums), build

    return multiply_tile


@intrinsic
def sizes_of(typing: Any, x: Any, at: Any, registers: Any) -> Any:
    """Return max |x[at + i]|, which passes over NaN, and Σ x[at + i]², over some registers of numbers."""

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        base = data(context, b, signature, given, 0)
        largest, total = kept(b, every(FLOATS, 0.0)), kept(b, every(FLOATS, 0.0))
        with cgutils.for_range(b, given[2]) as turn:
            read = load(b, base, b.add(given[1], b.mul(turn.index, LONG(LANES))))
            b.store(larger(b, called(b, "llvm.fabs.v16f32", [read]), b.load(largest)), largest)
            b.store(fma(b, read, read, b.load(total)), total)
        ends = across(b, b.load(largest), lambda x, y: larger(b, x, y)), across(b, b.load(total), b.fadd)
        return context.make_tuple(b, signature.return_type, ends)

    pair: Any = types.UniTuple(types.float32, 2)  # type: ignore[no-untyped-call]
    return pair(x, at, registers), build


@intrinsic
def round_numbers(typing: Any, x: Any, at: Any, registers: Any, inverse: Any, rounded: Any, to: Any) -> Any:
    """rounded[to + i] = round(x[at + i] · inverse), int16, over some registers of numbers"""

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        base, target = (data(context, b, signature, given, k) for k in (0, 4))
        factor = splat(b, given[3])
        with cgutils.for_range(b, given[2]) as turn:
            step = b.mul(turn.index, LONG(LANES))
            whole = nearest(b, b.fmul(load(b, base, b.add(given[1], step)), factor))
            store(b, target, b.add(given[5], step), b.trunc(b.fptosi(whole, INTS), SHORTS))
        return context.get_dummy_value()

    return types.void(x, at, registers, inverse, rounded, to), build


@intrinsic
def scale_sums(  # noqa: PLR0913
    typing: Any, sums: Any, row: Any, step: Any, scales: Any, first: Any, out: Any, at: Any
) -> Any:
    """out[at + o] = step · scales[0, first + o] · sums[row, o] + scales[1, first + o], for 32 outputs"""

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        sums_at, scales_at, out_at = (data(context, b, signature, given, k) for k in (0, 3, 5))
        across_rows = context.make_array(signature.args[3])(context, b, given[3])
        width = b.extract_value(across_rows.shape, 1)
        step = splat(b, given[2])
        for part in range(_PARTS):
            shift = LONG(part * LANES)
            whole = load(b, sums_at, b.add(b.mul(given[1], LONG(WIDE)), shift), INTS)
            place = b.add(given[4], shift)
            scale = b.fmul(step, load(b, scales_at, place))
            bias = load(b, scales_at, b.add(width, place))
            made = b.fadd(b.fmul(b.sitofp(whole, FLOATS), scale), bias)
            store(b, out_at, b.add(given[6], shift), made)
        return context.get_dummy_value()

    return types.void(sums, row, step, scales, first, out, at), build


def _at_once(b: Any, total: Any, weights: Any, pair: Any) -> Any:
    kind = ir.FunctionType(INTS, [INTS] * 3)
    return b.call(ir.InlineAsm(kind, "vpdpwssd $2, $1, $0", "=v,v,v,0"), [weights, pair, total])


def _in_steps(b: Any, total: Any, weights: Any, pair: Any) -> Any:
    half = every(INTS, 16)
    first = b.mul(*(b.ashr(b.shl(both, half), half) for both in (weights, pair)))
    second = b.mul(*(b.ashr(both, half) for both in (weights, pair)))
    return b.add(total, b.add(first, second))
