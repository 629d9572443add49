"""One small attention layer to measure recurrent layers against.

Rooms never import each other, so this is not room 4's attention: it is torch's own
`scaled_dot_product_attention` with the least around it that can do the same tasks. How attention
works, opened, is room 4's matter.

Legend: B sequences, T steps, E numbers in, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from cutaway.core.errors import ShapeError, UsageError


class AttentionLayer(nn.Module):
    """Let every step look straight at all steps up to itself.

        sₜ = W xₜ + pₜ                                    state: what others see of step t     (1)
        aₜ = sₜ + O softmax(qₜ kᵀ / √d) v                 keys and values of steps 1 to t      (2)
        outₜ = aₜ + F₂ gelu(F₁ norm(aₜ))                                                       (3)

    q, k and v are linear in norm(s); p is the sinusoid of the position.

    Args:
        input_size: numbers in an input vector.
        width: numbers in a state.
        heads: parts that attend each by itself.

    Raises:
        UsageError: the width does not divide into heads of an even size.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, sections 3.1 to 3.5; the order of norm and residual (2, 3)
        by Xiong et al. 2020, arXiv:2002.04745.

    Example:
        >>> AttentionLayer(4, 8, heads=2)(torch.zeros(2, 5, 4)).shape
        torch.Size([2, 5, 8])
    """

    def __init__(self, input_size: int, width: int, *, heads: int = 4) -> None:
        super().__init__()
        if min(input_size, width, heads) < 1 or width % heads or width % 2:
            raise UsageError(f"an even width that {heads} heads divide is needed, not {width}")
        self.width, self.heads = width, heads
        self.embed = nn.Linear(input_size, width)
        self.norm_attention, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix_in, self.mix_out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed_in, self.feed_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def states(self, x: Tensor) -> Tensor:
        """Return equation (1): what later steps see of each step.

        Args:
            x: (B, T, E) float.

        Returns:
            (B, T, D) float.

        Raises:
            ShapeError: x has another shape, or no step.
        """
        if x.ndim != 3 or 0 in x.shape or x.shape[2] != self.embed.in_features:
            raise ShapeError(
                f"the input has shape {tuple(x.shape)}: expected (B, T, {self.embed.in_features})"
            )
        states: Tensor = self.embed(x) + sinusoids(x.shape[1], self.width).to(x)  # (B, T, D)
        return states

    def read(self, states: Tensor) -> Tensor:
        """Return equations (2) and (3).

        Args:
            states: (B, T, D) float.

        Returns:
            (B, T, D) float.
        """
        q, k, v = self.mix_in(self.norm_attention(states)).chunk(3, dim=-1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (q, k, v))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        a = states + self.mix_out(mixed.transpose(1, 2).flatten(2))  # (B, T, D)
        out: Tensor = a + self.feed_out(functional.gelu(self.feed_in(self.norm_feed(a))))  # (B, T, D)
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Read a batch, all steps at once.

        Args:
            x: (B, T, E) float.

        Returns:
            (B, T, D) float.
        """
        return self.read(self.states(x))


def sinusoids(steps: int, width: int) -> Tensor:
    """Return sines and cosines of each position at falling frequencies.

    Args:
        steps: how many positions.
        width: numbers for each; even.

    Returns:
        (T, D) float32.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.5.

    Example:
        >>> sinusoids(1, 4)
        tensor([[0., 1., 0., 1.]])
    """
    slowness = 10_000.0 ** (torch.arange(0, width, 2) / width)
    turns: Tensor = torch.arange(steps)[:, None] / slowness
    return torch.stack([turns.sin(), turns.cos()], dim=-1).flatten(1)
