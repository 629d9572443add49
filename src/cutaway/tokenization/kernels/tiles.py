"""Byte-pair encoding without merging: lay tokens end to end, longest first, and keep those that fit.

Two tokens fit when merging their bytes together gives back the two. A row of tokens in which all
neighbors fit is what merging gives, and there is only one such row. So the row for the first n bytes is
known once it is found, whatever follows; a search that comes back to a place need not try it again, and
is linear.

Whether two tokens fit is read off their own history. Undo their merges, the latest first, and look at
the two symbols that meet at the border: if they would have merged before either of them went on, the
tokens do not fit. All of this holds if ranks only grow on the way to a token, which kernels/bpe_tables.py
checks; models for which it does not are merged as the definition says (models/bpe.py).

Source: after van Antwerpen and Neubeck 2024, So many tokens, so little time (the GitHub blog); ties, ranks
that are not ids and several merges for one token are added here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.scan import TEXT, eight_bytes
from cutaway.tokenization.kernels.tokens import (
    NO_RANK,
    PACKED,
    TOKENS,
    packed,
    pair_rank,
    token_hash,
    token_slot,
    word_slot,
)

HISTORY = 3  # numbers a token: the rank at which it is made (-1: a symbol, -2: never), and of what two
NEVER = -2
OPENINGS = 1 << 16  # hashes of a token's first three bytes
OPENED = 3  # bytes
LONG = 31  # bit n says that of tokens that begin alike some have n bytes, this one: so many or more
LONGEST = 255  # longer tokens are not laid

_MIX = np.uint64(0x9E3779B97F4A7C15)
_FIRST_BYTES, _HASH_SHIFT = np.uint64(0xFFFFFF), np.uint64(48)
_LOW_HALF = np.uint64(0xFFFFFFFF)

# The merges, the history of each token, the sizes of tokens that begin alike, the word table, all tokens.
TILES = f"Tuple((uint64[::1], int32[::1], uint32[::1], uint64[::1], {TOKENS}))"


@kernel("boolean(uint64[::1], int32[::1], int64, int64, int64, int64)", arrays="borrowed", callers="kernels")
def fit(pairs: Any, history: Any, left: Any, right: Any, left_ends: Any, right_ends: Any) -> Any:
    """Return whether two symbols stay apart until each is gone at its rank, and so do those they came from.

    Of equal ranks the leftmost merge is first: the left symbol's own, then the two, then the right one's.
    """
    while True:
        rank = pair_rank(pairs, left, right)
        if rank < left_ends and rank <= right_ends:
            return False
        left_made, right_made = history[HISTORY * left], history[HISTORY * right]
        if left_made < 0 and right_made < 0:
            return True
        if left_made > right_made:
            left_ends, left = left_made, np.int64(history[HISTORY * left + 2])
        else:
            right_ends, right = right_made, np.int64(history[HISTORY * right + 1])


@kernel(f"int64({TEXT}, int64)", arrays="borrowed", callers="kernels")
def opening(text: Any, at: Any) -> Any:
    """Return a hash of the three bytes from `at` on."""
    return np.int64(((eight_bytes(text, at) & _FIRST_BYTES) * _MIX) >> _HASH_SHIFT)


@kernel(f"int64({TEXT}, int64, int64, {TILES})", arrays="borrowed", callers="kernels", calls="inlined")
def token_at(text: Any, start: Any, end: Any, tiles: Any) -> Any:
    """Return the id of the longest token at text[start:] that ends at `end` or before, -1 for none."""
    words, tokens = tiles[3], tiles[4]
    sizes = np.int64(tiles[2][opening(text, start)])
    if end - start >= LONG and sizes >> LONG == 0:
        end = start + LONG - 1
    if sizes >> PACKED <= 1:  # no token that begins so is longer than those that pack, or than two bytes
        end = min(end, start + (PACKED if sizes >> OPENED != 0 else OPENED - 1))
    while end - start > PACKED:
        if sizes >> min(end - start, LONG) & 1 == 0:
            end -= 1
            continue
        slot = token_slot(text, start, end, token_hash(text, start, end), tokens)
        found = np.int64(tokens[2][slot + 1])
        if 0 < found <= _LOW_HALF:
            return found - 1
        end -= 1
    while end > start:
        if end - start >= OPENED and sizes >> (end - start) & 1 == 0:
            end -= 1
            continue
        low, high = packed(text, start, end)
        slot = word_slot(words, low, high)
        if words[slot + 1] != 0:
            return np.int64(words[slot + 2])
        end -= 1
    return np.int64(-1)


@kernel(
    f"int64({TEXT}, UniTuple(int64, 3), {TILES}, int32[::1], uint8[::1])",
    arrays="borrowed",
    callers="kernels",
)
def lay_from(text: Any, part: Any, tiles: Any, ids: Any, failed: Any) -> Any:
    """Do what `lay_tokens` does; `failed` is all 0 and is written to."""
    pairs, history = tiles[0], tiles[1]
    starts = tiles[4][1]
    start, end, first = part
    at, place, limit = first, start, np.int64(0)
    while place < end:
        if limit == 0:
            limit = min(end, place + LONGEST)
        token = token_at(text, place, limit, tiles)
        if token >= 0:
            after = place + starts[token + 1] - starts[token]
            free = failed[after - start] == 0
            if free and (at == first or fit(pairs, history, np.int64(ids[at - 1]), token, NO_RANK, NO_RANK)):
                ids[at] = token
                at += 1
                place, limit = after, np.int64(0)
                continue
            limit = after - 1
            if limit > place:
                continue
        failed[place - start] = 1  # nothing goes on from here: try a shorter token before it
        if at == first:
            return np.int64(-1)
        at -= 1
        token = np.int64(ids[at])
        limit = place - 1
        place -= starts[token + 1] - starts[token]
        if limit == place:
            limit = np.int64(-1)
    return at


@kernel(f"int64({TEXT}, int64, int64, {TILES}, int32[::1], int64)", callers="kernels")
def lay_tokens(text: Any, start: Any, end: Any, tiles: Any, ids: Any, first: Any) -> Any:
    """Write the ids of text[start:end] from ids[first] on; return the next place, -1 if no row fits."""
    return lay_from(text, (start, end, first), tiles, ids, np.zeros(end - start + 1, np.uint8))
