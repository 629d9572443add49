"""Compiled lattices of Unigram training: every piece that fits at every place of every word, found once.

A lattice is flat: the edges that begin at a code point stand side by side, short ones first, each a piece and
its size. Training goes over it again and again while the pieces' probabilities change; pieces that are
dropped are taken out of it. So the trie (kernels/likelihood.py) is walked once for all.

Sums are of probabilities as they are, a product and a sum an edge; a word so unlikely that they leave the
range of numbers is summed in logarithms.

Nothing is validated here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.tokens import NO_RANK, pair_rank

UNLIKELY = 1e-200  # a word's probability under which logarithms are summed

# Code points; where each word starts, and the end; how often it comes.
WORDS = "Tuple((int32[::1], int64[::1], int64[::1]))"
# Where the edges of each code point start, and the end; the piece and the size of each edge.
LATTICE = "Tuple((int64[::1], int32[::1], int32[::1]))"


@kernel(
    f"UniTuple(int64, 2)({WORDS}, UniTuple(int64, 2), Tuple((uint64[::1], int32[::1])), int64, {LATTICE})",
    arrays="borrowed",
)
def fill_lattice(words: Any, done: Any, trie: Any, longest: Any, lattice: Any) -> Any:
    """Write the edges of words, until there is no room for those of one more.

    Args:
        words: the words.
        done: the first word to write, and how many edges there are before it.
        trie: its edges, and the piece at each node or -1.
        longest: code points of a piece at most.
        lattice: takes the edges.

    Returns:
        The next word, and how many edges there are.
    """
    letters, starts, _ = words
    children, at_nodes = trie
    firsts, pieces, sizes = lattice
    word, used = done
    while word < len(starts) - 1:
        last = starts[word + 1]
        if used + (last - starts[word]) * longest > len(pieces):
            break
        for at in range(starts[word], last):
            firsts[at] = used
            node = np.int64(0)
            for end in range(at, last):
                node = pair_rank(children, node, np.int64(letters[end]))
                if node == NO_RANK:
                    break
                if at_nodes[node] >= 0:
                    pieces[used], sizes[used] = at_nodes[node], end + 1 - at
                    used += 1
        firsts[last] = used
        word += 1
    return word, used


@kernel(f"int64({LATTICE}, int32[::1])", arrays="borrowed")
def keep_edges(lattice: Any, numbers: Any) -> Any:
    """Take out the edges of pieces whose new number is -1, renumber the others; return how many are left."""
    firsts, pieces, sizes = lattice
    used = np.int64(0)
    edge = firsts[0]
    for at in range(len(firsts) - 1):
        firsts[at] = used
        while edge < firsts[at + 1]:
            number = numbers[pieces[edge]]
            pieces[used], sizes[used] = number, sizes[edge]
            used += number >= 0
            edge += 1
    firsts[len(firsts) - 1] = used
    return used


@kernel("float64(float64, float64)", arrays="borrowed")
def log_sum(one: Any, other: Any) -> Any:
    """Return log(exp(one) + exp(other))."""
    most, least = max(one, other), min(one, other)
    if least == -np.inf:
        return most
    return most + math.log1p(math.exp(least - most))


_ROOM = "UniTuple(float64[::1], 2)"


@kernel(f"float64({LATTICE}, UniTuple(int64, 3), float64[::1], float64[::1], {_ROOM})", arrays="borrowed")
def expect_unlikely(lattice: Any, word: Any, chances: Any, expected: Any, room: Any) -> Any:
    """Do what `expect` does for one word, its start, end and count, in logarithms; return its log likelihood.

    α(end) = log Σ exp(α(start) + s),   β(start) = log Σ exp(β(end) + s),
    E[piece] += count · exp(α(start) + s + β(end) − α(all))
    """
    firsts, pieces, sizes = lattice
    alpha, beta = room
    first, last, count = word
    size = last - first
    alpha[: size + 1], beta[: size + 1] = -np.inf, -np.inf
    alpha[0], beta[size] = 0.0, 0.0
    for at in range(size):
        for edge in range(firsts[first + at], firsts[first + at + 1]):
            end = at + sizes[edge]
            alpha[end] = log_sum(alpha[end], alpha[at] + math.log(chances[pieces[edge]]))
    whole = alpha[size]
    if whole == -np.inf:
        return 0.0
    for at in range(size - 1, -1, -1):
        for edge in range(firsts[first + at], firsts[first + at + 1]):
            through = beta[at + sizes[edge]] + math.log(chances[pieces[edge]])
            beta[at] = log_sum(beta[at], through)
            expected[pieces[edge]] += count * math.exp(alpha[at] + through - whole)
    return count * whole


@kernel(
    f"float64({WORDS}, UniTuple(int64, 2), {LATTICE}, float64[::1], float64[::1], {_ROOM})",
    arrays="borrowed",
)
def expect(words: Any, part: Any, lattice: Any, chances: Any, expected: Any, room: Any) -> Any:
    """Add how often each piece is expected in words part[0] to part[1]; return the log likelihood of these.

    α(end) = Σ α(start) p,   β(start) = Σ p β(end),   E[piece] += count · α(start) p β(end) / α(all)

    A word that the pieces cannot spell counts nothing. `room` is for α and β of the longest word.
    """
    _, starts, counts = words
    firsts, pieces, sizes = lattice
    alpha, beta = room
    total = 0.0
    for word in range(part[0], part[1]):
        first, last = starts[word], starts[word + 1]
        size = last - first
        alpha[: size + 1] = 0.0
        alpha[0] = 1.0
        for at in range(size):
            reached = alpha[at]
            for edge in range(firsts[first + at], firsts[first + at + 1]):
                alpha[at + sizes[edge]] += reached * chances[pieces[edge]]
        whole = alpha[size]
        if whole < UNLIKELY:
            total += expect_unlikely(lattice, (first, last, counts[word]), chances, expected, room)
            continue
        total += counts[word] * math.log(whole)
        beta[size] = counts[word] / whole
        for at in range(size - 1, -1, -1):
            reached, ahead = alpha[at], 0.0
            for edge in range(firsts[first + at], firsts[first + at + 1]):
                piece = pieces[edge]
                through = chances[piece] * beta[at + sizes[edge]]
                ahead += through
                expected[piece] += reached * through
            beta[at] = ahead
    return total


# The best score at each place of a word, the size of the piece that ends there, and which it is.
_BEST = "Tuple((float64[::1], int32[::1], int32[::1]))"


@kernel(f"float64({LATTICE}, UniTuple(int64, 2), float64[::1], int64, {_BEST})", arrays="borrowed")
def best_way(lattice: Any, word: Any, scores: Any, left_out: Any, room: Any) -> Any:
    """Find the best way through the code points word[0] to word[1] without one piece; return its score."""
    firsts, pieces, sizes = lattice
    best, lengths, taken = room
    first, size = word[0], word[1] - word[0]
    best[: size + 1] = -np.inf
    best[0] = 0.0
    for at in range(size):
        for edge in range(firsts[first + at], firsts[first + at + 1]):
            piece, end = pieces[edge], at + sizes[edge]
            if piece != left_out and best[at] + scores[piece] > best[end]:
                best[end], lengths[end], taken[end] = best[at] + scores[piece], sizes[edge], piece
    return best[size]


@kernel(f"void({WORDS}, {LATTICE}, float64[::1], float64[::1], {_BEST})", arrays="borrowed")
def count_best(words: Any, lattice: Any, scores: Any, frequencies: Any, room: Any) -> None:
    """Add how often the words' best ways use each piece."""
    _, starts, counts = words
    for word in range(len(counts)):
        if best_way(lattice, (starts[word], starts[word + 1]), scores, -1, room) == -np.inf:
            continue
        at = starts[word + 1] - starts[word]
        while at > 0:
            frequencies[room[2][at]] += counts[word]
            at -= room[1][at]


@kernel(f"void(int64[::1], {LATTICE}, float64[::1], float64[::1], {_BEST})", arrays="borrowed")
def losses(starts: Any, lattice: Any, scores: Any, lost: Any, room: Any) -> None:
    """Replace how often each piece is used by how much likelihood the words would lose without it.

    Args:
        starts: where each piece's code points start, and the end.
        lattice: the pieces that fit in pieces.
        scores: of each piece.
        lost: frequencies, replaced by losses: infinite where nothing else spells a piece.
        room: for the best way through the longest piece.
    """
    for piece in range(len(starts) - 1):
        other = best_way(lattice, (starts[piece], starts[piece + 1]), scores, piece, room)
        if other == -np.inf:
            lost[piece] = np.inf
        elif lost[piece] > 0:
            lost[piece] *= scores[piece] - other
