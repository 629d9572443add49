"""Compiled byte-pair encoding: words, as their ends in a text, in; ids out.

The definition is models/bpe.py. What makes this fast, in the order in which a word meets it:

- one look into a hash table tells whether a word of up to fifteen bytes is a token as it stands (nineteen of
  twenty words of English are);
- what other such words became is remembered, each in the one place that its hash gives it;
- a short word is merged by looking for the least rank over and over;
- a long one is laid out in tokens that fit (kernels/tiles.py), without merging anything; where that is not
  possible, it is merged with a heap of ranks and a linked list of symbols, never more than n log n.

Nothing is validated here. Every text is followed by at least sixteen bytes of padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.scan import TEXT
from cutaway.tokenization.kernels.tiles import TILES, lay_tokens
from cutaway.tokenization.kernels.tokens import (
    NO_RANK,
    PACKED,
    UNREACHED,
    memory_slot,
    packed,
    pair_rank,
    token_hash,
    token_slot,
    word_slot,
)

MEMORY_IDS = 3
FRONT = 1 << 14  # words in the memory that is asked first: small enough for the second-level cache
SHORT = 24  # symbols up to which merging looks at every pair
OPENINGS = 256  # ids of which the ranks of all pairs stand in a square
# Where the fallbacks for a character without a symbol stand, behind those of the 256 bytes.
UNKNOWN, FUSED, FALLBACKS = 256, 257, 258

_HALF, _LOW_HALF = np.uint64(32), np.uint64(0xFFFFFFFF)
_NONE, _ONE, _UNREACHED = np.uint64(0), np.uint64(1), np.uint64(UNREACHED)

# The merges and what each makes; the symbol of each byte or code point, the fallbacks, and the ranks of
# pairs of the first ids, where bytes mostly are.
MERGING = "Tuple((uint64[::1], int32[::1], int32[::1], int32[::1], int32[::1]))"
# The word table, the merges, what tokens are laid by; the memory, and room for ranks.
_TABLES = f"Tuple((uint64[::1], {MERGING}, {TILES}, uint64[::1], int32[::1], uint64[::1]))"
_OUT = "Tuple((int32[::1], int64[::1]))"
_STRETCHES = "Tuple((int64[::1], int64[::1], int32[::1], int64[::1]))"


@kernel(f"int64(int32[::1], int64, int64, {MERGING}, int32[::1])", calls="inlined", arrays="borrowed")
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


@kernel("void(int64[::1], int64, int64)", arrays="borrowed")
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


@kernel("void(int64[::1], int64)", arrays="borrowed")
def sift_up(heap: Any, at: Any) -> None:
    """Let the number at heap[at] rise until the one above it is smaller."""
    moving = heap[at]
    while at > 0 and heap[(at - 1) >> 1] > moving:
        heap[at] = heap[(at - 1) >> 1]
        at = (at - 1) >> 1
    heap[at] = moving


@kernel("int64(int32[::1], int64, int64, uint64[::1], int32[::1])")
def merge_long(symbols: Any, first: Any, count: Any, pairs: Any, made: Any) -> Any:
    """Merge symbols[first:first + count] in place; return how many are left. A heap holds rank and place."""
    own = symbols[first : first + count]
    after, before = np.arange(1, count + 1), np.arange(-1, count - 1)
    heap, size = np.empty(2 * count, np.int64), np.int64(0)  # a merge takes one place and needs two
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


@kernel(f"int64({TEXT}, int64, int64, {MERGING}, int32[::1], int64)", calls="inlined", arrays="borrowed")
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


@kernel(f"int64({TEXT}, int64, int64, {_TABLES}, int32[::1], int64)", calls="inlined", arrays="borrowed")
def split_word(text: Any, start: Any, end: Any, tables: Any, ids: Any, at: Any) -> Any:
    """Write the ids of a word that is no token; return the next place."""
    if end - start > SHORT and len(tables[2][1]) > 0:
        after = lay_tokens(text, start, end, tables[2], ids, at)
        if after >= 0:
            return after
    return merge_word(text, (start, end), tables[1], tables[4], ids, at)


@kernel(f"int64({TEXT}, int64, int64, {_TABLES}, int32[::1], int64)", arrays="borrowed")
def long_word(text: Any, start: Any, end: Any, tables: Any, ids: Any, at: Any) -> Any:
    """Write the ids of a word that does not pack; return the next place."""
    tokens = tables[2][4]
    slot = token_slot(text, start, end, token_hash(text, start, end), tokens)
    found = tokens[2][slot + 1]
    if found == 0 or found >= _UNREACHED:
        return split_word(text, start, end, tables, ids, at)
    ids[at] = found - _ONE
    return at + 1


@kernel("void(uint64[::1], int64, UniTuple(uint64, 2), int32[::1], int64, int64)", arrays="borrowed")
def remember(memory: Any, slot: Any, word: Any, ids: Any, first: Any, count: Any) -> None:
    """Keep the one to three ids of a packed word at memory[slot]."""
    memory[slot], memory[slot + 1] = word
    memory[slot + 2] = np.uint64(ids[first]) | np.uint64(ids[first + 1] if count > 1 else 0) << _HALF
    memory[slot + 3] = np.uint64(ids[first + 2] if count > 2 else 0) | np.uint64(count) << _HALF


@kernel("int64(uint64[::1], int64, int32[::1], int64)", calls="inlined", arrays="borrowed")
def recall(memory: Any, slot: Any, ids: Any, at: Any) -> Any:
    """Write the ids that are kept at memory[slot]; return the next place."""
    opening, closing = memory[slot + 2], memory[slot + 3]
    ids[at], ids[at + 1], ids[at + 2] = opening & _LOW_HALF, opening >> _HALF, closing & _LOW_HALF
    return at + np.int64(closing >> _HALF)


@kernel(
    "int64(UniTuple(uint64[::1], 3), UniTuple(uint64, 2), int64, int32[::1], int64)",
    arrays="borrowed",
)
def known_word(tables: Any, word: Any, slot: Any, ids: Any, at: Any) -> Any:
    """Write the ids of a word that is a token or was met before, and keep them at front[slot].

    Returns the next place, -1 if the word is neither. Apart from `new_word`, because a call hands over every
    table as seven words, and this one is made for one word in ten.
    """
    known, memory, front = tables
    place = word_slot(known, word[0], word[1])
    if known[place + 1] != 0:
        ids[at] = known[place + 2]
        after = at + 1
    else:
        place, met = memory_slot(memory, word[0], word[1])
        if met == 0:
            return np.int64(-1)
        after = recall(memory, place, ids, at)
    remember(front, slot, word, ids, at, after - at)
    return after


@kernel(
    f"int64({TEXT}, UniTuple(int64, 2), UniTuple(uint64, 2), int64, {_TABLES}, int32[::1], int64)",
    arrays="borrowed",
)
def new_word(text: Any, word: Any, packed_word: Any, slot: Any, tables: Any, ids: Any, at: Any) -> Any:
    """Write the ids of text[word[0]:word[1]], and keep them in both memories; return the next place."""
    after = split_word(text, word[0], word[1], tables, ids, at)
    if after - at <= MEMORY_IDS:
        memory, front = tables[3], tables[5]
        place, _ = memory_slot(memory, packed_word[0], packed_word[1])
        remember(memory, place, packed_word, ids, at, after - at)
        remember(front, slot, packed_word, ids, at, after - at)
    return after


@kernel(f"int64({TEXT}, int32[::1], UniTuple(int64, 3), {_TABLES}, int32[::1], int64)", arrays="borrowed")
def encode_words(text: Any, words: Any, part: Any, tables: Any, ids: Any, at: Any) -> Any:
    """Write the ids of words part[0] to part[1], the first of which starts at text[part[2]]."""
    front = tables[5]
    known = (tables[0], tables[3], front)
    first, last, start = part
    for word in range(first, last):
        end = np.int64(words[word])
        if end - start <= PACKED:
            low, high = packed(text, start, end)
            slot, met = memory_slot(front, low, high)
            if met != 0:
                at = recall(front, slot, ids, at)
            else:
                after = known_word(known, (low, high), slot, ids, at)
                if after < 0:
                    after = new_word(text, (start, end), (low, high), slot, tables, ids, at)
                at = after
        else:
            at = long_word(text, start, end, tables, ids, at)
        start = end
    return at


@kernel(
    f"int64({TEXT}, int32[::1], {_STRETCHES}, {_TABLES}, UniTuple(int64, 3), {_OUT})",
    arrays="borrowed",
)
def encode_rows(text: Any, words: Any, stretches: Any, tables: Any, settings: Any, out: Any) -> Any:
    """Write the ids of every row; return how many.

    Args:
        text: UTF-8, stretches one after the other, then padding.
        words: the end of each word.
        stretches: the number of the first word of each, and the end; where each starts; the id that it stands
            for, -1 for ordinary text; the number of each row's first stretch, and the end.
        tables: the word table; the merges, what each makes, symbols and fallbacks; what tokens are laid by,
            its
            history empty where they cannot be; the memory; room for ranks.
        settings: ids put first and last (-1: none is added), most tokens between these two.
        out: takes the ids, with room for two more in each row and three at the end; takes where each row
            starts, and the end.
    """
    firsts, starts, given, rows = stretches
    ids, row_starts = out
    first_id, last_id, most = settings
    at = np.int64(0)
    for row in range(len(rows) - 1):
        row_starts[row] = at
        if first_id >= 0:
            ids[at] = first_id
            at += 1
        begin = at
        for which in range(rows[row], rows[row + 1]):
            if given[which] >= 0:
                ids[at] = given[which]
                at += 1
            else:
                part = (firsts[which], firsts[which + 1], starts[which])
                at = encode_words(text, words, part, tables, ids, at)
        at = at if at - begin <= most else begin + most
        if last_id >= 0:
            ids[at] = last_id
            at += 1
    row_starts[len(rows) - 1] = at
    return at
