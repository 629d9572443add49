"""Instructions that NumPy and numba have no name for.

Imports numba.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

Number = int | np.uint64
BYTES = 64  # looked at together

_BYTE, _WORD = ir.IntType(8), ir.IntType(64)
_BYTES = ir.VectorType(_BYTE, BYTES)
_EVERYWHERE = ir.Constant(ir.VectorType(ir.IntType(32), BYTES), [0] * BYTES)


def trailing_zeros(number: int) -> int:
    """Count the zeros below the lowest one of a 64-bit number; all 64 if there is no one.

    Args:
        number: unsigned; in a kernel a uint64, and the answer is one too.

    Returns:
        The count.

    Source:
        Warren, Hacker's Delight, 2nd edition 2012, section 5-4.

    Example:
        >>> trailing_zeros(0b101000), trailing_zeros(0)
        (3, 64)
    """
    return (int(number) & -int(number)).bit_length() - 1 if number else 64


def count_ones(number: int) -> int:
    """Count the ones of a 64-bit number.

    Args:
        number: unsigned; in a kernel a uint64, and the answer is one too.

    Returns:
        The count.

    Source:
        Warren, Hacker's Delight, 2nd edition 2012, section 5-1.

    Example:
        >>> count_ones(0b101000)
        2
    """
    return int(number).bit_count()


def bytes_between(text: Sequence[int], at: Number, least: Number, most: Number) -> int:
    """Say of each of 64 bytes, text[at:at + 64], whether it is at least `least` and at most `most`.

    Args:
        text: bytes, all 64 of them there; in a kernel an array of uint8, and nothing is validated.
        at: where the 64 begin; in a kernel a uint64.
        least: the smallest byte of which it is said; in a kernel a uint64.
        most: the largest, not below `least`; in a kernel a uint64.

    Returns:
        A number whose bit k is 1 if it is so of byte k; in a kernel a uint64.

    Source:
        Langdale and Lemire 2019, Parsing gigabytes of JSON per second, arXiv:1902.08318, section 3.1.

    Example:
        >>> bin(bytes_between(b"a1 2b" + bytes(64), 0, ord("0"), ord("9")))
        '0b1010'
    """
    first, low, high = int(at), int(least), int(most)
    return sum((low <= text[first + k] <= high) << k for k in range(BYTES))


def _count_zeros(_: Any, number: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        defined_for_zero = ir.Constant(ir.IntType(1), 0)
        return builder.cttz(arguments[0], defined_for_zero)

    return types.uint64(types.uint64), emit


def _count_ones(_: Any, number: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), emit


def _compare_bytes(_: Any, text: Any, at: Any, least: Any, most: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), _BYTES.as_pointer())
        read = builder.load(place, align=1)
        lowest = builder.trunc(arguments[2], _BYTE)
        span = builder.sub(builder.trunc(arguments[3], _BYTE), lowest)
        # What is below the least wraps around to more than the span.
        above = builder.sub(read, _all(builder, lowest))
        return builder.bitcast(builder.icmp_unsigned("<=", above, _all(builder, span)), _WORD)

    return types.uint64(text, types.uint64, types.uint64, types.uint64), emit


def _all(builder: Any, byte: Any) -> Any:
    nothing = ir.Constant(_BYTES, ir.Undefined)
    first = builder.insert_element(nothing, byte, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, nothing, _EVERYWHERE)


_zeros_counted: Any = intrinsic(_count_zeros)
_ones_counted: Any = intrinsic(_count_ones)
_bytes_compared: Any = intrinsic(_compare_bytes)


@overload(trailing_zeros)
def _trailing_zeros(number: Any) -> Any:
    if number != types.uint64:
        return None

    def counted(number: Any) -> Any:
        return _zeros_counted(number)

    return counted


@overload(count_ones)
def _ones(number: Any) -> Any:
    if number != types.uint64:
        return None

    def counted(number: Any) -> Any:
        return _ones_counted(number)

    return counted


@overload(bytes_between)
def _between(text: Any, at: Any, least: Any, most: Any) -> Any:
    if at != types.uint64:
        return None

    def compared(text: Any, at: Any, least: Any, most: Any) -> Any:
        return _bytes_compared(text, at, least, most)

    return compared
