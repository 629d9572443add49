"""The merges of a model that has ranks only: which pairs of tokens make which.

A .tiktoken file lists tokens by rank, and any two neighbors that spell a token may merge. As a list of merges
that is every way to cut a token into two others, in the order of ranks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cutaway.tokenization.models.bpe import BytePairEncoding


def merges_of(model: BytePairEncoding) -> list[tuple[str, str]]:
    """Return a model's merges, best first.

    Args:
        model: one with merges, or with ranks.
    """
    if model.merges is not None:
        return list(model.merges)
    by_rank = sorted(model.ranks, key=model.ranks.__getitem__)
    return [merge for piece in by_rank for merge in cuts(piece, model.vocabulary)]


def cuts(piece: str, vocabulary: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Yield every pair of tokens that spell a piece together, the pair that is made first to begin with.

    Example:
        >>> list(cuts("abc", {"a": 0, "bc": 1, "ab": 2, "c": 3, "abc": 4}))
        [('a', 'bc'), ('ab', 'c')]
    """
    found = [(piece[:at], piece[at:]) for at in range(1, len(piece))]
    ranked = [
        (vocabulary[left], vocabulary[right], left, right)
        for left, right in found
        if left in vocabulary and right in vocabulary
    ]
    for _, _, left, right in sorted(ranked):
        yield left, right
