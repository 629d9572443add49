"""Hash tables that the byte-pair kernels share: words that are tokens, all tokens, merges.

A word of up to fifteen bytes is two 64-bit numbers: its bytes, zeros, its length. So comparing is exact and
takes two instructions. Longer ones are compared byte by byte. A pair of symbols and its rank share one
number, so the table of all merges has no pointers. Every table is at most half full; a look goes on to the
next slot until it finds what it asks for or an empty one.

Nothing is validated here. Every text is followed by at least sixteen bytes of padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.scan import TEXT, eight_bytes

PADDING = 16
PACKED = 15  # bytes of a word in two numbers; the sixteenth holds the length
WORD_SLOT = 3  # numbers in a slot of the word table: two of the word, then its id
TOKEN_SLOT = 2  # numbers in a slot of the table of all tokens: a hash, then id + 1
MEMORY_SLOT = 4  # numbers in a slot of a memory of words: two of the word, two of what became of it
UNREACHED = 1 << 32  # added to id + 1 of a token that no merging leads to
SYMBOL_BITS = 21
RANK_BITS = 22
NO_RANK = (1 << RANK_BITS) - 1

_RANK = np.uint64(NO_RANK)
_RANK_BITS, _SYMBOL_BITS = np.uint64(RANK_BITS), np.uint64(SYMBOL_BITS)
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
_HALF, _LOW_HALF = np.uint64(32), np.uint64(0xFFFFFFFF)
_MIX_A, _MIX_B = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_ONE, _TWO, _THREE, _EIGHT = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(8)
_TOP = np.uint64(56)
# Of a word of n bytes: those of its first eight, and of its second, that are its own.
_LOW_BYTES = np.array([(1 << 8 * min(size, 8)) - 1 for size in range(17)], np.uint64)
_HIGH_BYTES = np.array([(1 << 8 * max(size - 8, 0)) - 1 for size in range(17)], np.uint64)

TOKENS = f"Tuple(({TEXT}, int64[::1], uint64[::1]))"  # all tokens' bytes, where each starts, and the table


@kernel(f"UniTuple(uint64, 2)({TEXT}, int64, int64)", arrays="borrowed", callers="kernels")
def packed(text: Any, start: Any, end: Any) -> Any:
    """Return text[start:end], at most fifteen bytes, as two numbers: the bytes, zeros, the length.

    What is not the word's is masked, by tables: nothing could foresee a branch on the length.
    """
    size = np.uint64(end - start)
    low = eight_bytes(text, start) & _LOW_BYTES[size]
    high = eight_bytes(text, start + 8) & _HIGH_BYTES[size]
    return low, high | size << _TOP


@kernel("uint64(uint64, uint64)", arrays="borrowed", callers="kernels")
def mixed(low: Any, high: Any) -> Any:
    """Return a hash of two numbers; its upper half is the good one."""
    return ((low ^ (high * _MIX_B)) * _MIX_A) >> _HALF


@kernel("int64(uint64[::1], uint64, uint64)", arrays="borrowed", callers="kernels")
def word_slot(words: Any, low: Any, high: Any) -> Any:
    """Return where the packed word stands in the word table, or the empty slot where it would."""
    mask = np.uint64(len(words) // WORD_SLOT - 1)
    at = mixed(low, high) & mask
    while True:
        slot = at * np.uint64(WORD_SLOT)
        if (words[slot] == low and words[slot + _ONE] == high) or words[slot + _ONE] == 0:
            return np.int64(slot)
        at = (at + _ONE) & mask


@kernel(f"uint64({TEXT}, int64, int64)", arrays="borrowed", callers="kernels")
def token_hash(text: Any, start: Any, end: Any) -> Any:
    """Return a hash of text[start:end]."""
    hashed = np.uint64(end - start) * _MIX_B
    while start < end:
        chunk = eight_bytes(text, start)
        if end - start < 8:
            chunk &= _EMPTY >> ((_EIGHT - np.uint64(end - start)) << _THREE)
        hashed = (hashed ^ chunk) * _MIX_A
        hashed ^= hashed >> _HALF
        start += 8
    return hashed


@kernel(f"int64({TEXT}, int64, int64, uint64, {TOKENS})", arrays="borrowed", callers="kernels")
def token_slot(text: Any, start: Any, end: Any, hashed: Any, tokens: Any) -> Any:
    """Return the slot of the token text[start:end] in the table of all tokens, or the empty one for it."""
    letters, starts, table = tokens
    mask = np.uint64(len(table) // TOKEN_SLOT - 1)
    place = (hashed >> _EIGHT) & mask
    while True:
        slot = np.int64(place) * TOKEN_SLOT
        token = np.int64(table[slot + 1] & _LOW_HALF) - 1
        if token < 0:
            return slot
        if table[slot] == hashed and starts[token + 1] - starts[token] == end - start:
            k = np.int64(0)
            while k < end - start and letters[starts[token] + k] == text[start + k]:
                k += 1
            if k == end - start:
                return slot
        place = (place + _ONE) & mask


@kernel("int64(uint64[::1], int64, int64)", arrays="borrowed")
def pair_rank(pairs: Any, left: Any, right: Any) -> Any:
    """Return the rank at which two symbols merge, NO_RANK if they never do."""
    key = np.uint64(left) << _SYMBOL_BITS | np.uint64(right)
    mask = np.uint64(len(pairs) - 1)
    at = ((key * _MIX_A) >> _HALF) & mask
    while True:
        found = pairs[at]
        if found >> _RANK_BITS == key or found == _EMPTY:
            return np.int64(found & _RANK)
        at = (at + _ONE) & mask


@kernel("uint64(uint64[::1], int64, int64)", arrays="borrowed", callers="kernels")
def pair_place(pairs: Any, left: Any, right: Any) -> Any:
    """Return the first place to look for a pair."""
    key = np.uint64(left) << _SYMBOL_BITS | np.uint64(right)
    return ((key * _MIX_A) >> _HALF) & np.uint64(len(pairs) - 1)


@kernel("int64(uint64[::1], int64, int64)", arrays="borrowed")
def rank_at_once(pairs: Any, left: Any, right: Any) -> Any:
    """Do what `pair_rank` does, looking at two places whatever the first is: nothing waits for a branch."""
    key = np.uint64(left) << _SYMBOL_BITS | np.uint64(right)
    mask = np.uint64(len(pairs) - 1)
    at = ((key * _MIX_A) >> _HALF) & mask
    first, second = pairs[at], pairs[(at + _ONE) & mask]
    found = first if first >> _RANK_BITS == key else _EMPTY
    found = second if second >> _RANK_BITS == key else found
    if max(first, second) != _EMPTY:
        return pair_rank(pairs, left, right)
    return np.int64(found & _RANK)


@kernel("void(uint64[::1], int64, int64, int64)", arrays="borrowed")
def add_pair(pairs: Any, left: Any, right: Any, rank: Any) -> None:
    """Put a merge into the table, unless the pair is there."""
    key = np.uint64(left) << _SYMBOL_BITS | np.uint64(right)
    mask = np.uint64(len(pairs) - 1)
    at = ((key * _MIX_A) >> _HALF) & mask
    while pairs[at] != _EMPTY:
        if pairs[at] >> _RANK_BITS == key:
            return
        at = (at + _ONE) & mask
    pairs[at] = key << _RANK_BITS | np.uint64(rank)
