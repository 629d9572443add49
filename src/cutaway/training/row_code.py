"""What an encoder's block does between its products, written for vector registers: rows of float32 in place.

Activations, softmax, LayerNorm, and attention's own products, 14 rows by 32 outputs at a time. All widths are
whole registers of 16 numbers. Exponentials and Φ are polynomials, fitted to their formulas when a kernel is
compiled: they are off by 3·10⁻⁶ at most. NaN stays NaN.

A kernel's cache does not notice a change here: delete it after an edit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.polynomial import chebyshev

from cutaway.training.int16_code import ROWS, WIDE
from cutaway.training.register_code import (
    FLOATS,
    INTS,
    LANES,
    LONG,
    across,
    called,
    data,
    every,
    fma,
    kept,
    larger,
    load,
    nearest,
    polynomial,
    splat,
    store,
)

# Φ is 0 or 1 outside, to six digits.
_FAR = 5.0
_LOG2_E = 1 / math.log(2)
# Powers of two that are normal numbers, with one to spare.
_LEAST, _MOST = -125.0, 126.0


@intrinsic
def multiply_floats(  # noqa: PLR0913
    typing: Any,
    x: Any,
    x_at: Any,
    stride: Any,
    panel: Any,
    w_at: Any,
    wide: Any,
    count: Any,
    out: Any,
    out_at: Any,
    room: Any,
) -> Any:
    """out[r, o] = Σ x[r, k] · w[k, o] over `count`, for 14 rows a stride apart, and 32 outputs"""

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        rows_at, panel_at, target = (data(context, b, signature, given, k) for k in (0, 3, 7))
        parts = range(WIDE // LANES)
        total = [[kept(b, every(FLOATS, 0.0)) for _ in parts] for _ in range(ROWS)]
        rows = [b.gep(rows_at, [b.add(given[1], b.mul(given[2], LONG(r)))]) for r in range(ROWS)]
        with cgutils.for_range(b, given[6]) as turn:
            at = b.add(given[4], b.mul(turn.index, given[5]))
            weights = [load(b, panel_at, b.add(at, LONG(part * LANES))) for part in parts]
            for r in range(ROWS):
                number = splat(b, b.load(b.gep(rows[r], [turn.index])))
                for place, weight in zip(total[r], weights, strict=True):
                    b.store(fma(b, number, weight, b.load(place)), place)
        for r in range(ROWS):
            at = b.add(given[8], b.mul(given[9], LONG(r)))
            for part in parts:
                store(b, target, b.add(at, LONG(part * LANES)), b.load(total[r][part]))
        return context.get_dummy_value()

    return types.void(x, x_at, stride, panel, w_at, wide, count, out, out_at, room), build


@intrinsic
def exponentials(typing: Any, x: Any, at: Any, registers: Any, scale: Any) -> Any:
    """x = exp(scale · (x - max x)) over some registers of numbers, scale > 0; return their sum."""

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        base = data(context, b, signature, given, 0)
        highest, total = kept(b, every(FLOATS, -math.inf)), kept(b, every(FLOATS, 0.0))
        with _registers(b, given[1], given[2]) as place:
            b.store(larger(b, load(b, base, place), b.load(highest)), highest)
        top = splat(b, across(b, b.load(highest), lambda x, y: larger(b, x, y)))
        factor = b.fmul(splat(b, given[3]), every(FLOATS, _LOG2_E))
        with _registers(b, given[1], given[2]) as place:
            power = _power_of_two(b, b.fmul(b.fsub(load(b, base, place), top), factor))
            store(b, base, place, power)
            b.store(b.fadd(b.load(total), power), total)
        return across(b, b.load(total), b.fadd)

    return types.float32(x, at, registers, scale), build


@intrinsic
def scale_row(typing: Any, x: Any, at: Any, registers: Any, factor: Any, out: Any, to: Any) -> Any:
    """out[to + i] = factor · x[at + i] over some registers of numbers"""

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        base, target = (data(context, b, signature, given, k) for k in (0, 4))
        number = splat(b, given[3])
        with cgutils.for_range(b, given[2]) as turn:
            step = b.mul(turn.index, LONG(LANES))
            store(b, target, b.add(given[5], step), b.fmul(number, load(b, base, b.add(given[1], step))))
        return context.get_dummy_value()

    return types.void(x, at, registers, factor, out, to), build


@intrinsic
def turn_tile(typing: Any, x: Any, at: Any, stride: Any, out: Any, to: Any, room: Any) -> Any:
    """out[to + i · room + r] = x[at + r · stride + i], for 16 rows and 16 numbers of each"""

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        base, target = (data(context, b, signature, given, k) for k in (0, 3))
        rows = [load(b, base, b.add(given[1], b.mul(given[2], LONG(r)))) for r in range(LANES)]
        for apart in (1, 2, 4, 8):
            # Of each two rows, what stands on the wrong side of the diagonal changes places.
            left = [lane + (LANES - apart if lane & apart else 0) for lane in range(LANES)]
            right = [lane + (LANES if lane & apart else apart) for lane in range(LANES)]
            for r in (r for r in range(LANES) if not r & apart):
                pair = rows[r], rows[r + apart]
                rows[r], rows[r + apart] = (
                    b.shuffle_vector(*pair, ir.Constant(INTS, lanes)) for lanes in (left, right)
                )
        for i, row in enumerate(rows):
            store(b, target, b.add(given[4], b.mul(given[5], LONG(i))), row)
        return context.get_dummy_value()

    return types.void(x, at, stride, out, to, room), build


@intrinsic
def add_and_norm(  # noqa: PLR0913
    typing: Any, x: Any, at: Any, rest: Any, rest_at: Any, norms: Any, which: Any, epsilon: Any
) -> Any:
    """rest = LayerNorm(x + rest) of a row, scaled by norms[which, 0] and shifted by norms[which, 1]"""

    def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
        x_base, base, norm_base = (data(context, b, signature, given, k) for k in (0, 2, 4))
        width = b.extract_value(context.make_array(norms)(context, b, given[4]).shape, 2)
        registers = b.udiv(width, LONG(LANES))
        count = splat(b, b.sitofp(width, FLOATS.element))
        total, squares = kept(b, every(FLOATS, 0.0)), kept(b, every(FLOATS, 0.0))
        with cgutils.for_range(b, registers) as turn:
            step = b.mul(turn.index, LONG(LANES))
            place = b.add(given[3], step)
            both = b.fadd(load(b, x_base, b.add(given[1], step)), load(b, base, place))
            store(b, base, place, both)
            b.store(b.fadd(b.load(total), both), total)
        mean = b.fdiv(splat(b, across(b, b.load(total), b.fadd)), count)
        with _registers(b, given[3], registers) as place:
            off = b.fsub(load(b, base, place), mean)
            b.store(fma(b, off, off, b.load(squares)), squares)
        variance = b.fdiv(splat(b, across(b, b.load(squares), b.fadd)), count)
        root = called(b, "llvm.sqrt.v16f32", [b.fadd(variance, splat(b, given[6]))])
        inverse = b.fdiv(every(FLOATS, 1.0), root)
        first = b.mul(b.mul(given[5], LONG(2)), width)
        with cgutils.for_range(b, registers) as turn:
            step = b.mul(turn.index, LONG(LANES))
            place = b.add(given[3], step)
            scale = load(b, norm_base, b.add(first, step))
            shift = load(b, norm_base, b.add(b.add(first, width), step))
            unit = b.fmul(b.fsub(load(b, base, place), mean), inverse)
            store(b, base, place, fma(b, unit, scale, shift))
        return context.get_dummy_value()

    return types.void(x, at, rest, rest_at, norms, which, epsilon), build


def activation_code(name: str) -> Any:
    """Make the intrinsic that activates numbers in place.

    Args:
        name: one of `ACTIVATIONS`.

    Returns:
        `activate(x, at, registers)`.
    """
    formula = ACTIVATIONS[name]

    @intrinsic
    def activate(typing: Any, x: Any, at: Any, registers: Any) -> Any:
        def build(context: Any, b: Any, signature: Any, given: Any) -> Any:
            base = data(context, b, signature, given, 0)
            with _registers(b, given[1], given[2]) as place:
                store(b, base, place, formula(b, load(b, base, place)))
            return context.get_dummy_value()

        return types.void(x, at, registers), build

    return activate


def _gelu(b: Any, x: Any) -> Any:
    """x Φ(x), Φ(x) = ½ + x p(x²)"""
    floored = larger(b, every(FLOATS, -_FAR), x)
    near = _smaller(b, every(FLOATS, _FAR), floored)
    # From -1 to 1, where a polynomial's terms stay small.
    where = fma(b, b.fmul(near, near), every(FLOATS, 2 / _FAR**2), every(FLOATS, -1.0))
    share = fma(b, near, polynomial(b, where, _share_numbers()), every(FLOATS, 0.5))
    return b.fmul(floored, share)


def _gelu_tanh(b: Any, x: Any) -> Any:
    """x σ(2 √(2 / π) (x + 0.044715 x³))"""
    inner = fma(b, b.fmul(x, x), every(FLOATS, 0.044715), every(FLOATS, 1.0))
    return b.fmul(x, _logistic(b, b.fmul(b.fmul(x, inner), every(FLOATS, math.sqrt(8 / math.pi)))))


def _relu(b: Any, x: Any) -> Any:
    return larger(b, every(FLOATS, 0.0), x)


def _swish(b: Any, x: Any) -> Any:
    return b.fmul(x, _logistic(b, x))


ACTIVATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "relu": _relu,
    "swish": _swish,
}


def _logistic(b: Any, x: Any) -> Any:
    one = every(FLOATS, 1.0)
    return b.fdiv(one, b.fadd(one, _power_of_two(b, b.fmul(x, every(FLOATS, -_LOG2_E)))))


def _power_of_two(b: Any, x: Any) -> Any:
    """2ˣ: a polynomial for what is left of x beside a whole number, which is added to the exponent."""
    x = larger(b, every(FLOATS, _LEAST), _smaller(b, every(FLOATS, _MOST), x))
    whole = nearest(b, x)
    part = polynomial(b, b.fsub(x, whole), _power_numbers())
    exponent = b.shl(b.fptosi(whole, INTS), every(INTS, 23))
    return b.bitcast(b.add(b.bitcast(part, INTS), exponent), FLOATS)


def _smaller(b: Any, x: Any, y: Any) -> Any:
    return b.select(b.fcmp_ordered("<", x, y), x, y)


@cache
def _share_numbers() -> list[float]:
    """p of x² = u in `_gelu`, (Φ(x) - ½) / x, by powers of 2u / 25 - 1."""
    where = np.cos(np.linspace(0, np.pi, 2000, endpoint=False))
    x = np.sqrt((where + 1) / 2) * _FAR
    wanted = np.array([math.erf(at / math.sqrt(2)) / 2 / at for at in x])
    numbers: list[float] = chebyshev.cheb2poly(chebyshev.chebfit(where, wanted, 12, w=x)).tolist()
    return numbers


@cache
def _power_numbers() -> list[float]:
    """2ˣ between -½ and ½ by powers of x."""
    twice = np.cos(np.linspace(0, np.pi, 2000))
    fitted = chebyshev.cheb2poly(chebyshev.chebfit(twice, 2 ** (twice / 2), 5, w=2 ** (-twice / 2)))
    numbers: list[float] = (fitted * 2.0 ** np.arange(6)).tolist()
    return numbers


@contextmanager
def _registers(b: Any, first: Any, count: Any) -> Iterator[Any]:
    """A loop over where the registers of a row begin."""
    with cgutils.for_range(b, count) as turn:
        yield b.add(first, b.mul(turn.index, LONG(LANES)))
