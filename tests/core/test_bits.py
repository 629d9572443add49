"""Zeros below the lowest one, counted by the plain function and by the instruction."""

from __future__ import annotations

import numpy as np

from cutaway.core.bits import trailing_zeros
from cutaway.core.jit import kernel


@kernel("uint64(uint64)")
def compiled(number: np.uint64) -> int:
    return trailing_zeros(number)


def test_both_count_alike() -> None:
    numbers = [0, *(1 << bit for bit in range(64)), *((3 << bit) & (1 << 64) - 1 for bit in range(64))]
    expected = [64 if number == 0 else f"{number:b}"[::-1].index("1") for number in numbers]
    assert [trailing_zeros(number) for number in numbers] == expected
    assert [compiled(np.uint64(number)) for number in numbers] == expected
