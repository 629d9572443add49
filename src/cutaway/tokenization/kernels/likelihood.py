"""Compiled training of Unigram: substrings counted, pieces expected by forward and backward sums.

Words are code points, end to end. Pieces are a trie whose edges are pairs of node and code point.

Nothing is validated here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.tokens import NO_RANK, add_pair, pair_rank

SEED = 3  # numbers a substring: how often it came, where it stands, how long it is
_MIX = np.uint64(0x9E3779B97F4A7C15)
_EMPTY = np.uint64(0)
_HALF, _ONE = np.uint64(32), np.uint64(1)

# Code points; where each word starts, and the end; how often it comes.
_WORDS = "Tuple((int32[::1], int64[::1], int64[::1]))"
# The trie's edges, the piece at each node or -1, the score of each piece.
_TRIE = "Tuple((uint64[::1], int32[::1], float64[::1]))"


@kernel("boolean(int32[::1], int64, int64, int64)", arrays="borrowed")
def same(letters: Any, one: Any, other: Any, size: Any) -> Any:
    """Return whether two stretches of so many code points are equal."""
    k = np.int64(0)
    while k < size and letters[one + k] == letters[other + k]:
        k += 1
    return k == size


@kernel(
    f"int64({_WORDS}, int64, Tuple((uint64[::1], int64[::1])), Tuple((uint64[::1], int64[::1])))",
    arrays="borrowed",
)
def count_substrings(words: Any, longest: Any, table: Any, room: Any) -> Any:
    """Count substrings of words, all that come more than once; return how many, -1 if the table is too full.

    The short ones first: of those that came once no longer one can come twice, and it is not looked at. A
    piece begins a word or does not: ▁ stands only at a word's start, so no substring reaches over one.

    Args:
        words: code points, where each word starts, how often it comes.
        longest: code points of a substring.
        table: hashes, all 0; count, place and length of each substring.
        room: for each code point, the hash of the substring that begins there, and its slot.
    """
    letters, starts, counts = words
    hashes, seeds = table
    hashed_at, slot_at = room
    mask, used = np.uint64(len(hashes) - 1), np.int64(0)
    for size in range(1, longest + 1):
        for word in range(len(counts)):
            for start in range(starts[word], starts[word + 1] - size + 1):
                before = slot_at[start] if size > 1 else np.int64(0)
                if size > 1 and (before < 0 or seeds[SEED * before] <= 1):
                    slot_at[start] = -1
                    continue
                hashed = hashed_at[start] if size > 1 else _ONE
                hashed = (hashed ^ np.uint64(letters[start + size - 1])) * _MIX
                hashed ^= hashed >> _HALF
                hashed_at[start] = hashed
                key = hashed | _ONE
                at = (hashed >> np.uint64(7)) & mask
                while hashes[at] != _EMPTY:
                    slot = SEED * np.int64(at)
                    alike = hashes[at] == key and seeds[slot + 2] == size
                    if alike and same(letters, seeds[slot + 1], start, size):
                        break
                    at = (at + _ONE) & mask
                slot = SEED * np.int64(at)
                if hashes[at] == _EMPTY:
                    if 4 * used >= 3 * len(hashes):
                        return np.int64(-1)
                    used += 1
                    hashes[at], seeds[slot], seeds[slot + 1], seeds[slot + 2] = key, 0, start, size
                seeds[slot] += counts[word]
                slot_at[start] = np.int64(at)
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


@kernel("float64(float64, float64)", arrays="borrowed")
def log_sum(one: Any, other: Any) -> Any:
    """Return log(exp(one) + exp(other))."""
    most, least = max(one, other), min(one, other)
    if least == -np.inf:
        return most
    return most + math.log1p(math.exp(least - most))


@kernel(f"float64({_WORDS}, UniTuple(int64, 2), {_TRIE}, float64[::1])")
def expect(words: Any, part: Any, trie: Any, expected: Any) -> Any:
    """Add how often each piece is expected in words part[0] to part[1]; return the log likelihood of these.

    α(end) = log Σ exp(α(start) + s),   β(start) = log Σ exp(β(end) + s),
    E[piece] += count · exp(α(start) + s + β(end) − α(all))
    """
    letters, starts, counts = words
    children, pieces, scores = trie
    total = 0.0
    longest = np.max(starts[1:] - starts[:-1]) + 1
    alpha, beta = np.empty(longest), np.empty(longest)
    for word in range(part[0], part[1]):
        first, size = starts[word], starts[word + 1] - starts[word]
        alpha[: size + 1], beta[: size + 1] = -np.inf, -np.inf
        alpha[0], beta[size] = 0.0, 0.0
        for at in range(size):
            node = np.int64(0)
            for end in range(at, size):
                node = pair_rank(children, node, np.int64(letters[first + end]))
                if node == NO_RANK:
                    break
                piece = pieces[node]
                if piece >= 0 and scores[piece] > -np.inf:
                    alpha[end + 1] = log_sum(alpha[end + 1], alpha[at] + scores[piece])
        whole = alpha[size]
        if whole == -np.inf:
            continue
        total += counts[word] * whole
        for at in range(size - 1, -1, -1):
            node = np.int64(0)
            for end in range(at, size):
                node = pair_rank(children, node, np.int64(letters[first + end]))
                if node == NO_RANK:
                    break
                piece = pieces[node]
                if piece >= 0 and scores[piece] > -np.inf:
                    through = scores[piece] + beta[end + 1]
                    beta[at] = log_sum(beta[at], through)
                    expected[piece] += counts[word] * math.exp(alpha[at] + through - whole)
    return total


# The best score at each place of a word, where the piece that ends there starts, and which it is.
_ROOM = "Tuple((float64[::1], int32[::1], int32[::1]))"


@kernel(f"float64(int32[::1], UniTuple(int64, 2), {_TRIE}, int64, {_ROOM})", arrays="borrowed")
def best_way(letters: Any, part: Any, trie: Any, left_out: Any, room: Any) -> Any:
    """Find the best way through letters[part[0]:part[1]] without one piece; return its score."""
    children, pieces, scores = trie
    best, froms, taken = room
    first, size = part[0], part[1] - part[0]
    best[: size + 1] = -np.inf
    best[0] = 0.0
    for at in range(size):
        node = np.int64(0)
        for end in range(at, size):
            node = pair_rank(children, node, np.int64(letters[first + end]))
            if node == NO_RANK:
                break
            piece = pieces[node]
            if piece >= 0 and piece != left_out and best[at] + scores[piece] > best[end + 1]:
                best[end + 1], froms[end + 1], taken[end + 1] = best[at] + scores[piece], at, piece
    return best[size]


@kernel(f"void({_WORDS}, {_TRIE}, Tuple((int32[::1], int64[::1])), float64[::1], float64[::1])")
def losses(words: Any, trie: Any, spelled: Any, frequencies: Any, lost: Any) -> None:
    """Write how much likelihood the words would lose without each piece, a piece at a time.

    Args:
        words: the words.
        trie: the pieces.
        spelled: their code points, end to end, and where each starts.
        frequencies: takes how often the best ways use each piece.
        lost: takes the loss of each; infinite where nothing else spells a piece.
    """
    letters, starts, counts = words
    scores = trie[2]
    own, bounds = spelled
    longest = max(np.max(starts[1:] - starts[:-1]), np.max(bounds[1:] - bounds[:-1])) + 1
    room = (np.empty(longest), np.empty(longest, np.int32), np.empty(longest, np.int32))
    for word in range(len(counts)):
        if best_way(letters, (starts[word], starts[word + 1]), trie, -1, room) == -np.inf:
            continue
        at = np.int64(starts[word + 1] - starts[word])
        while at > 0:
            frequencies[room[2][at]] += counts[word]
            at = np.int64(room[1][at])
    for piece in range(len(bounds) - 1):
        other = best_way(own, (bounds[piece], bounds[piece + 1]), trie, piece, room)
        if other == -np.inf:
            lost[piece] = np.inf
        elif frequencies[piece] > 0:
            lost[piece] = frequencies[piece] * (scores[piece] - other)
