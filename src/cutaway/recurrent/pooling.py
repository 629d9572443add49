"""Many states to one vector: what a classifier keeps of a sequence.

Legend: B sequences, T steps of the longest, H numbers in a state.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from cutaway.core.trace import Recorder

Pooling = Literal["last", "max", "mean", "attention"]

FORMULAS: dict[Pooling, str] = {
    "last": "pooled = h_T",
    "max": "pooledᵤ = maxₜ hₜᵤ",
    "mean": "pooled = Σₜ hₜ / T",
    "attention": "pooled = Σₜ αₜ hₜ",
}


class Pool(nn.Module):
    """Make one vector of the states of a sequence.

        last: h_T        max: maxₜ hₜ, unit by unit        mean: Σₜ hₜ / T
        attention: Σₜ αₜ hₜ,   α = softmax(e),   eₜ = vᵀ tanh(W hₜ + b)

    Only attention has weights to learn: W, b and v, what to look for.

    Args:
        how: "last" takes each direction's state after its last step.
        size: H.
        forward_size: so many of the H numbers come from the forward direction, the others from the
            reverse one, whose last step stands at the first position.

    Source:
        Attention: Yang et al. 2016, Hierarchical Attention Networks for Document Classification,
        section 2.2, equations 5 to 7.

    Example:
        >>> states = torch.tensor([[1.0, 8.0], [3.0, 2.0]])
        >>> [Pool(how, 2, 1).one(states).tolist() for how in ("last", "max", "mean")]
        [[3.0, 8.0], [3.0, 8.0], [2.0, 5.0]]
    """

    def __init__(self, how: Pooling, size: int, forward_size: int) -> None:
        super().__init__()
        self.how, self.forward_size = how, forward_size
        if how == "attention":
            self.show = nn.Linear(size, size)
            bound = 1 / math.sqrt(size)
            self.weigh = nn.Parameter(torch.empty(size).uniform_(-bound, bound))

    def energies(self, states: Tensor) -> Tensor:
        """Score every state by attention's eₜ.

        Args:
            states: (T, H) float, or (B, T, H).

        Returns:
            (T) float, or (B, T).
        """
        energies: Tensor = torch.tanh(self.show(states)) @ self.weigh
        return energies

    def one(self, states: Tensor) -> Tensor:
        """Pool the states of one sequence.

        Args:
            states: (T, H) float, T at least 1.

        Returns:
            (H) float.
        """
        if self.how == "attention":
            return torch.softmax(self.energies(states), dim=0) @ states
        if self.how == "max":
            return states.max(dim=0).values
        if self.how == "mean":
            return states.sum(dim=0) / len(states)
        return torch.cat([states[-1, : self.forward_size], states[0, self.forward_size :]])

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Pool every sequence of a padded batch at once, as `one` does one.

        Args:
            states: (B, T, H) float; zero after each sequence's end.
            lengths: (B) int, at least 1.

        Returns:
            (B, H) float.
        """
        if self.how == "mean":
            return states.sum(dim=1) / lengths[:, None]
        if self.how in ("max", "attention"):
            beyond = torch.arange(states.shape[1], device=states.device) >= lengths[:, None]  # (B, T)
        if self.how == "max":
            return states.masked_fill(beyond[:, :, None], -math.inf).max(dim=1).values
        if self.how == "attention":
            weights = self.energies(states).masked_fill(beyond, -math.inf).softmax(dim=1)  # (B, T)
            return (weights[:, None] @ states)[:, 0]
        rows = torch.arange(len(states), device=states.device)
        last = states[rows, lengths - 1, : self.forward_size]
        return torch.cat([last, states[:, 0, self.forward_size :]], dim=1)

    def record(self, rec: Recorder, states: Tensor) -> Tensor:
        """Pool one sequence in the open.

        Args:
            rec: takes "pooled" (H); of attention also "pooling_scores" and "pooling_weights" (T).
            states: (T, H) float, which it has as "outputs".

        Returns:
            (H) float.
        """
        inputs: tuple[str, ...] = ("outputs",)
        pooled = self.one(states)  # (H)
        if self.how == "attention":
            scores = rec.keep(
                "pooling_scores",
                self.energies(states),
                axes=("position",),
                formula="eₜ = vᵀ tanh(W hₜ + b)",
                inputs=inputs,
            )  # (T)
            weights = rec.keep(
                "pooling_weights",
                torch.softmax(scores, dim=0),
                axes=("position",),
                formula="αₜ = exp eₜ / Σ exp e",
                inputs=("pooling_scores",),
            )  # (T)
            inputs, pooled = (*inputs, "pooling_weights"), weights @ states
        return rec.keep("pooled", pooled, axes=("output",), formula=FORMULAS[self.how], inputs=inputs)
