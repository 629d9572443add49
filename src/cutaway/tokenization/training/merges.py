"""Byte pairs learned from counted words, and what was done on the way.

    hug 10, pug 5, pun 12, bun 4      u+g stands 15 times, u+n 16 times: un is made, then ug, ...

Of pairs that stand equally often, the one with the smaller ids is taken, left before right.

Source: Sennrich, Haddow and Birch 2016, arXiv:1508.07909, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, UsageError
from cutaway.tokenization.kernels import merging

_FACTOR: Final = 0x9E3779B97F4A7C15 | 1
_BITS: Final = (1 << 64) - 1
_EMPTY = np.uint64(_BITS)
_LEAST_ROOM: Final = 1 << 12

# Keys, counts and chains, places, links, and how many are used: see kernels/merging.py.
_Pairs = tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]


class Learned(NamedTuple):
    """One merge of training: two symbols, what they make, how often they stood, the text's symbols after."""

    left: int
    right: int
    made: int
    times: int
    length: int


@dataclass(frozen=True, kw_only=True)
class Goal:
    """When to stop.

    Attributes:
        symbols: how many symbols there may be.
        min_count: how often a pair must stand to be merged.

    Raises:
        UsageError: a number is under 1.
    """

    symbols: int
    min_count: int = 1

    def __post_init__(self) -> None:
        if min(self.symbols, self.min_count) < 1:
            raise UsageError(
                f"symbols is {self.symbols} and min_count {self.min_count}: both must be at least 1"
            )


def learn_merges(
    words: Mapping[tuple[int, ...], int], spellings: Sequence[bytes], goal: Goal
) -> list[Learned]:
    """Learn merges from words.

    Args:
        words: each word as the ids of its symbols, and how often it comes.
        spellings: what each first symbol spells, to know symbols that are spelled alike.
        goal: when to stop.

    Returns:
        The merges, in order; ids from len(spellings) on are the symbols made.

    Raises:
        DataError: there is no word.
    """
    if not words:
        raise DataError("there is no text to learn from: give texts with words in them")
    places = _places(words)
    total = len(places[0])
    pairs = _pairs(total)
    merging.count_pairs(places, pairs)
    heap = _heap(pairs, total)
    spelled = _spelled(spellings, goal.symbols)
    limits = np.array([len(spellings), goal.symbols, goal.min_count], np.int64)
    out = np.empty(4 * max(goal.symbols, 1), np.int64)
    made = merging.learn_merges(places, pairs, heap, spelled, limits, out)
    length = int(sum(len(word) * count for word, count in words.items()))
    found = []
    for left, right, symbol, count in out[: 4 * made].reshape(-1, 4).tolist():
        # Places where a pair overlaps itself were counted twice and merged once.
        length -= count
        found.append(Learned(left, right, symbol, count, length))
    return found


def _places(
    words: Mapping[tuple[int, ...], int],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    sizes = np.fromiter(map(len, words), np.int64, len(words))
    ends = np.cumsum(sizes)
    symbols = np.fromiter((symbol for word in words for symbol in word), np.int32, int(ends[-1]))
    after = np.arange(1, len(symbols) + 1, dtype=np.int32)
    before = np.arange(-1, len(symbols) - 1, dtype=np.int32)
    sized = sizes > 0
    after[ends[sized] - 1] = merging.NONE
    before[(ends - sizes)[sized]] = merging.NONE
    counts = np.repeat(np.fromiter(words.values(), np.int64, len(words)), sizes)
    return symbols, after, before, counts


def _pairs(places: int) -> _Pairs:
    """Return empty tables; a merge takes a place away and gives two pairs at most, so links are bounded."""
    slots = 1 << max(_LEAST_ROOM, 2 * places).bit_length()
    links = 3 * places + 2
    return (
        np.full(slots, _EMPTY),
        np.zeros(merging.PAIR * slots, np.int64),
        np.empty(links, np.int32),
        np.empty(links, np.int64),
        np.zeros(2, np.int64),
    )


def _heap(pairs: _Pairs, places: int) -> tuple[NDArray[np.int64], ...]:
    keys, values = pairs[0], pairs[1]
    slots = np.flatnonzero(keys != _EMPTY)
    counts = values[merging.PAIR * slots + merging.COUNT].astype(np.int64)
    order = np.lexsort((keys[slots], -counts))
    room = 3 * places + len(slots) + 2
    heap_counts, heap_slots = np.empty(room, np.int64), np.empty(room, np.int64)
    heap_counts[: len(slots)], heap_slots[: len(slots)] = counts[order], slots[order]
    return heap_counts, heap_slots, np.array([len(slots)], np.int64)


def _spelled(
    spellings: Sequence[bytes], symbols: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int64]]:
    """Return a hash of each spelling that joins as spellings do, and a table of these hashes."""
    room = max(symbols, len(spellings)) + 1
    hashes, factors = np.zeros(room, np.uint64), np.ones(room, np.uint64)
    slots = 1 << (4 * room).bit_length()
    table, ids = np.zeros(slots, np.uint64), np.full(slots, merging.NONE, np.int64)
    for number, spelling in enumerate(spellings):
        hashed, factor = 0, 1
        for byte in spelling:
            hashed = (hashed * _FACTOR + byte * 0xC2B2AE3D27D4EB4F + 1) & _BITS
            factor = factor * _FACTOR & _BITS
        hashes[number], factors[number] = hashed, factor
        merging.known_symbol(table, ids, np.uint64(hashed), number)
    return hashes, factors, table, ids
