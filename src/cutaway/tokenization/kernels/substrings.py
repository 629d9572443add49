"""Compiled beginnings of Unigram training: substrings of words counted, pieces laid in a trie.

Words are code points, end to end. The trie's edges are pairs of node and code point.

Nothing is validated here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.lattice import WORDS
from cutaway.tokenization.kernels.tokens import NO_RANK, add_pair, pair_rank

SLOT = 2  # numbers in a slot: what the substring goes on from, with its last code point; how often it came
CODE_BITS = 21
_MIX = np.uint64(0x9E3779B97F4A7C15)
_EMPTY = np.uint64(0)
_CODE_BITS, _HALF, _ONE = np.uint64(CODE_BITS), np.uint64(32), np.uint64(1)


@kernel(f"int64({WORDS}, uint64[::1], int64[::1], int64[::1], int64[::1])", arrays="borrowed")
def count_substrings(words: Any, table: Any, at_slots: Any, found: Any, sizes: Any) -> Any:
    """Count substrings of words, all that come more than once; return how many, -1 if the table is too full.

    The short ones first: of those that came once no longer one can come twice, and it is not looked at. A
    substring's key is the slot of the one that is a code point shorter, and its last code point: so the look
    is exact. A piece begins a word or does not: ▁ stands only at a word's start, so none reaches over one.

    Args:
        words: code points, where each word starts, how often it comes.
        table: slots, all 0.
        at_slots: room for as many numbers as there are code points.
        found: takes slot and place of each, in the order in which they are met; room for three quarters of
            the slots.
        sizes: takes how many are so long or shorter; as many numbers as code points in the longest, and one.
    """
    letters, starts, counts = words
    slots = np.uint64(len(table) // SLOT)
    mask, used = slots - _ONE, np.int64(0)
    sizes[0] = 0
    for size in range(1, len(sizes)):
        for word in range(len(counts)):
            for start in range(starts[word], starts[word + 1] - size + 1):
                before = at_slots[start] if size > 1 else np.int64(slots)
                if size > 1 and (before < 0 or table[SLOT * before + 1] <= _ONE):
                    at_slots[start] = -1
                    continue
                key = (np.uint64(before) << _CODE_BITS | np.uint64(letters[start + size - 1])) + _ONE
                at = ((key * _MIX) >> _HALF) & mask
                while table[at * np.uint64(SLOT)] != key and table[at * np.uint64(SLOT)] != _EMPTY:
                    at = (at + _ONE) & mask
                slot = SLOT * np.int64(at)
                if table[slot] == _EMPTY:
                    if 4 * used >= 3 * np.int64(slots):
                        return np.int64(-1)
                    table[slot] = key
                    found[2 * used], found[2 * used + 1] = at, start
                    used += 1
                table[slot + 1] += np.uint64(counts[word])
                at_slots[start] = np.int64(at)
        sizes[size] = used
    return used


@kernel("int64(int32[::1], int64[::1], uint64[::1], int32[::1])", arrays="borrowed")
def fill_letters(letters: Any, starts: Any, children: Any, pieces: Any) -> Any:
    """Put pieces into a trie of code points; return how many nodes it has."""
    nodes = np.int64(1)
    pieces[0] = -1
    for piece in range(len(starts) - 1):
        node = np.int64(0)
        for at in range(starts[piece], starts[piece + 1]):
            child = pair_rank(children, node, np.int64(letters[at]))
            if child == NO_RANK:
                child = nodes
                add_pair(children, node, np.int64(letters[at]), child)
                pieces[child] = -1
                nodes += 1
            node = child
        pieces[node] = piece
    return nodes
