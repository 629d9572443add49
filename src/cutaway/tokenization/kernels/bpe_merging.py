"""Merging the symbols of one word, as models/bpe.py defines it: the pair of least rank, again and again.

A word of few symbols looks at every pair each time; a long one keeps a heap of ranks and a linked list of
symbols, and never takes more than n log n.

Nothing is validated here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.scan import TEXT
from cutaway.tokenization.kernels.tokens import NO_RANK, pair_rank

SHORT = 24  # symbols up to which merging looks at every pair
OPENINGS = 256  # ids of which the ranks of all pairs stand in a square
# Where the fallbacks for a character without a symbol stand, behind those of the 256 bytes.
UNKNOWN, FUSED, FALLBACKS = 256, 257, 258

# The merges and what each makes; the symbol of each byte or code point, the fallbacks, and the ranks of
# pairs of the first ids, where bytes mostly are.
MERGING = "Tuple((uint64[::1], int32[::1], int32[::1], int32[::1], int32[::1]))"


@kernel(f"int64(int32[::1], int64, int64, {MERGING}, int32[::1])", arrays="borrowed", callers="kernels")
def merge_short(symbols: Any, first: Any, count: Any, merging: Any, ranks: Any) -> Any:
    """Merge symbols[first:first + count] in place; return how many are left. Looks at all pairs each time.

    `ranks` is room for as many numbers.
    """
    pairs, made, _, _, openings = merging
    for k in range(count - 1):
        left, right = np.int64(symbols[first + k]), np.int64(symbols[first + k + 1])
        if max(left, right) < OPENINGS:
            ranks[k] = openings[left * OPENINGS + right]
        else:
            ranks[k] = pair_rank(pairs, left, right)
    while count > 1:
        best, least = 0, ranks[0]
        for k in range(1, count - 1):
            rank = ranks[k]
            best = k if rank < least else best
            least = min(rank, least)
        if least == NO_RANK:
            break
        symbol = made[least]
        count -= 1
        for k in range(best + 1, count):
            symbols[first + k] = symbols[first + k + 1]
            ranks[k - 1] = ranks[k]
        symbols[first + best] = symbol
        if best + 1 < count:
            ranks[best] = pair_rank(pairs, symbol, symbols[first + best + 1])
        if best > 0:
            ranks[best - 1] = pair_rank(pairs, symbols[first + best - 1], symbol)
    return count


@kernel("void(int64[::1], int64, int64)", arrays="borrowed", callers="kernels")
def sift_down(heap: Any, at: Any, size: Any) -> None:
    """Let the number at heap[at] sink until both below it are larger."""
    moving = heap[at]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= moving:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = moving


@kernel("void(int64[::1], int64)", arrays="borrowed", callers="kernels")
def sift_up(heap: Any, at: Any) -> None:
    """Let the number at heap[at] rise until the one above it is smaller."""
    moving = heap[at]
    while at > 0 and heap[(at - 1) >> 1] > moving:
        heap[at] = heap[(at - 1) >> 1]
        at = (at - 1) >> 1
    heap[at] = moving


@kernel("int64(int32[::1], int64, int64, uint64[::1], int32[::1])", callers="kernels")
def merge_long(symbols: Any, first: Any, count: Any, pairs: Any, made: Any) -> Any:
    """Merge symbols[first:first + count] in place; return how many are left. A heap holds rank and place."""
    own = symbols[first:]
    room, size = np.empty(4 * count, np.int64), np.int64(0)
    # A merge takes one place of the heap and needs two.
    heap, after, before = room[: 2 * count], room[2 * count :], room[3 * count :]
    for k in range(count):
        after[k], before[k] = k + 1, k - 1
    for k in range(count - 1):
        rank = pair_rank(pairs, own[k], own[k + 1])
        if rank != NO_RANK:
            heap[size] = rank << 32 | k
            size += 1
    for k in range(size // 2 - 1, -1, -1):
        sift_down(heap, k, size)
    while size > 0:
        rank, left = heap[0] >> 32, heap[0] & 0xFFFFFFFF
        right = after[left]
        # The pair may be gone: one of the two has been merged away since.
        if own[left] < 0 or right >= count or pair_rank(pairs, own[left], own[right]) != rank:
            size -= 1
            heap[0] = heap[size]
            sift_down(heap, 0, size)
            continue
        own[left], own[right] = made[rank], -1
        after[left] = after[right]
        if after[left] < count:
            before[after[left]] = left
        size -= 1
        heap[0] = heap[size]
        sift_down(heap, 0, size)
        if after[left] < count:
            rank = pair_rank(pairs, own[left], own[after[left]])
            if rank != NO_RANK:
                heap[size] = rank << 32 | left
                sift_up(heap, size)
                size += 1
        if before[left] >= 0:
            rank = pair_rank(pairs, own[before[left]], own[left])
            if rank != NO_RANK:
                heap[size] = rank << 32 | before[left]
                sift_up(heap, size)
                size += 1
    left = np.int64(0)
    for k in range(count):
        if own[k] >= 0:
            own[left] = own[k]
            left += 1
    return left


@kernel(f"int64({TEXT}, int64, int64, {MERGING}, int32[::1], int64)", arrays="borrowed", callers="kernels")
def add_symbols(text: Any, start: Any, end: Any, merging: Any, out: Any, at: Any) -> Any:
    """Write the symbols that text[start:end] is made of from out[at] on; return the next place."""
    table, fallbacks = merging[2], merging[3]
    first = at
    while start < end:
        code, size = np.int64(text[start]), np.int64(1)
        if code >= 0x80 and len(table) > 256:
            size = np.int64(2 + (code >= 0xE0) + (code >= 0xF0))
            code &= 0x7F >> size
            for k in range(1, size):
                code = (code << 6) | (np.int64(text[start + k]) & 0x3F)
        if table[code] >= 0:
            out[at] = table[code]
            at += 1
        elif fallbacks[0] >= 0:
            for k in range(size):
                out[at + k] = fallbacks[text[start + k]]
            at += size
        elif fallbacks[UNKNOWN] >= 0:
            at -= fallbacks[FUSED] and at > first and out[at - 1] == fallbacks[UNKNOWN]
            out[at] = fallbacks[UNKNOWN]
            at += 1
        start += size
    return at


@kernel(
    f"int64({TEXT}, UniTuple(int64, 2), {MERGING}, int32[::1], int32[::1], int64)",
    arrays="borrowed",
)
def merge_word(text: Any, word: Any, merging: Any, ranks: Any, ids: Any, at: Any) -> Any:
    """Write the ids of text[word[0]:word[1]] from ids[at] on, by merging; return the next place."""
    count = add_symbols(text, word[0], word[1], merging, ids, at) - at
    if count <= SHORT:
        return at + merge_short(ids, at, count, merging, ranks)
    return at + merge_long(ids, at, count, merging[0], merging[1])
