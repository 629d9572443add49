"""Compiled training of byte pairs: the most frequent pair of neighbors becomes one symbol, again and again.

Words stand end to end in flat arrays, each symbol linked to the next and the one before. A hash table counts
pairs, and for each pair there is a chain of the places where it stands. A heap offers pairs, the most
frequent first and of equals the one with the smaller ids; what it says of a pair may be too high, as counts
of pairs that are there can only fall, so the top is put right and offered again until it is true.

Nothing is validated here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel

# Numbers a pair: how often it stands, the newest place in its chain.
COUNT, CHAIN, PAIR = 0, 1, 2
NONE = -1

_HALF, _LOW_HALF = np.uint64(32), np.uint64(0xFFFFFFFF)
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
_MIX = np.uint64(0x9E3779B97F4A7C15)

# Symbols; the next place; the place before (-1: none); how often the word of each place comes.
_PLACES = "Tuple((int32[::1], int32[::1], int32[::1], int64[::1]))"
# Keys of pairs; counts and chains; places in chains and what follows each there; numbers used: pairs, links.
_PAIRS = "Tuple((uint64[::1], int64[::1], int32[::1], int64[::1], int64[::1]))"


@kernel("int64(uint64[::1], int64, int64)", arrays="borrowed")
def pair_slot(keys: Any, left: Any, right: Any) -> Any:
    """Return the slot of a pair, or the empty one for it."""
    key = np.uint64(left) << _HALF | np.uint64(right)
    mask = np.uint64(len(keys) - 1)
    at = ((key * _MIX) >> _HALF) & mask
    while keys[at] != key and keys[at] != _EMPTY:
        at = (at + np.uint64(1)) & mask
    return np.int64(at)


@kernel(f"int64({_PAIRS}, int64, int64, int64, int64)", arrays="borrowed")
def add_place(pairs: Any, left: Any, right: Any, place: Any, count: Any) -> Any:
    """Say that a pair stands at one more place, in a word that comes so often; return its slot."""
    keys, values, places, nexts, used = pairs
    slot = pair_slot(keys, left, right)
    if keys[slot] == _EMPTY:
        keys[slot] = np.uint64(left) << _HALF | np.uint64(right)
        values[PAIR * slot + COUNT], values[PAIR * slot + CHAIN] = 0, NONE
        used[0] += 1
    values[PAIR * slot + COUNT] += count
    link = used[1]
    places[link], nexts[link] = place, values[PAIR * slot + CHAIN]
    values[PAIR * slot + CHAIN] = link
    used[1] += 1
    return slot


@kernel("boolean(uint64[::1], int64, int64, int64, int64)", arrays="borrowed")
def before(keys: Any, count: Any, slot: Any, other_count: Any, other: Any) -> Any:
    """Return whether a pair with this count is offered before another."""
    return count > other_count or (count == other_count and keys[slot] < keys[other])


@kernel("void(uint64[::1], int64[::1], int64[::1], int64, int64, int64)", arrays="borrowed")
def push(keys: Any, counts: Any, slots: Any, size: Any, count: Any, slot: Any) -> None:
    """Put a pair into the heap, which has `size` of them."""
    at = size
    while at > 0:
        above = (at - 1) >> 1
        if not before(keys, count, slot, counts[above], slots[above]):
            break
        counts[at], slots[at] = counts[above], slots[above]
        at = above
    counts[at], slots[at] = count, slot


@kernel("void(uint64[::1], int64[::1], int64[::1], int64, int64, int64)", arrays="borrowed")
def replace_top(keys: Any, counts: Any, slots: Any, size: Any, count: Any, slot: Any) -> None:
    """Put a pair in the place of the heap's first."""
    at = np.int64(0)
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        other = child + 1
        if other < size and before(keys, counts[other], slots[other], counts[child], slots[child]):
            child = other
        if not before(keys, counts[child], slots[child], count, slot):
            break
        counts[at], slots[at] = counts[child], slots[child]
        at = child
    counts[at], slots[at] = count, slot


@kernel(f"void({_PLACES}, {_PAIRS})", arrays="borrowed")
def count_pairs(words: Any, pairs: Any) -> None:
    """Count every pair of neighbors, the last place first, so that chains begin at the start."""
    symbols, after, _, counts = words
    for place in range(len(symbols) - 1, -1, -1):
        if after[place] >= 0:
            add_place(pairs, symbols[place], symbols[after[place]], place, counts[place])


@kernel(f"int64({_PLACES}, {_PAIRS}, int64, int64, int64[::1])")
def merge_pair(words: Any, pairs: Any, slot: Any, made: Any, changed: Any) -> Any:
    """Replace a pair by one symbol wherever it stands; return how many slots of pairs are in `changed`.

    Of pairs that overlap, as in "aaa", the first is merged.
    """
    symbols, after, before_, counts = words
    keys, values, places, nexts, _ = pairs
    left = np.int32(keys[slot] >> _HALF)
    right = np.int32(keys[slot] & _LOW_HALF)
    size, link = np.int64(0), values[PAIR * slot + CHAIN]
    while link >= 0:
        size += 1
        link = nexts[link]
    waiting = np.empty(size, np.int64)
    link = values[PAIR * slot + CHAIN]
    for k in range(size):
        waiting[k] = places[link]
        link = nexts[link]
    waiting.sort()
    found = np.int64(0)
    for place in waiting:
        behind = after[place]
        if symbols[place] != left or behind < 0 or symbols[behind] != right:
            continue
        count = counts[place]
        symbols[place], symbols[behind] = made, -1
        follows, ahead = after[behind], before_[place]
        after[place] = follows
        if follows >= 0:
            before_[follows] = place
            values[PAIR * pair_slot(keys, right, symbols[follows]) + COUNT] -= count
            changed[found] = add_place(pairs, made, symbols[follows], place, count)
            found += 1
        if ahead >= 0:
            values[PAIR * pair_slot(keys, symbols[ahead], left) + COUNT] -= count
            changed[found] = add_place(pairs, symbols[ahead], made, ahead, count)
            found += 1
    return found


@kernel("int64(uint64[::1], int64[::1], uint64, int64)", arrays="borrowed")
def known_symbol(hashes: Any, ids: Any, hashed: Any, new: Any) -> Any:
    """Return the symbol that is spelled alike, and if there is none, `new`, which is put into the table."""
    mask = np.uint64(len(hashes) - 1)
    at = (hashed >> _HALF) & mask
    while ids[at] >= 0:
        if hashes[at] == hashed:
            return ids[at]
        at = (at + np.uint64(1)) & mask
    hashes[at], ids[at] = hashed, new
    return new


@kernel("int64(int64[::1], int64)")  # numba's sort counts references
def distinct(numbers: Any, count: Any) -> Any:
    """Sort the first numbers and keep each once; return how many there are."""
    numbers[:count].sort()
    kept = np.int64(0)
    for k in range(count):
        if k == 0 or numbers[k] != numbers[kept - 1]:
            numbers[kept] = numbers[k]
            kept += 1
    return kept


@kernel(
    f"int64({_PLACES}, {_PAIRS}, Tuple((int64[::1], int64[::1], int64[::1])), "
    "Tuple((uint64[::1], uint64[::1], uint64[::1], int64[::1])), int64[::1], int64[::1])"
)
def learn_merges(words: Any, pairs: Any, heap: Any, spelled: Any, limits: Any, out: Any) -> Any:
    """Merge the most frequent pair until there are enough symbols; return how many merges were made.

    Args:
        words: the places.
        pairs: their pairs.
        heap: counts and slots that are offered, and how many, in an array of one.
        spelled: of each symbol a hash of its spelling and the factor for its length; a table of hashes.
        limits: how many symbols there are, how many there may be, and how often a pair must stand.
        out: takes for each merge left, right, what they make, and how often they stood.
    """
    keys, values, _, _, used = pairs
    counts, slots, size = heap
    hashes, factors, table, ids = spelled
    changed = np.empty(2 * len(words[0]), np.int64)
    merges = np.int64(0)
    while size[0] > 0 and limits[0] < limits[1] and 4 * merges < len(out):
        slot = slots[0]
        count = values[PAIR * slot + COUNT]
        if count != counts[0]:
            if count > 0:
                replace_top(keys, counts, slots, size[0], count, slot)
            else:
                size[0] -= 1
                replace_top(keys, counts, slots, size[0], counts[size[0]], slots[size[0]])
            continue
        if count < max(limits[2], 1):
            break
        # A pair that is offered twice finds its count gone; room for new pairs is kept free.
        if 2 * (used[0] + 2) > len(keys):
            break
        left, right = np.int64(keys[slot] >> _HALF), np.int64(keys[slot] & _LOW_HALF)
        hashed = hashes[left] * factors[right] + hashes[right]
        made = known_symbol(table, ids, hashed, limits[0])
        if made == limits[0]:
            hashes[made], factors[made] = hashed, factors[left] * factors[right]
            limits[0] += 1
        out[4 * merges], out[4 * merges + 1], out[4 * merges + 2], out[4 * merges + 3] = (
            left,
            right,
            made,
            count,
        )
        merges += 1
        found = merge_pair(words, pairs, slot, made, changed)
        values[PAIR * slot + COUNT] = 0
        for k in range(distinct(changed, found)):
            push(keys, counts, slots, size[0], values[PAIR * changed[k] + COUNT], changed[k])
            size[0] += 1
    return merges
