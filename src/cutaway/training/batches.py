"""Batches by token budget: rows of similar length together, so that no product is spent on padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import UsageError

Rows = NDArray[np.int64]

# Lengths are jittered by this share before sorting, so that epochs group different rows.
JITTER = 0.1


def token_budget_batches(lengths: Sequence[int], *, budget: int, seed: int | None) -> list[Rows]:
    """Group row numbers into batches of at most `budget` tokens, similar lengths together.

    Args:
        lengths: tokens in each row.
        budget: tokens in a batch, at most; a longer row makes a batch of its own.
        seed: shuffles the batches and jitters the grouping; None keeps rows sorted by length.

    Returns:
        Row numbers, one array a batch; every row stands in exactly one.

    Raises:
        UsageError: the budget is below one token.

    Example:
        >>> [batch.tolist() for batch in token_budget_batches([5, 1, 4, 2], budget=6, seed=None)]
        [[1, 3], [2], [0]]
    """
    if budget < 1:
        raise UsageError(f"a batch needs a budget of at least one token, not {budget}")
    sizes = np.asarray(lengths, dtype=np.int64)
    if seed is None:
        return list(_cut(np.argsort(sizes, kind="stable"), sizes, budget))
    random = np.random.default_rng(seed)
    jittered = sizes * (1 + random.uniform(-JITTER, JITTER, size=len(sizes)))
    batches = list(_cut(np.argsort(jittered, kind="stable"), sizes, budget))
    return [batches[at] for at in random.permutation(len(batches))]


def _cut(order: Rows, sizes: Rows, budget: int) -> Iterator[Rows]:
    start = held = 0
    for at, row in enumerate(order):
        if at > start and held + sizes[row] > budget:
            yield order[start:at]
            start, held = at, 0
        held += int(sizes[row])
    if start < len(order):
        yield order[start:]
