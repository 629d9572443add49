"""Kernels that fill the tables of kernels/bpe.py and kernels/tiles.py, when a tokenizer is first used."""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.bpe_merging import OPENINGS
from cutaway.tokenization.kernels.scan import TEXT
from cutaway.tokenization.kernels.tiles import HISTORY, LONG, NEVER, OPENED, fit, opening
from cutaway.tokenization.kernels.tokens import (
    PACKED,
    TOKENS,
    UNREACHED,
    add_pair,
    packed,
    pair_rank,
    token_hash,
    token_slot,
    word_slot,
)

_LOW_HALF = np.uint64(0xFFFFFFFF)
SIDES = 3  # numbers a merge: left, right, what they make


@kernel(f"void({TOKENS})", arrays="borrowed")
def fill_tokens(tokens: Any) -> None:
    """Put every token into the table of all tokens; a token without bytes is a gap between ids."""
    letters, starts, table = tokens
    for token in range(len(starts) - 1):
        start, end = starts[token], starts[token + 1]
        if start < end:
            hashed = token_hash(letters, start, end)
            slot = token_slot(letters, start, end, hashed, tokens)
            if table[slot + 1] == 0:
                table[slot], table[slot + 1] = hashed, np.uint64(token + 1)


@kernel(f"int64({TOKENS}, int64, int64)", arrays="borrowed", callers="kernels")
def known_token(tokens: Any, start: Any, end: Any) -> Any:
    """Return the id of the token that is letters[start:end], or -1."""
    letters, _, table = tokens
    slot = token_slot(letters, start, end, token_hash(letters, start, end), tokens)
    return np.int64(table[slot + 1] & _LOW_HALF) - 1


@kernel(f"int64({TOKENS}, int32[::1])", arrays="borrowed")
def list_merges(tokens: Any, sides: Any) -> Any:
    """Write a merge for every way to cut a token into two tokens, in the order of ids; return how many.

    Into an array of no numbers nothing is written: so the merges are counted first.
    """
    starts, count = tokens[1], np.int64(0)
    for token in range(len(starts) - 1):
        for cut in range(starts[token] + 1, starts[token + 1]):
            left = known_token(tokens, starts[token], cut)
            right = known_token(tokens, cut, starts[token + 1]) if left >= 0 else np.int64(-1)
            if right >= 0:
                if len(sides) > 0:
                    sides[SIDES * count], sides[SIDES * count + 1] = left, right
                    sides[SIDES * count + 2] = token
                count += 1
    return count


@kernel("void(int32[::1], int32[::1], uint64[::1])", arrays="borrowed")
def fill_merges(sides: Any, ranks: Any, pairs: Any) -> None:
    """Put merges into the table, the last first: of a pair that is listed twice, that one counts."""
    for k in range(len(ranks) - 1, -1, -1):
        add_pair(pairs, sides[SIDES * k], sides[SIDES * k + 1], ranks[k])


@kernel("void(uint64[::1], int32[::1])", arrays="borrowed")
def fill_openings(pairs: Any, openings: Any) -> None:
    """Write the ranks of all pairs of the first ids."""
    for left in range(OPENINGS):
        for right in range(OPENINGS):
            openings[left * OPENINGS + right] = pair_rank(pairs, left, right)


@kernel("boolean(int32[::1], int32[::1], uint64[::1], int32[::1])", arrays="borrowed")
def fill_history(sides: Any, ranks: Any, pairs: Any, history: Any) -> Any:
    """Write of what two each token is made, and at which rank; return whether ranks only grow.

    `history` has -1 for symbols and NEVER for all else. Merges come in the order of their ranks.
    """
    for k in range(len(ranks)):
        left, right, token = np.int64(sides[SIDES * k]), np.int64(sides[SIDES * k + 1]), sides[SIDES * k + 2]
        rank, made = np.int64(ranks[k]), HISTORY * np.int64(token)
        both_known = history[HISTORY * left] != NEVER and history[HISTORY * right] != NEVER
        if not both_known or history[made] != NEVER or pair_rank(pairs, left, right) != rank:
            continue
        if fit(pairs, history, left, right, rank, rank):
            history[made], history[made + 1], history[made + 2] = rank, left, right
    for k in range(len(ranks)):
        left, right = history[HISTORY * sides[SIDES * k]], history[HISTORY * sides[SIDES * k + 1]]
        token, later = history[HISTORY * sides[SIDES * k + 2]], max(left, right)
        # Two tokens that could meet only after what they make was there do no harm.
        if min(left, right) != NEVER and ranks[k] <= later and (token == NEVER or token > later):
            return False
    return True


@kernel("void(int32[::1], uint64[::1])", arrays="borrowed")
def fill_last_merges(history: Any, pairs: Any) -> None:
    """Put the one merge of each token that merging comes to into the table, and no other.

    The other ways to cut a token in two never stand side by side: a merge across the cut was there before.
    """
    for made in range(0, len(history), HISTORY):
        if history[made] >= 0:
            add_pair(pairs, history[made + 1], history[made + 2], history[made])


@kernel(f"int64({TOKENS}, boolean[::1], uint64[::1], int64)", arrays="borrowed")
def fill_words(tokens: Any, reached: Any, words: Any, every: Any) -> Any:
    """Put the tokens that are words as they stand into the word table; return how many no merging leads to.

    `reached` tells which it leads to. With `every`, the others are words all the same.
    """
    letters, starts, table = tokens
    unreached = np.int64(0)
    for token in range(len(starts) - 1):
        start, end = starts[token], starts[token + 1]
        if start == end or known_token(tokens, start, end) != token:
            continue
        unreached += not reached[token]
        if not reached[token] and not every:
            slot = token_slot(letters, start, end, token_hash(letters, start, end), tokens)
            table[slot + 1] |= np.uint64(UNREACHED)
        elif end - start <= PACKED:
            low, high = packed(letters, start, end)
            place = word_slot(words, low, high)
            words[place], words[place + 1], words[place + 2] = low, high, np.uint64(token)
    return unreached


@kernel(f"void({TEXT}, int64[::1], uint32[::1])", arrays="borrowed")
def fill_sizes(letters: Any, starts: Any, sizes: Any) -> None:
    """Mark the size of every token among those whose first three bytes have its hash."""
    for token in range(len(starts) - 1):
        size = starts[token + 1] - starts[token]
        if size >= OPENED:
            sizes[opening(letters, starts[token])] |= np.uint32(1 << min(size, np.int64(LONG)))
