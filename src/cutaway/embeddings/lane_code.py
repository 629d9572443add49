"""The inner products of a search, written for vector registers: 64 rows side by side, one in each lane.

A row's dot product with a query ends in a sum across a register, which costs as much as the products.
Where 64 rows stand side by side, number d of all of them together, no such sum is needed: each lane adds
up its own row. Left to itself LLVM keeps the sums in memory; here they are spelled out as registers.

Letters: D dimensions, P pairs of dimensions.

A kernel's cache does not notice a change here: delete it after an edit.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

LANES = 64  # rows of a tile
TOGETHER = 6  # queries that share the rows read

_REGISTER = 16
_PARTS = LANES // _REGISTER
_FLOAT, _BYTE, _SHORT, _INT, _LONG = ir.FloatType(), *map(ir.IntType, (8, 16, 32, 64))
_FLOATS, _INTS = ir.VectorType(_FLOAT, _REGISTER), ir.VectorType(_INT, _REGISTER)
_NOTHING = ir.Constant(ir.VectorType(_INT, _REGISTER), [0] * _REGISTER)


@intrinsic
def score_tile(typing: Any, units: Any, tile: Any, dim: Any, queries: Any, group: Any, scores: Any) -> Any:
    """scores[q, lane] = units[tile, :, lane] · queries[group, :, q], tiles (D, 64) and groups (D, 6)."""

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        rows, asked, target = (_data(context, b, signature, given, k) for k in (0, 3, 5))
        first = b.mul(b.mul(given[1], given[2]), _LONG(LANES))
        query = b.mul(b.mul(given[4], given[2]), _LONG(TOGETHER))
        fma = _fma(b)
        sums = [[_zero(b, _FLOATS) for _ in range(_PARTS)] for _ in range(TOGETHER)]
        with cgutils.for_range(b, given[2]) as turn:
            at = b.add(first, b.mul(turn.index, _LONG(LANES)))
            read = [_load(b, rows, b.add(at, _LONG(part * _REGISTER)), _FLOATS) for part in range(_PARTS)]
            at = b.add(query, b.mul(turn.index, _LONG(TOGETHER)))
            for q in range(TOGETHER):
                number = _splat(b, b.load(b.gep(asked, [b.add(at, _LONG(q))])), _FLOATS)
                for part in range(_PARTS):
                    place = sums[q][part]
                    b.store(b.call(fma, [number, read[part], b.load(place)]), place)
        for q in range(TOGETHER):
            for part in range(_PARTS):
                _store(b, target, _LONG(q * LANES + part * _REGISTER), b.load(sums[q][part]))
        return context.get_dummy_value()

    return types.void(units, tile, dim, queries, group, scores), build


@intrinsic
def dot_tile(typing: Any, codes: Any, tile: Any, pairs: Any, query: Any, dots: Any, first: Any) -> Any:
    """dots[first + lane] = codes[tile, :, lane, :] · query, for (P, 64, 2) bytes and (P, 2) of 16 bits.

    Two products and their sum at a time, which most processors have an instruction for.
    """

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        rows, asked, target = (_data(context, b, signature, given, k) for k in (0, 3, 4))
        begin = b.mul(b.mul(given[1], given[2]), _LONG(2 * LANES))
        sums = [_zero(b, _INTS) for _ in range(_PARTS)]
        wide = ir.VectorType(_INT, 2 * _REGISTER)
        nothing = ir.Constant(wide, ir.Undefined)
        with cgutils.for_range(b, given[2]) as turn:
            pair = b.bitcast(b.gep(asked, [b.mul(turn.index, _LONG(2))]), _INT.as_pointer())
            both = b.bitcast(_splat(b, b.load(pair, align=2), _INTS), ir.VectorType(_SHORT, 2 * _REGISTER))
            number = b.sext(both, wide)
            at = b.add(begin, b.mul(turn.index, _LONG(2 * LANES)))
            for part in range(_PARTS):
                place = b.add(at, _LONG(2 * part * _REGISTER))
                read = _load(b, rows, place, ir.VectorType(_BYTE, 2 * _REGISTER), 1)
                products = b.mul(b.sext(read, wide), number)
                even, odd = (
                    b.shuffle_vector(products, nothing, ir.Constant(_INTS, list(range(k, 2 * _REGISTER, 2))))
                    for k in (0, 1)
                )
                b.store(b.add(b.load(sums[part]), b.add(even, odd)), sums[part])
        for part in range(_PARTS):
            _store(b, target, b.add(given[5], _LONG(part * _REGISTER)), b.load(sums[part]))
        return context.get_dummy_value()

    return types.void(codes, tile, pairs, query, dots, first), build


def _data(context: Any, b: Any, signature: Any, given: Any, at: int) -> Any:
    return context.make_array(signature.args[at])(context, b, given[at]).data


def _zero(b: Any, kind: Any) -> Any:
    """Return a place for a sum; LLVM makes it a register."""
    place = cgutils.alloca_once(b, kind)  # type: ignore[no-untyped-call]
    b.store(ir.Constant(kind, [0] * _REGISTER), place)
    return place


def _load(b: Any, base: Any, at: Any, kind: Any, align: int = 4) -> Any:
    return b.load(b.bitcast(b.gep(base, [at]), kind.as_pointer()), align=align)


def _store(b: Any, base: Any, at: Any, value: Any) -> None:
    b.store(value, b.bitcast(b.gep(base, [at]), value.type.as_pointer()), align=4)


def _splat(b: Any, value: Any, kind: Any) -> Any:
    nothing = ir.Constant(kind, ir.Undefined)
    return b.shuffle_vector(b.insert_element(nothing, value, _INT(0)), nothing, _NOTHING)


def _fma(b: Any) -> Any:
    name = "llvm.fma.v16f32"
    known = b.module.globals.get(name)
    return known or ir.Function(b.module, ir.FunctionType(_FLOATS, [_FLOATS] * 3), name)
