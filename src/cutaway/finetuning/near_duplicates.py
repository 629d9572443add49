"""Held-out texts that are almost trained on: a comma, a signature or a sentence apart.

Two texts are as alike as the sets of their runs of three words:

    J(A, B) = |A ∩ B| / |A ∪ B|                                                                 (1)

Where J ≥ t, the sets share at least one of the |A| − ⌈t |A|⌉ + 1 runs of A that are the rarest of all
texts together, and the same holds for B. Few texts share a rare run, so few pairs are left to compare.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ALIKE = 0.7
RUN = 3
# Of a longer text its beginning is compared.
MOST_WORDS = 1000
# So many training texts with the same rare run are looked at, and so many pairs of a held-out text compared.
MOST_SHARED, MOST_COMPARED = 50, 20
HELD_AT_A_TIME = 512

_WORD = re.compile(r"\w+")
_BITS = 21

Runs = NDArray[np.int64]


class Near(NamedTuple):
    """A held-out text and the training text most like it: their rows, from 0, and J of equation (1)."""

    training: int
    held: int
    similarity: float


def near_duplicates(training: Sequence[str], held: Sequence[str], *, least: float = ALIKE) -> list[Near]:
    """Find the held-out texts of which a training text is almost a copy.

    Words are compared without case and punctuation. A text of fewer than three words is one run.

    Departs: where more than 50 training texts share a run, the first 50 are looked at, so that a form
    letter sent to thousands does not make millions of pairs.

    Args:
        training: the texts that are trained on.
        held: the texts that the model is scored on.
        least: t, how alike they are at least, above 0, at most 1.

    Returns:
        The most alike training text of each such held-out text, in the order of the held-out ones.

    Source:
        Broder 1997, "On the resemblance and containment of documents", section 2 (resemblance of
        shingles); Chaudhuri, Ganti and Kaushik 2006, "A primitive operator for similarity joins in data
        cleaning", section 4 (the rare prefix).

    Example:
        >>> near_duplicates(["A plain film, but it grows on you."], ["a plain film but it grows on you"])
        [Near(training=0, held=0, similarity=1.0)]
    """
    vocabulary: dict[str, int] = {}
    sets = [runs_of(text, vocabulary) for part in (training, held) for text in part]
    rare = _rare_runs(sets, least)
    shared = _Shared(rare[: len(training)])
    found = []
    for start in range(0, len(held), HELD_AT_A_TIME):
        some = rare[len(training) + start : len(training) + start + HELD_AT_A_TIME]
        for number, candidates in shared.with_any_of(some):
            row = start + number
            near = [Near(at, row, jaccard(sets[at], sets[len(training) + row])) for at in candidates]
            best = max(near, key=lambda one: (one.similarity, -one.training))
            if best.similarity >= least:
                found.append(best)
    return found


def runs_of(text: str, vocabulary: dict[str, int]) -> Runs:
    """Return the distinct runs of three words of a text, as numbers in rising order.

    Args:
        text: any text.
        vocabulary: words and their numbers; new ones are added.
    """
    words = [match[0] for match, _ in zip(_WORD.finditer(text.casefold()), range(MOST_WORDS), strict=False)]
    ids = np.array([vocabulary.setdefault(word, len(vocabulary)) for word in words], dtype=np.int64)
    if not len(ids):
        return ids
    # Three numbers of 21 bits side by side: no two runs meet until there are two million words.
    ids = (ids + 1) & ((1 << _BITS) - 1)
    padded = np.concatenate([ids, np.zeros(max(0, RUN - len(ids)), np.int64)])
    runs = np.zeros(len(padded) - RUN + 1, np.int64)
    for at in range(RUN):
        runs = (runs << _BITS) | padded[at : at + len(runs)]
    return np.unique(runs)


def jaccard(a: Runs, b: Runs) -> float:
    """Return J of equation (1).

    Args:
        a: distinct numbers.
        b: distinct numbers.
    """
    both = len(np.intersect1d(a, b, assume_unique=True))
    return both / max(1, len(a) + len(b) - both)


def _rare_runs(sets: Sequence[Runs], least: float) -> list[Runs]:
    """The rarest runs of each text, one of which it shares with every text that is alike enough."""
    sizes = np.array([len(each) for each in sets], dtype=np.int64)
    if not sizes.sum():
        return [np.zeros(0, np.int64) for _ in sets]
    known, numbers, counts = np.unique(np.concatenate(sets), return_inverse=True, return_counts=True)
    # Any order that is the same for all texts serves; the rare ones first leave the fewest pairs.
    rank = np.empty(len(known), np.int64)
    rank[np.argsort(counts, kind="stable")] = np.arange(len(known))
    ranked = rank[numbers]
    ends = np.cumsum(sizes)
    parts = (ranked[end - size : end] for end, size in zip(ends, sizes, strict=True))
    return [np.sort(part)[: len(part) - math.ceil(least * len(part) - 1e-9) + 1] for part in parts]


class _Shared:
    """Which training texts have a rare run."""

    def __init__(self, rare: Sequence[Runs]) -> None:
        rows = np.repeat(np.arange(len(rare)), [len(each) for each in rare])
        runs = np.concatenate([np.zeros(0, np.int64), *rare])
        order = np.lexsort((rows, runs))
        self._runs, self._rows = runs[order], rows[order]

    def with_any_of(self, held: Sequence[Runs]) -> Iterator[tuple[int, list[int]]]:
        """For each text with any candidate, its number and the training rows that share most with it."""
        numbers = np.repeat(np.arange(len(held)), [len(each) for each in held])
        runs = np.concatenate([np.zeros(0, np.int64), *held])
        first = np.searchsorted(self._runs, runs, "left")
        counts = np.minimum(np.searchsorted(self._runs, runs, "right") - first, MOST_SHARED)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = self._rows[np.repeat(first, counts) + within]
        pairs, times = np.unique(np.stack([np.repeat(numbers, counts), rows]), axis=1, return_counts=True)
        starts = np.searchsorted(pairs[0], np.arange(len(held) + 1))
        for number, (start, end) in enumerate(itertools.pairwise(starts)):
            if end > start:
                most = np.argsort(-times[start:end], kind="stable")[:MOST_COMPARED]
                yield number, pairs[1, start:end][most].tolist()
