"""Words counted and numbered in one pass over bytes: a hash table that the caller keeps and grows.

Words stand between NULs, so eight bytes at a time tell where one ends. A slot of the table holds a word's
number + 1, or 0 while it is free; `keys` holds the word itself where it has at most eight bytes, else a hash
under a top byte that no UTF-8 text has. At most half the slots are taken. A word's bytes stand in `pool` from
`spots[number]` to `spots[number + 1]`.
"""

from __future__ import annotations

import numpy as np

from cutaway.core.jit import kernel

# Eight bytes may be read from the last one on, and they are read as two aligned eights.
SLACK = 16

_LONG = np.uint64(0xFF << 56)
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)
_ALL = np.uint64((1 << 64) - 1)
_ONES, _TOPS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)

_WORD = "UniTuple(int64, 2)"
_BYTES = "Tuple((uint8[::1], uint64[::1]))"
_POOL = "Tuple((uint8[::1], uint64[::1], int64[::1]))"
_SLOTS = "Tuple((int32[::1], uint64[::1]))"


@kernel("boolean(uint8)", calls="inlined")
def _of_word(byte):  # type: ignore[no-untyped-def]
    """Tell whether a byte of lower-case text is a letter, a digit, or of a character beyond ASCII."""
    return ((byte >= 97) & (byte <= 122)) | ((byte >= 48) & (byte <= 57)) | (byte >= 128)


@kernel("void(uint8[::1], uint8[::1])")
def separate_words(raw, words):  # type: ignore[no-untyped-def]
    """Copy lower-case text, with NUL for every byte that is not of a word.

    A word is ASCII letters and digits, bytes beyond ASCII, and apostrophes between two of those.

    Args:
        raw: (N,) the text, a NUL at its end.
        words: (N,) out.
    """
    words[0] = raw[0] if _of_word(raw[0]) else np.uint8(0)
    words[len(raw) - 1] = 0
    for k in range(np.uint64(1), np.uint64(len(raw) - 1)):
        joins = (raw[k] == 39) & _of_word(raw[k - np.uint64(1)]) & _of_word(raw[k + np.uint64(1)])
        words[k] = raw[k] if _of_word(raw[k]) | joins else np.uint8(0)


@kernel("uint64(uint64[::1], int64)", calls="inlined", arrays="borrowed")
def _eight_bytes(eights, at):  # type: ignore[no-untyped-def]
    """Return the bytes from `at` on as one number, the first lowest; `eights` are the same bytes, aligned."""
    place, bits = np.uint64(at) >> np.uint64(3), (np.uint64(at) & np.uint64(7)) << np.uint64(3)
    high = (eights[place + np.uint64(1)] << np.uint64(1)) << (np.uint64(63) - bits)
    return (eights[place] >> bits) | high


@kernel("uint64(uint64)", calls="inlined")
def _before_nul(bytes_):  # type: ignore[no-untyped-def]
    """Return ones over the bytes before the first NUL of eight, all ones if there is none."""
    nul = (bytes_ - _ONES) & ~bytes_ & _TOPS  # the lowest top bit is the first NUL's
    return _ALL if nul == 0 else ((nul - np.uint64(1)) & ~nul) >> np.uint64(7)


@kernel("int64(uint64)", calls="inlined")
def _bytes_of(mask):  # type: ignore[no-untyped-def]
    """Return over how many bytes there are ones."""
    return np.int64(((mask & _ONES) * _ONES) >> np.uint64(56))


@kernel("boolean(uint64[::1], int64, uint64[::1], int64, int64)", calls="inlined", arrays="borrowed")
def _same_bytes(one, at, other, at_other, length):  # type: ignore[no-untyped-def]
    """Tell whether so many bytes of a word are those of another."""
    done = 0
    while done + 8 <= length:
        if _eight_bytes(one, at + done) != _eight_bytes(other, at_other + done):
            return False
        done += 8
    rest = ~(_ALL << np.uint64(8 * (length - done)))  # at most seven bytes
    return (_eight_bytes(one, at + done) ^ _eight_bytes(other, at_other + done)) & rest == 0


@kernel(f"int64(uint64, {_WORD}, uint64[::1], {_POOL}, {_SLOTS})", calls="inlined", arrays="borrowed")
def _slot_of(key, word, eights, pool, table):  # type: ignore[no-untyped-def]
    """Return the slot of a word, (start, length) in `eights`, or the free one where it belongs."""
    start, length = word
    slots, keys = table
    last = np.int64(len(slots) - 1)
    mixed = key * _PRIME
    slot = np.int64(mixed ^ (mixed >> np.uint64(32))) & last
    while slots[slot] != 0:
        if keys[slot] == key:
            spot, behind = pool[2][slots[slot] - 1], pool[2][slots[slot]]
            if length <= 8 or (behind - spot == length and _same_bytes(pool[1], spot, eights, start, length)):
                break
        slot = (slot + 1) & last
    return slot


@kernel(
    f"int64({_BYTES}, int64[::1], int64, int64, {_POOL}, int64[::1], {_SLOTS}, int32[::1], int64[::1])",
    arrays="borrowed",
)
def number_rows(raw, starts, row, known, pool, counts, table, ids, ends):  # type: ignore[no-untyped-def]  # noqa: PLR0913
    """Number the words of rows from `row` on, until the table may be too small; return the next row.

    Args:
        raw: words with NULs between and behind them, row after row, and `SLACK` bytes more; the same as
            numbers of eight bytes.
        starts: (R + 1,) where each row begins.
        row: the first row to read.
        known: words in the table so far; the new number of them is left in ends[R].
        pool: the bytes of the words; the same as numbers of eight; (M + 1,) where each word's begin.
        counts: (M,) how often each word was met.
        table: the slots, a power of two, and what stands in each.
        ids: out, the number of each word, row after row.
        ends: (R + 1,) out, where each row's ids end.
    """
    letters, eights = raw
    pool_letters, _, spots = pool
    slots, keys = table
    rows = len(starts) - 1
    written = ends[row - 1] if row > 0 else 0
    while row < rows:
        size = starts[row + 1] - starts[row]
        # Words that this row may add: every other byte one.
        if 2 * (known + size // 2 + 1) > len(slots) or spots[known] + size + SLACK > len(pool_letters):
            break
        at = starts[row]
        while at < starts[row + 1]:
            start = at
            here = _eight_bytes(eights, at)
            mask = _before_nul(here)
            key = here & mask
            at += _bytes_of(mask) + 1
            if mask == 0:
                continue
            if mask == _ALL:  # the word may go on
                at -= 1
                here = _eight_bytes(eights, at)
                mask = _before_nul(here)
                while mask != 0:
                    key = (key ^ (here & mask)) * _PRIME
                    key = (key ^ (key >> _SHIFT)) | _LONG
                    at += _bytes_of(mask)
                    here = _eight_bytes(eights, at)
                    mask = _before_nul(here)
                at += 1
            length = at - 1 - start
            word = start, length
            slot = _slot_of(key, word, eights, pool, table)
            if slots[slot] == 0:
                for k in range(length):
                    pool_letters[spots[known] + k] = letters[start + k]
                spots[known + 1] = spots[known] + length
                known += 1
                slots[slot] = known
                keys[slot] = key
            number = slots[slot] - 1
            counts[number] += 1
            ids[written] = number
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


@kernel("int64(int32[::1], int64[::1], int32[::1], int32[::1], int64[::1])")
def translate_rows(ids, ends, rows, kept, lengths):  # type: ignore[no-untyped-def]
    """Write the row of each id that has one; return how many have.

    Args:
        ids: (N,) numbers of words, sentence after sentence.
        ends: (S,) where each sentence's end.
        rows: (M,) the row of each number, -1 for none.
        kept: (N + 1,) out: rows that are not -1.
        lengths: (S,) out: how many of them each sentence has.
    """
    at = written = 0
    for sentence in range(len(ends)):
        before = written
        while at < ends[sentence]:
            row = rows[ids[at]]
            kept[written] = row
            written += row >= 0
            at += 1
        lengths[sentence] = written - before
    return written
