"""Many states to one vector: what a classifier keeps of a sequence.

Legend: B sequences, T steps of the longest, H numbers in a state.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

Pooling = Literal["last", "max", "mean"]

FORMULAS: dict[Pooling, str] = {
    "last": "pooled = h_T",
    "max": "pooledᵤ = maxₜ hₜᵤ",
    "mean": "pooled = Σₜ hₜ / T",
}


def pool(states: Tensor, how: Pooling, forward_size: int) -> Tensor:
    """Pool the states of one sequence.

        last: h_T        max: maxₜ hₜ, unit by unit        mean: Σₜ hₜ / T

    Args:
        states: (T, H) float, T at least 1.
        how: "last" takes each direction's state after its last step.
        forward_size: so many of the H numbers come from the forward direction, the others from the
            reverse one, whose last step stands at the first position.

    Returns:
        (H) float.

    Example:
        >>> states = torch.tensor([[1.0, 8.0], [3.0, 2.0]])
        >>> [pool(states, how, 1).tolist() for how in ("last", "max", "mean")]
        [[3.0, 8.0], [3.0, 8.0], [2.0, 5.0]]
    """
    if how == "max":
        return states.max(dim=0).values
    if how == "mean":
        return states.sum(dim=0) / len(states)
    return torch.cat([states[-1, :forward_size], states[0, forward_size:]])


def pool_batch(states: Tensor, lengths: Tensor, how: Pooling, forward_size: int) -> Tensor:
    """Pool every sequence of a padded batch at once, as `pool` does one.

    Args:
        states: (B, T, H) float; zero after each sequence's end.
        lengths: (B) int, at least 1.
        how: as in `pool`.
        forward_size: as in `pool`.

    Returns:
        (B, H) float.
    """
    if how == "mean":
        return states.sum(dim=1) / lengths[:, None]
    if how == "max":
        beyond = torch.arange(states.shape[1], device=states.device) >= lengths[:, None]  # (B, T)
        return states.masked_fill(beyond[:, :, None], -math.inf).max(dim=1).values
    rows = torch.arange(len(states), device=states.device)
    return torch.cat([states[rows, lengths - 1, :forward_size], states[:, 0, forward_size:]], dim=1)
