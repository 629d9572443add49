"""Words counted and numbered in one pass over bytes: a hash table that the caller keeps and grows.

A slot holds a word's number + 1, or 0 while it is free; `keys` holds the word itself where it has at
most eight bytes, else a hash under a top byte that no UTF-8 text has. At most half the slots are taken.
A word's bytes stand in `pool` from `spots[number]` to `spots[number + 1]`.
"""

from __future__ import annotations

import numpy as np

from cutaway.core.jit import kernel

OTHER, WORD, JOINER = 0, 1, 2  # classes of bytes; a joiner counts only between two word bytes

_LONG = np.uint64(0xFF << 56)
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


@kernel(
    "int64(uint8[::1], int64[::1], int64, uint8[::1], int64, uint8[::1], int64[::1], int64[::1], int32[::1],"
    " uint64[::1], int32[::1], int64[::1])"
)
def number_rows(raw, starts, row, classes, known, pool, spots, counts, slots, keys, ids, ends):  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0915
    """Number the words of rows from `row` on, until the table may be too small; return the next row.

    Args:
        raw: the bytes of all rows, with one byte of class OTHER behind each row.
        starts: (R + 1,) where each row begins.
        row: the first row to read.
        classes: (256,) the class of each byte.
        known: words in the table so far; the new number of them is left in ends[R].
        pool: the bytes of the words.
        spots: (M + 1,) where each word's bytes begin.
        counts: (M,) how often each word was met.
        slots: the table, a power of two.
        keys: what stands in each slot.
        ids: out, the number of each word, row after row.
        ends: (R + 1,) out, where each row's ids end.
    """
    last = np.int64(len(slots) - 1)
    rows = len(starts) - 1
    written = ends[row - 1] if row > 0 else 0
    while row < rows:
        size = starts[row + 1] - starts[row]
        # Words that this row may add: every other byte one.
        if 2 * (known + size // 2 + 1) > len(slots) or spots[known] + size > len(pool):
            break
        at = starts[row]
        while at < starts[row + 1]:
            if classes[raw[at]] != WORD:
                at += 1
                continue
            start = at
            key = np.uint64(0)
            while classes[raw[at]] == WORD or (classes[raw[at]] == JOINER and classes[raw[at + 1]] == WORD):
                if at - start < 8:
                    key |= np.uint64(raw[at]) << np.uint64(8 * (at - start))
                else:
                    key = (key ^ np.uint64(raw[at])) * _PRIME
                    key ^= key >> _SHIFT
                at += 1
            length = at - start
            if length > 8:
                key |= _LONG
            mixed = key * _PRIME
            slot = np.int64(mixed ^ (mixed >> np.uint64(32))) & last
            while slots[slot] != 0:
                if keys[slot] == key:
                    same = length <= 8
                    if not same:
                        from_ = spots[slots[slot] - 1]
                        same = spots[slots[slot]] - from_ == length
                        k = 0
                        while same and k < length:
                            same = pool[from_ + k] == raw[start + k]
                            k += 1
                    if same:
                        break
                slot = (slot + 1) & last
            if slots[slot] == 0:
                for k in range(length):
                    pool[spots[known] + k] = raw[start + k]
                spots[known + 1] = spots[known] + length
                known += 1
                slots[slot] = known
                keys[slot] = key
            counts[slots[slot] - 1] += 1
            ids[written] = slots[slot] - 1
            written += 1
        ends[row] = written
        row += 1
    ends[rows] = known
    return row


@kernel("void(int32[::1], uint64[::1], int32[::1], uint64[::1])")
def refill(slots, keys, new_slots, new_keys):  # type: ignore[no-untyped-def]
    """Move every word into an empty, larger table."""
    last = np.int64(len(new_slots) - 1)
    for old in range(len(slots)):
        if slots[old] != 0:
            mixed = keys[old] * _PRIME
            slot = np.int64(mixed ^ (mixed >> np.uint64(32))) & last
            while new_slots[slot] != 0:
                slot = (slot + 1) & last
            new_slots[slot] = slots[old]
            new_keys[slot] = keys[old]
