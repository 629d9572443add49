"""Short words merged eight at a time: while one waits for memory the others go on.

A step merges one pair of one word: the least of sixteen ranks, two looks into the table of merges. The table
is larger than a second-level cache and each look waits for it, longer than all else in the step takes. So
eight words take their steps together: first each merges its pair and asks for what it will look for, then
each takes its answers, which have arrived. Nothing branches on what was asked for while it is on its way.

Nothing is validated here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.bpe_merging import MERGING, OPENINGS, add_symbols
from cutaway.tokenization.kernels.scan import TEXT
from cutaway.tokenization.kernels.tokens import NO_RANK, SYMBOL_BITS, pair_place, pair_rank, rank_at_once

LANES = 8
LANE = 128  # numbers a lane: symbols, ranks with places, the next place, the one before, 32 of each
PLACES = 16  # symbols in a word at most; a packed word has fifteen bytes
_BORDER, _NOWHERE = 16, 17  # the place before the first and behind the last symbol; where ended words merge
_MERGED, _ASKED = np.uint64(30), np.uint64(31)  # where a word merged last; what came, so that it is asked for
_LOW = np.uint64(0x7FFFFFFF)

_RANKS, _AFTER, _BEFORE = np.uint64(32), np.uint64(64), np.uint64(96)
_ONE, _QUARTER, _HALF = np.uint64(1), np.uint64(PLACES // 4), np.uint64(PLACES // 2)
_PLACE_BITS, _PLACE = 5, 31
_UNMERGED = NO_RANK << _PLACE_BITS
_NOBODY = (1 << SYMBOL_BITS) - 1  # a symbol that merges with none


@kernel(f"void({TEXT}, int64, int64, {MERGING}, int32[::1], int64)", arrays="borrowed")
def begin(text: Any, start: Any, end: Any, merging: Any, lanes: Any, lane: Any) -> None:
    """Lay out the symbols of text[start:end], none or more, in a lane."""
    pairs, openings = merging[0], merging[4]
    base = lane * LANE
    lanes[base] = lanes[base + _BORDER] = lanes[base + _NOWHERE] = _NOBODY
    count = add_symbols(text, start, end, merging, lanes, base) - base
    for k in range(PLACES):
        lanes[base + 32 + k] = _UNMERGED
        lanes[base + 64 + k] = k + 1
        lanes[base + 96 + k] = k - 1
    for place in (_BORDER, _NOWHERE):
        lanes[base + 64 + place] = lanes[base + 96 + place] = place
    lanes[base + 96] = _BORDER
    lanes[base + 64 + max(count - 1, 0)] = _BORDER
    for k in range(count - 1):
        left, right = np.int64(lanes[base + k]), np.int64(lanes[base + k + 1])
        if max(left, right) < OPENINGS:
            rank = np.int64(openings[left * OPENINGS + right])
        else:
            rank = pair_rank(pairs, left, right)
        lanes[base + 32 + k] = rank << _PLACE_BITS | k


@kernel("int64(int32[::1], int64, uint64[::1], int32[::1])", arrays="borrowed")
def merge_least(lanes: Any, lane: Any, pairs: Any, made: Any) -> Any:
    """Merge one pair of a lane, and ask for the ranks of the two new ones; return 0 if there was none."""
    base = np.uint64(lane * LANE)
    ranks = base + _RANKS
    a, b, c, d = lanes[ranks], lanes[ranks + _QUARTER], lanes[ranks + _HALF], lanes[ranks + _HALF + _QUARTER]
    for k in range(_ONE, _QUARTER):
        a, b = min(a, lanes[ranks + k]), min(b, lanes[ranks + _QUARTER + k])
        c, d = min(c, lanes[ranks + _HALF + k]), min(d, lanes[ranks + _HALF + _QUARTER + k])
    least = np.int64(min(min(a, b), min(c, d)))
    going = least < _UNMERGED
    # An ended word asks for the last merge there is: a number that is in the table.
    symbol = np.int64(made[np.uint64(min(least >> _PLACE_BITS, np.int64(len(made) - 1)))])
    symbol = symbol if going else np.int64(_NOBODY)
    at = base + np.uint64(least & _PLACE if going else _NOWHERE)
    gone = base + np.uint64(lanes[at + _AFTER])
    after = np.int64(lanes[gone + _AFTER])
    before = np.int64(lanes[at + _BEFORE])
    lanes[at] = symbol
    lanes[gone + _RANKS] = _UNMERGED
    lanes[at + _AFTER] = after
    lanes[base + np.uint64(after) + _BEFORE] = at - base
    left, right = base + np.uint64(before), base + np.uint64(after)
    lanes[base + _MERGED] = at - base
    asked = pairs[pair_place(pairs, symbol, np.int64(lanes[right]))]
    asked ^= pairs[pair_place(pairs, np.int64(lanes[left]), symbol)]
    lanes[base + _ASKED] = np.int64(asked & _LOW)
    return np.int64(going)


@kernel("void(int32[::1], int64, uint64[::1])", arrays="borrowed")
def take_ranks(lanes: Any, lane: Any, pairs: Any) -> None:
    """Write the ranks that `merge_least` asked for."""
    base = np.uint64(lane * LANE)
    at = base + np.uint64(lanes[base + _MERGED])
    before, after = np.int64(lanes[at + _BEFORE]), np.int64(lanes[at + _AFTER])
    left, right = base + np.uint64(before), base + np.uint64(after)
    symbol = np.int64(lanes[at])
    rank_behind = rank_at_once(pairs, symbol, np.int64(lanes[right]))
    rank_before = rank_at_once(pairs, np.int64(lanes[left]), symbol)
    lanes[at + _RANKS] = rank_behind << _PLACE_BITS | np.int64(at - base)
    lanes[left + _RANKS] = rank_before << _PLACE_BITS | before


@kernel("int64(int32[::1], int64, int32[::1], int64)", arrays="borrowed")
def written(lanes: Any, lane: Any, out: Any, at: Any) -> Any:
    """Write a lane's symbols from out[at] on; return the next place."""
    base = np.uint64(lane * LANE)
    place = np.uint64(_BORDER if lanes[base] == _NOBODY else 0)
    while place < np.uint64(_BORDER):
        out[at] = lanes[base + place]
        at += 1
        place = np.uint64(lanes[base + _AFTER + place])
    return at
