"""Who may look at whom: a mask is true where a query may see a key.

Legend: B rows, T queries, S keys.
"""

from __future__ import annotations

import torch
from torch import Tensor


def padding_mask(lengths: Tensor, keys: int) -> Tensor:
    """Hide what stands behind each row's end, from every head and query.

    The same mask serves self-attention over padded rows and cross-attention over padded sources.

    Args:
        lengths: real keys of each row, (B,) int64.
        keys: S, the columns of the padded batch.

    Returns:
        (B, 1, 1, S) bool.

    Example:
        >>> padding_mask(torch.tensor([1, 3]), 3)[:, 0, 0].int().tolist()
        [[1, 0, 0], [1, 1, 1]]
    """
    places = torch.arange(keys, device=lengths.device)  # (S)
    seen = places < lengths[:, None]  # (B, S)
    return seen[:, None, None]


def causal_mask(queries: int, keys: int, device: torch.device | str = "cpu") -> Tensor:
    """Hide from each query the keys that come later.

    The queries are the last T of the S positions: one new query over a cache of keys sees them all.

    Args:
        queries: T.
        keys: S, at least T.
        device: where the mask is made.

    Returns:
        (T, S) bool.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.2.3, third point.

    Example:
        >>> causal_mask(2, 3).int().tolist()
        [[1, 1, 0], [1, 1, 1]]
    """
    places = torch.arange(keys, device=device)  # (S)
    own = torch.arange(keys - queries, keys, device=device)  # (T)
    return places <= own[:, None]


def cross_mask(sources: Tensor, queries: int, keys: int) -> Tensor:
    """Let every query of a target row see all of its source row and nothing else.

    Args:
        sources: real keys of each source row, (B,) int64.
        queries: T, the columns of the padded targets.
        keys: S, the columns of the padded sources.

    Returns:
        (B, 1, T, S) bool.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.2.3, first point.

    Example:
        >>> cross_mask(torch.tensor([1]), 2, 2)[0, 0].int().tolist()
        [[1, 0], [1, 0]]
    """
    return padding_mask(sources, keys).expand(-1, 1, queries, keys)
