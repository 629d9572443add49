"""What the plain functions say of numbers and of bytes, and what the instructions say."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from cutaway.core.bits import bytes_between, count_ones, trailing_zeros
from cutaway.core.jit import kernel

NUMBERS = [0, *(1 << bit for bit in range(64)), *((3 << bit) & (1 << 64) - 1 for bit in range(64)), 2**64 - 1]


@kernel("UniTuple(uint64, 2)(uint64)")
def counted(number: np.uint64) -> tuple[int, int]:
    return trailing_zeros(number), count_ones(number)


@kernel("uint64(uint8[::1], uint64, uint64, uint64)")
def compared(text: Any, at: np.uint64, least: np.uint64, most: np.uint64) -> int:
    return bytes_between(text, at, least, most)


def test_both_count_alike() -> None:
    digits = [f"{number:b}" for number in NUMBERS]
    zeros = [
        64 if number == 0 else text[::-1].index("1") for number, text in zip(NUMBERS, digits, strict=True)
    ]
    ones = [text.count("1") for text in digits]
    assert [trailing_zeros(number) for number in NUMBERS] == zeros
    assert [count_ones(number) for number in NUMBERS] == ones
    assert [counted(np.uint64(number)) for number in NUMBERS] == list(zip(zeros, ones, strict=True))


def test_both_compare_every_byte() -> None:
    choose = random.Random(5)
    text = np.array([*range(256), *choose.choices(range(256), k=100)], np.uint8)
    spans = [(0, 255), (0, 0), (255, 255), (97, 122), (128, 255), (0, 127)]
    spans += [(least, choose.randrange(least, 256)) for least in choose.choices(range(256), k=20)]
    for least, most in spans:
        for at in (0, 1, 63, 192, len(text) - 64):
            said = "".join(str(int(least <= byte <= most)) for byte in text[at : at + 64].tolist())
            numbers = (np.uint64(number) for number in (at, least, most))
            assert bytes_between(text.tolist(), at, least, most) == int(said[::-1], 2)
            assert compared(text, *numbers) == int(said[::-1], 2)
