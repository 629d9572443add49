"""The inner products of training, written for vector registers: what a compiler would have to guess.

numba leaves a loop over a table's rows to LLVM, which must reckon with rows that overlap and with any
number of dimensions. Here the same sums are spelled out in LLVM's own terms: 16 numbers a register, a
tile of inputs and outputs held in registers while the dimensions pass by. D, the dimensions of a row, is
a multiple of 16 and known when a kernel is compiled, as is Q, the outputs of a tile.

Scores stand in tiles of 16: two inputs with 8 places each, or one input with 16; Q of the places are
used. Score of input c and output q of tile t, with C inputs: [(t·C + c)·places + q].

A kernel's cache does not notice a change here: delete it after an edit.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, register_jitable

LANES = 16

# A piece of a kernel, pasted where it is called and compiled with it.
inlined = register_jitable(inline="always")

_FLOAT, _INT, _LONG = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_ZERO = ir.Constant(_VECTOR, [0.0] * LANES)


@intrinsic(prefer_literal=True)
def prefetch_row(typing: Any, table: Any, row: Any, D: Any) -> Any:  # noqa: N803
    """Ask for a row that is soon needed: prefetch(table[row])."""

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        base = _data(context, b, signature, given, 0)
        start = b.mul(_long(b, given[1]), _LONG(D.literal_value))
        pointer = ir.IntType(8).as_pointer()
        call = _function(b, "llvm.prefetch.p0", ir.VoidType(), [pointer, _INT, _INT, _INT])
        for d in range(0, D.literal_value, LANES):  # a cache line holds 16 numbers
            address = b.bitcast(b.gep(base, [b.add(start, _LONG(d))]), pointer)
            b.call(call, [address, _INT(0), _INT(3), _INT(1)])
        return context.get_dummy_value()

    return types.void(table, row, D), build


@intrinsic(prefer_literal=True)
def copy_row(typing: Any, target: Any, at: Any, source: Any, row: Any, D: Any) -> Any:  # noqa: N803
    """target[at] = source[row]"""

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        to, source_data = (_data(context, b, signature, given, k) for k in (0, 2))
        first, second = (b.mul(_long(b, given[k]), _LONG(D.literal_value)) for k in (1, 3))
        for d in range(0, D.literal_value, LANES):
            _store(b, to, b.add(first, _LONG(d)), _load(b, source_data, b.add(second, _LONG(d))))
        return context.get_dummy_value()

    return types.void(target, at, source, row, D), build


@intrinsic(prefer_literal=True)
def add_row(typing: Any, target: Any, at: Any, source: Any, row: Any, scale: Any, D: Any) -> Any:  # noqa: N803
    """target[at] += scale · source[row]"""

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        to, source_data = (_data(context, b, signature, given, k) for k in (0, 2))
        first, second = (b.mul(_long(b, given[k]), _LONG(D.literal_value)) for k in (1, 3))
        factor = _splat(b, given[4])
        for d in range(0, D.literal_value, LANES):
            place = b.add(first, _LONG(d))
            moved = _fma(b, factor, _load(b, source_data, b.add(second, _LONG(d))), _load(b, to, place))
            _store(b, to, place, moved)
        return context.get_dummy_value()

    return types.void(target, at, source, row, scale, D), build


@intrinsic(prefer_literal=True)
def score_tiles(  # noqa: PLR0913
    typing: Any,
    X: Any,  # noqa: N803
    C: Any,  # noqa: N803
    out: Any,
    rows: Any,
    tiles: Any,
    scores: Any,
    D: Any,  # noqa: N803
    Q: Any,  # noqa: N803
    together: Any,
) -> Any:
    """scores = X · out[rows]ᵀ; C is a multiple of `together`, the inputs of a tile: 1 or 2."""
    dim, wide, pair = D.literal_value, Q.literal_value, together.literal_value

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        x, table, chosen, target = (_data(context, b, signature, given, k) for k in (0, 2, 3, 5))
        count, size = given[1], _LONG(dim)
        with cgutils.for_range(b, given[4]) as tile:
            starts = _row_starts(b, chosen, tile.index, wide, size)
            with cgutils.for_range(b, b.udiv(count, _LONG(pair))) as turn:
                first = b.mul(turn.index, _LONG(pair))
                sums = [[_ZERO] * wide for _ in range(pair)]
                for d in range(0, dim, LANES):
                    inputs = [
                        _load(b, x, b.add(b.mul(b.add(first, _LONG(c)), size), _LONG(d))) for c in range(pair)
                    ]
                    for q in range(wide):
                        output = _load(b, table, b.add(starts[q], _LONG(d)))
                        for c in range(pair):
                            sums[c][q] = _fma(b, inputs[c], output, sums[c][q])
                places = LANES // pair
                padded = [vector for row in sums for vector in row + [_ZERO] * (places - wide)]
                place = b.mul(b.add(b.mul(tile.index, count), first), _LONG(places))
                _store(b, target, place, _sums_across(b, padded))
        return context.get_dummy_value()

    return types.void(X, C, out, rows, tiles, scores, D, Q, together), build


@intrinsic(prefer_literal=True)
def pull_tiles(  # noqa: PLR0913
    typing: Any,
    X: Any,  # noqa: N803
    C: Any,  # noqa: N803
    out: Any,
    rows: Any,
    tiles: Any,
    pulls: Any,
    A: Any,  # noqa: N803
    D: Any,  # noqa: N803
    Q: Any,  # noqa: N803
    together: Any,
) -> Any:
    """A = pulls · out[rows], then out[rows] += pullsᵀ · X; C as in `score_tiles`, or 1 where alone.

    A has room behind its C rows for 16 numbers of each output: a row that was drawn twice must not
    move before all have been read.
    """
    dim, wide, places = D.literal_value, Q.literal_value, LANES // together.literal_value

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        x, table, chosen, weights, moved = (_data(context, b, signature, given, k) for k in (0, 2, 3, 5, 6))
        count, size = given[1] if together.literal_value > 1 else _LONG(1), _LONG(dim)
        kept = b.mul(count, size)
        sums = [
            cgutils.alloca_once(b, _VECTOR)  # type: ignore[no-untyped-call]
            for _ in range(wide)
        ]
        with cgutils.for_range(b, _LONG(dim // LANES)) as part:
            d = b.mul(part.index, _LONG(LANES))
            with cgutils.for_range(b, given[4]) as tile:
                starts = _row_starts(b, chosen, tile.index, wide, size)
                outputs = [_load(b, table, b.add(start, d)) for start in starts]
                is_first = b.icmp_signed("==", tile.index, _LONG(0))
                for place in sums:
                    b.store(_ZERO, place)
                with cgutils.for_range(b, count) as c:
                    at = b.add(b.mul(c.index, size), d)
                    value = _load(b, x, at)
                    total = b.select(is_first, _ZERO, _load(b, moved, at))
                    score = b.mul(b.add(b.mul(tile.index, count), c.index), _LONG(places))
                    for q in range(wide):
                        weight = _splat(b, b.load(b.gep(weights, [b.add(score, _LONG(q))])))
                        total = _fma(b, weight, outputs[q], total)
                        b.store(_fma(b, weight, value, b.load(sums[q])), sums[q])
                    _store(b, moved, at, total)
                for q, place in enumerate(sums):
                    _store(b, moved, _kept_at(b, kept, tile.index, wide, q), b.load(place))
            with cgutils.for_range(b, given[4]) as tile:
                for q, start in enumerate(_row_starts(b, chosen, tile.index, wide, size)):
                    at, move = b.add(start, d), _load(b, moved, _kept_at(b, kept, tile.index, wide, q))
                    _store(b, table, at, b.fadd(_load(b, table, at), move))
        return context.get_dummy_value()

    return types.void(X, C, out, rows, tiles, pulls, A, D, Q, together), build


@intrinsic(prefer_literal=True)
def score_pair(  # noqa: PLR0913
    typing: Any,
    table: Any,
    row: Any,
    out: Any,
    center: Any,
    rows: Any,
    first: Any,
    rate: Any,
    scores: Any,
    place: Any,
    D: Any,  # noqa: N803
    N: Any,  # noqa: N803
) -> Any:
    """Ask table[row] about out[rows[first : first + N]], noise, and out[center]; nothing moves.

    The scores are left behind in scores[:16], the center's last, and how far each pulls in
    scores[place : place + 16]; the center's own row is no noise. N is at most 7; eight rows can be read
    from `first`.
    """
    dim, noise = D.literal_value, N.literal_value

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        x, outputs, chosen, left = (_data(context, b, signature, given, k) for k in (0, 2, 4, 7))
        asker, size, middle = b.mul(_long(b, given[1]), _LONG(dim)), _LONG(dim), _long(b, given[3])
        named = b.gep(chosen, [_long(b, given[5])])
        starts = [*_row_starts(b, named, _LONG(0), noise, size), b.mul(middle, size)]
        sums = [_ZERO] * LANES
        for d in range(0, dim, LANES):
            value = _load(b, x, b.add(asker, _LONG(d)))
            for q, start in enumerate(starts):
                sums[q] = _fma(b, value, _load(b, outputs, b.add(start, _LONG(d))), sums[q])
        total = _sums_across(b, sums)
        _store(b, left, _LONG(0), total)
        pulls = _pulls(b, total, _rates(b, named, middle, given[6], noise), noise)
        _store(b, left, _long(b, given[8]), pulls)
        return context.get_dummy_value()

    return types.void(table, row, out, center, rows, first, rate, scores, place, D, N), build


@intrinsic(prefer_literal=True)
def move_pair(  # noqa: PLR0913
    typing: Any,
    table: Any,
    row: Any,
    out: Any,
    center: Any,
    rows: Any,
    first: Any,
    scores: Any,
    place: Any,
    D: Any,  # noqa: N803
    N: Any,  # noqa: N803
) -> Any:
    """Move both tables by the pulls that `score_pair` left; a row of noise drawn twice moves twice."""
    dim, noise = D.literal_value, N.literal_value

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        x, outputs, chosen, left = (_data(context, b, signature, given, k) for k in (0, 2, 4, 6))
        asker, size, middle = b.mul(_long(b, given[1]), _LONG(dim)), _LONG(dim), _long(b, given[3])
        named = b.gep(chosen, [_long(b, given[5])])
        starts = [*_row_starts(b, named, _LONG(0), noise, size), b.mul(middle, size)]
        pulls = b.gep(left, [_long(b, given[7])])
        g = [_splat(b, b.load(b.gep(pulls, [_LONG(q)]))) for q in range(noise + 1)]
        for d in map(_LONG, range(0, dim, LANES)):
            value = moved = _load(b, x, b.add(asker, d))
            read = [_load(b, outputs, b.add(start, d)) for start in starts]
            for q, start in enumerate(starts):
                moved = _fma(b, g[q], read[q], moved)
                place = b.add(start, d)
                _store(b, outputs, place, _fma(b, g[q], value, _load(b, outputs, place)))
            _store(b, x, b.add(asker, d), moved)
        return context.get_dummy_value()

    return types.void(table, row, out, center, rows, first, scores, place, D, N), build


def _rates(b: Any, named: Any, center: Any, rate: Any, noise: int) -> Any:
    """Return the rate in every lane but those of noise that is the center itself."""
    eight, bits = ir.VectorType(_LONG, 8), ir.VectorType(ir.IntType(1), 8)
    nothing = ir.Constant(eight, ir.Undefined)
    middle = b.shuffle_vector(
        b.insert_element(nothing, center, _INT(0)), nothing, ir.Constant(ir.VectorType(_INT, 8), [0] * 8)
    )
    same = b.icmp_signed("==", b.load(b.bitcast(named, eight.as_pointer()), align=8), middle)
    same = b.and_(same, ir.Constant(bits, [int(q < noise) for q in range(8)]))
    wide = b.shuffle_vector(same, ir.Constant(bits, [0] * 8), _mask(list(range(LANES))))
    return b.select(wide, _ZERO, _splat(b, rate))


def _pulls(b: Any, scores: Any, rates: Any, center: int) -> Any:
    """Return rate · (y - σ(s)), y = 1 in the center's lane: the quotient of `output_code.to_pulls`."""

    def all_of(value: float) -> Any:
        return ir.Constant(_VECTOR, [value] * LANES)

    def of_two(name: str, x: Any, y: Any) -> Any:
        return b.call(_function(b, f"llvm.{name}.v16f32", _VECTOR, [_VECTOR] * 2), [x, y])

    x = of_two("minnum", of_two("maxnum", b.fmul(all_of(0.5), scores), all_of(-4.9)), all_of(4.9))
    y = b.fmul(x, x)
    top, bottom = b.fadd(y, all_of(378.0)), _fma(b, y, all_of(28.0), all_of(3150.0))
    for above, below in ((17325.0, 62370.0), (135135.0, 135135.0)):
        top, bottom = _fma(b, y, top, all_of(above)), _fma(b, y, bottom, all_of(below))
    half_tanh = b.fdiv(b.fmul(b.fmul(all_of(0.5), x), top), bottom)
    labels = ir.Constant(_VECTOR, [0.5 if lane == center else -0.5 for lane in range(LANES)])
    return b.fmul(rates, b.fsub(labels, half_tanh))


def _kept_at(b: Any, kept: Any, tile: Any, wide: int, q: int) -> Any:
    return b.add(kept, b.mul(b.add(b.mul(tile, _LONG(wide)), _LONG(q)), _LONG(LANES)))


def _data(context: Any, b: Any, signature: Any, given: Any, at: int) -> Any:
    return context.make_array(signature.args[at])(context, b, given[at]).data


def _long(b: Any, value: Any) -> Any:
    return value if value.type == _LONG else b.sext(value, _LONG)


def _row_starts(b: Any, rows: Any, tile: Any, wide: int, size: Any) -> list[Any]:
    first = b.mul(tile, _LONG(wide))
    return [b.mul(b.load(b.gep(rows, [b.add(first, _LONG(q))])), size) for q in range(wide)]


def _load(b: Any, base: Any, at: Any) -> Any:
    return b.load(b.bitcast(b.gep(base, [at]), _VECTOR.as_pointer()), align=4)


def _store(b: Any, base: Any, at: Any, value: Any) -> None:
    b.store(value, b.bitcast(b.gep(base, [at]), _VECTOR.as_pointer()), align=4)


def _function(b: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    known = b.module.globals.get(name)
    return known or ir.Function(b.module, ir.FunctionType(result, arguments), name)


def _fma(b: Any, x: Any, y: Any, z: Any) -> Any:
    return b.call(_function(b, "llvm.fma.v16f32", _VECTOR, [_VECTOR] * 3), [x, y, z])


def _splat(b: Any, value: Any) -> Any:
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    return b.shuffle_vector(b.insert_element(nothing, value, _INT(0)), nothing, _mask([0] * LANES))


def _mask(lanes: list[int]) -> Any:
    return ir.Constant(ir.VectorType(_INT, LANES), lanes)


def _sums_across(b: Any, vectors: list[Any]) -> Any:
    """Return one vector whose lane k is the sum of vector k: four rounds, halving the lanes of each."""
    group = LANES
    while group > 1:
        half = group // 2
        low = [lane for lane in range(2 * LANES) if lane % group < half]
        high = [lane + half for lane in low]
        vectors = [
            b.fadd(b.shuffle_vector(one, two, _mask(low)), b.shuffle_vector(one, two, _mask(high)))
            for one, two in zip(vectors[::2], vectors[1::2], strict=True)
        ]
        group = half
    return vectors[0]
