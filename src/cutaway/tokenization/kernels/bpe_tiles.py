"""A tile of words through the memory, the word table and the merges: three rounds that wait for nothing.

Each word of up to fifteen bytes is looked for among the words met before; those not there among the tokens;
those that are no token either are merged, eight side by side. What is found of each is kept for
kernels/bpe.py to write in order.

Nothing is validated here. Every text is followed by at least sixteen bytes of padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.bpe_merging import MERGING
from cutaway.tokenization.kernels.scan import TEXT
from cutaway.tokenization.kernels.side_by_side import LANE, LANES, begin, merge_least, take_ranks, written
from cutaway.tokenization.kernels.tokens import (
    MEMORY_SLOT,
    PACKED,
    SYMBOL_BITS,
    WORD_SLOT,
    mixed,
    packed,
    word_slot,
)

MEMORY_IDS = 4
TILE = 1024  # words
FOUND = 2  # numbers a word of a tile: its first two ids; its third and fourth and how many there are
MISSED = 4  # numbers a word that is no token: which, itself packed, where it starts
_WAYS = 2 * MEMORY_SLOT  # two slots to a cache line
# Behind the lanes: those that have not ended, and the number of the word in each.
_ORDER, _OWNER, LANES_ROOM = LANES * LANE, LANES * LANE + LANES, LANES * LANE + 2 * LANES

_HALF, _LOW_HALF = np.uint64(32), np.uint64(0xFFFFFFFF)
_ONE, _TWO, _THREE, _FOUR, _FIVE = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4), np.uint64(5)
_PACKED = np.uint64(PACKED)
_LENGTH_AT, _WAYS_OF, _FOUND_OF = np.uint64(56), np.uint64(_WAYS), np.uint64(FOUND)
_FOURTH_AT, _SIZE_AT = np.uint64(SYMBOL_BITS), np.uint64(2 * SYMBOL_BITS)
_ONE_ID = np.uint64(1 << (2 * SYMBOL_BITS))

# What a tile needs: what is known of each word, those not met before, those that are no tokens either, ids of
# words that have more than four, lanes to merge in.
ROOM = "Tuple((uint64[::1], uint64[::1], uint64[::1], int32[::1], int32[::1]))"
# The memory, and room for what is found and what is missed.
_LOOK = "UniTuple(uint64[::1], 3)"


@kernel(f"int64({TEXT}, int32[::1], UniTuple(int64, 2), {_LOOK})", arrays="borrowed", callers="kernels")
def look_up(text: Any, words: Any, tile: Any, looking: Any) -> Any:
    """Write what is remembered of words tile[0] to tile[1]; list those of which nothing is, return how many.

    Both slots of a hash are read, and every word is listed, where the next one overwrites it if it was found:
    a branch that is foreseen wrongly for one word in ten takes longer than all of this.
    """
    memory, found, missed = looking
    first, last, count = np.uint64(tile[0]), np.uint64(tile[1]), np.uint64(0)
    start = np.int64(words[first - _ONE]) if tile[0] > 0 else np.int64(0)
    for k in range(last - first):
        end = np.int64(words[first + k])
        low, high = packed(text, start, min(end, start + PACKED + 1))
        slot = (mixed(low, high) & (np.uint64(len(memory) // _WAYS) - _ONE)) * _WAYS_OF
        in_first = np.uint64((memory[slot] == low) & (memory[slot + _ONE] == high))
        in_second = np.uint64((memory[slot + _FOUR] == low) & (memory[slot + _FIVE] == high))
        slot += in_second * _FOUR
        found[k * _FOUND_OF], found[k * _FOUND_OF + _ONE] = memory[slot + _TWO], memory[slot + _THREE]
        missed[count] = k
        count += _ONE - (in_first | in_second)
        start = end
    return np.int64(count)


@kernel("void(uint64[::1], uint64, uint64, uint64, uint64)", arrays="borrowed", callers="kernels")
def remember(memory: Any, low: Any, high: Any, opening: Any, closing: Any) -> None:
    """Keep the ids of a packed word in the first slot of its hash; what stood there moves to the second."""
    slot = (mixed(low, high) & (np.uint64(len(memory) // _WAYS) - _ONE)) * _WAYS_OF
    if memory[slot] == low and memory[slot + _ONE] == high:
        return  # it stands twice in a tile
    memory[slot + _FOUR], memory[slot + _FIVE] = memory[slot], memory[slot + _ONE]
    memory[slot + _FOUR + _TWO], memory[slot + _FOUR + _THREE] = memory[slot + _TWO], memory[slot + _THREE]
    memory[slot], memory[slot + _ONE] = low, high
    memory[slot + _TWO], memory[slot + _THREE] = opening, closing


@kernel(
    f"int64({TEXT}, int32[::1], UniTuple(int64, 2), uint64[::1], uint64[::1], {ROOM})",
    arrays="borrowed",
    callers="kernels",
)
def know(text: Any, words: Any, listed: Any, known: Any, memory: Any, room: Any) -> Any:
    """Find listed[1] missed words of the tile from listed[0] on that are tokens; list the others that pack.

    Returns how many others. Longer words are told by what is packed of them: sixteen where the length stands.
    """
    found, missed, pending, _, _ = room
    first, count = listed
    mask = np.uint64(len(known) // WORD_SLOT - 1)
    asked, left = np.uint64(0), np.uint64(0)
    for k in range(np.uint64(count)):
        # All are asked for first, and together: nothing hangs on the answer.
        word, to = missed[k] + np.uint64(first), k * _FOUR
        start = np.int64(words[word - _ONE]) if word > 0 else np.int64(0)
        low, high = packed(text, start, min(np.int64(words[word]), start + PACKED + 1))
        asked |= known[(mixed(low, high) & mask) * np.uint64(WORD_SLOT)]
        pending[to], pending[to + _ONE] = missed[k], low
        pending[to + _TWO], pending[to + _THREE] = high, np.uint64(start)
        found[missed[k] * _FOUND_OF + _ONE] = np.uint64(0)
    found[np.uint64(FOUND * TILE)] = asked
    for at in range(np.uint64(0), np.uint64(MISSED * count), np.uint64(MISSED)):
        low, high = pending[at + _ONE], pending[at + _TWO]
        if high >> _LENGTH_AT > _PACKED:
            continue
        place = np.uint64(word_slot(known, low, high))
        if known[place + _ONE] != 0:
            which, token = pending[at] * _FOUND_OF, known[place + _TWO]
            found[which], found[which + _ONE] = token, _ONE_ID
            remember(memory, low, high, token, _ONE_ID)
        else:
            pending[left + _THREE] = pending[at + _THREE]
            pending[left], pending[left + _ONE], pending[left + _TWO] = pending[at], low, high
            left += np.uint64(MISSED)
    return np.int64(left) // MISSED


@kernel(
    f"void({TEXT}, uint64[::1], int64, {MERGING}, int32[::1], int64)", arrays="borrowed", callers="kernels"
)
def begin_pending(text: Any, pending: Any, which: Any, merging: Any, lanes: Any, lane: Any) -> None:
    """Lay out a pending word in a lane."""
    start = np.int64(pending[MISSED * which + 3])
    end = start + np.int64(pending[MISSED * which + 2] >> _LENGTH_AT)
    begin(text, start, end, merging, lanes, lane)


@kernel(
    "int64(uint64[::1], int64, uint64[::1], Tuple((uint64[::1], int32[::1], int32[::1])), int64)",
    arrays="borrowed",
    callers="kernels",
    calls="inlined",
)
def keep_merged(pending: Any, lane: Any, memory: Any, room: Any, used: Any) -> Any:
    """Take the ids of a word whose lane has ended; return the next place for words that have many."""
    found, ids, lanes = room
    at = MISSED * np.int64(lanes[_OWNER + lane])
    ids[used + 1] = ids[used + 2] = ids[used + 3] = 0
    size = written(lanes, lane, ids, used) - used
    which, closing = FOUND * np.int64(pending[at]), np.uint64(size) << _SIZE_AT
    if size > MEMORY_IDS:
        found[which], found[which + 1] = np.uint64(used), closing
        return used + size
    opening = np.uint64(ids[used]) | np.uint64(ids[used + 1]) << _HALF
    closing |= np.uint64(ids[used + 2]) | np.uint64(ids[used + 3]) << _FOURTH_AT
    found[which], found[which + 1] = opening, closing
    remember(memory, pending[at + 1], pending[at + 2], opening, closing)
    return used


@kernel(f"void({TEXT}, int64, {MERGING}, uint64[::1], {ROOM})", arrays="borrowed", callers="kernels")
def merge_missed(text: Any, count: Any, merging: Any, memory: Any, room: Any) -> None:
    """Merge the first `count` words that are pending; those of more than four ids are not kept."""
    found, _, pending, ids, lanes = room
    used, begun = np.int64(0), min(np.int64(LANES), count)
    alive = begun
    for k in range(alive):
        lanes[_ORDER + k] = lanes[_OWNER + k] = k
        begin_pending(text, pending, k, merging, lanes, k)
    while alive > 0:
        at = np.int64(0)
        while at < alive:
            lane = np.int64(lanes[_ORDER + at])
            if merge_least(lanes, lane, merging[0], merging[1]):
                at += 1
                continue
            used = keep_merged(pending, lane, memory, (found, ids, lanes), used)
            if begun < count:
                lanes[_OWNER + lane] = begun
                begin_pending(text, pending, begun, merging, lanes, lane)
                begun += 1
            else:
                alive -= 1
                lanes[_ORDER + at] = lanes[_ORDER + alive]
        for k in range(alive):
            take_ranks(lanes, np.int64(lanes[_ORDER + k]), merging[0])
