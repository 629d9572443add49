"""One instruction that NumPy and numba have no name for.

Imports numba.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload


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


def _count(_: Any, number: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        defined_for_zero = ir.Constant(ir.IntType(1), 0)
        return builder.cttz(arguments[0], defined_for_zero)

    return types.uint64(types.uint64), emit


_counted: Any = intrinsic(_count)


@overload(trailing_zeros)
def _compiled(number: Any) -> Any:
    if number != types.uint64:
        return None

    def counted(number: Any) -> Any:
        return _counted(number)

    return counted
