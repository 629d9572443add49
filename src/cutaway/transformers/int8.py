"""Linear layers in whole numbers of eight bits: weights rounded once, each input as it comes.

    x Wᵀ ≈ sₓ sᵥ (qₓ qᵥᵀ),   q = round(v / s),   sᵥ one for each output, sₓ one for a whole input

Three times float32's speed where the processor adds four products of bytes at once (VNNI), and rougher
than any other precision: whoever uses it compares its answers with float32's.

Legend: N tokens, I numbers in, O numbers out.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from cutaway.transformers.block import FUSED, IN_ONEDNN

# Largest error of a product, as a share of its largest number, that rounding alone explains.
_ROUGH = 0.05
_LARGEST, _LEVELS = 127, 255


class Int8Product:
    """A linear layer whose weights are bytes; what goes in and comes out is float32.

    These operators are not part of torch's documented interface: `int8_works` tries them first.

    Source:
        Jacob et al. 2018, arXiv:1712.05877, section 2.1, with a scale for each output.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        scales = weight.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / _LARGEST  # (O)
        rounded = (weight / scales.unsqueeze(1)).round_().to(torch.int8)  # (O, I)
        zeros = torch.zeros(len(scales), dtype=torch.int32)  # (O)
        self._weight = (torch.ops.onednn.qlinear_prepack(rounded, None), scales, zeros, bias)
        self._product = torch.ops.onednn.qlinear_pointwise.default

    def __call__(self, x: Tensor) -> Tensor:
        """Return x Wᵀ + b, both rounded.

        Args:
            x: (N, I) float32.
        """
        return self._then(x, "none", "")

    def activated(self, x: Tensor, activation: str) -> Tensor:
        """Return act(x Wᵀ + b).

        Args:
            x: (N, I) float32.
            activation: one of a block's.
        """
        if activation not in IN_ONEDNN:
            return FUSED[activation](self(x))
        return self._then(x, *IN_ONEDNN[activation])

    def added(self, x: Tensor, rest: Tensor) -> Tensor:
        """Return rest + x Wᵀ + b.

        Args:
            x: (N, I) float32.
            rest: (N, O) float32.
        """
        return self(x).add_(rest)

    def _then(self, x: Tensor, name: str, how: str) -> Tensor:
        """Round x to 256 levels that include zero, multiply, activate."""
        lowest, highest = (float(end) for end in torch.aminmax(x))
        lowest, highest = min(lowest, 0.0), max(highest, 0.0)
        scale = (highest - lowest) / _LEVELS or 1.0
        zero = round(-lowest / scale)
        rounded = torch.mul(x, 1 / scale).add_(zero + 0.5).clamp_(0, _LEVELS).to(torch.uint8)  # (N, I)
        weight, scales, zeros, bias = self._weight
        made: Tensor = self._product(
            rounded, scale, zero, weight, scales, zeros, bias, 1.0, 0, torch.float32, name, [], how
        )
        return made


@cache
def int8_works() -> bool:
    """Tell whether this torch multiplies bytes on this machine, and is right to within rounding."""
    generator = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(shape, generator=generator) for shape in ((14, 48), (80, 48), (80,)))
    try:
        got, wanted = Int8Product(weight, bias)(x), F.linear(x, weight, bias)
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    return bool((got - wanted).abs().max() <= _ROUGH * wanted.abs().max())
