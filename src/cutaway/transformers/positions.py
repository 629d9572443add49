"""Where a token stands: sinusoids that are added, and rotations of queries and keys.

(The third way, a learned table, is an `nn.Embedding`: see embeddings.py.)

Legend: P positions, D width, N tokens, H heads, d numbers per head.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from cutaway.core.errors import UsageError

BASE = 10_000.0

Layout = Literal["interleaved", "halves"]


def sinusoids(positions: int, width: int, *, layout: Layout = "interleaved") -> Tensor:
    """Tabulate sines and cosines of ever longer wavelengths.

        PE(p, 2i) = sin(p / 10000^(2i/D)),   PE(p, 2i+1) = cos(p / 10000^(2i/D))

    Args:
        positions: P, rows of the table.
        width: D, even.
        layout: "interleaved" as the paper; "halves" has all sines first, then all cosines: the same
            numbers in other places, as translation checkpoints of the field have them.

    Returns:
        (P, D) float32.

    Raises:
        UsageError: the width is odd.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.5.

    Example:
        >>> sinusoids(1, 4).tolist()
        [[0.0, 1.0, 0.0, 1.0]]
    """
    angles = _angles(torch.arange(positions), width)
    pair = (angles.sin(), angles.cos())
    table = torch.stack(pair, -1).flatten(1) if layout == "interleaved" else torch.cat(pair, -1)  # (P, D)
    return table.float()


def rotate(x: Tensor, places: Tensor) -> Tensor:
    """Turn each pair of numbers by an angle that grows with the position.

        (y₂ᵢ, y₂ᵢ₊₁) = (x₂ᵢ cos pθᵢ − x₂ᵢ₊₁ sin pθᵢ,  x₂ᵢ sin pθᵢ + x₂ᵢ₊₁ cos pθᵢ),   θᵢ = 10000^(−2i/d)

    The product of a turned query and a turned key depends only on how far they stand apart.

    Args:
        x: queries or keys, (N, H, d) float.
        places: each token's position in its row, (N,) int64.

    Returns:
        (N, H, d) float.

    Raises:
        UsageError: d is odd.

    Source:
        Su et al. 2021, arXiv:2104.09864, section 3.2.2, equation 34.

    Example:
        >>> rotate(torch.tensor([[[1.0, 0.0]]]), torch.tensor([0])).tolist()
        [[[1.0, 0.0]]]
    """
    angles = _angles(places, x.shape[-1])[:, None]
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), -1)
    return turned.flatten(-2)


def _angles(places: Tensor, width: int) -> Tensor:
    """Position times frequency, (places, width / 2) float64: float32 is 1e-5 off at position 500."""
    if width % 2:
        raise UsageError(f"sines and cosines come in pairs: the width {width} is odd")
    frequencies = BASE ** (-torch.arange(0, width, 2, dtype=torch.float64, device=places.device) / width)
    return places[:, None] * frequencies
