"""Linear layers for prediction: weights laid out for the processor, what follows fused into the product.

Legend: N tokens, I numbers in, O numbers out, D width, F feed-forward width.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from time import perf_counter
from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from cutaway.transformers.block import FUSED

Precision = Literal["float32", "bfloat16"]

DTYPES: Mapping[Precision, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}
# Rows that weights are laid out for; measured: 14 or 2,048 made no difference.
_ROWS = 2048
# How close fused and plain products must be, relative to numbers of about ten.
_CLOSE = {torch.float32: 1e-6, torch.bfloat16: 1e-2}
# Our activations in oneDNN's words: its name, and how it approximates.
_IN_ONEDNN = {"gelu": ("gelu", "none"), "gelu_tanh": ("gelu", "tanh"), "relu": ("relu", "")}


class Product(Protocol):
    """A linear layer that can also activate its output, or add something to it, on the way to memory."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None: ...

    def __call__(self, x: Tensor) -> Tensor:
        """Return x Wᵀ + b.

        Args:
            x: (N, I) float.
        """

    def activated(self, x: Tensor, activation: str) -> Tensor:
        """Return act(x Wᵀ + b).

        Args:
            x: (N, I) float.
            activation: one of a block's.
        """

    def added(self, x: Tensor, rest: Tensor) -> Tensor:
        """Return rest + x Wᵀ + b.

        Args:
            x: (N, I) float.
            rest: (N, O) float.
        """


class PlainProduct:
    """Torch's own linear layer, and the rest behind it."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._weight, self._bias = weight, bias

    def __call__(self, x: Tensor) -> Tensor:
        """As `Product` says."""
        return F.linear(x, self._weight, self._bias)

    def activated(self, x: Tensor, activation: str) -> Tensor:
        """Return act(x Wᵀ + b).

        Args:
            x: (N, I) float.
            activation: one of a block's.
        """
        return FUSED[activation](self(x))

    def added(self, x: Tensor, rest: Tensor) -> Tensor:
        """Return rest + x Wᵀ + b.

        Args:
            x: (N, I) float.
            rest: (N, O) float.
        """
        return rest + self(x)


class OneDnnProduct:
    """oneDNN's linear layer over weights in its own layout, as torch's compiler calls it.

    These operators are not part of torch's documented interface: `product_kind` tries them first.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
        self._bias = bias
        self._one, self._sum = (
            torch.ops.mkldnn._linear_pointwise.default,
            torch.ops.mkldnn._linear_pointwise.binary,
        )

    def __call__(self, x: Tensor) -> Tensor:
        """As `Product` says."""
        made: Tensor = self._one(x, self._weight, self._bias, "none", [], "")
        return made

    def activated(self, x: Tensor, activation: str) -> Tensor:
        """Return act(x Wᵀ + b).

        Args:
            x: (N, I) float.
            activation: one of a block's.
        """
        if activation not in _IN_ONEDNN:
            return FUSED[activation](self(x))
        name, how = _IN_ONEDNN[activation]
        made: Tensor = self._one(x, self._weight, self._bias, name, [], how)
        return made

    def added(self, x: Tensor, rest: Tensor) -> Tensor:
        """Return rest + x Wᵀ + b.

        Args:
            x: (N, I) float.
            rest: (N, O) float.
        """
        made: Tensor = self._sum(x, rest, self._weight, self._bias, "add")
        return made


@cache
def product_kind(dtype: torch.dtype) -> type[Product]:
    """Return the fused products if this machine and this torch have them and they are right, else the plain.

    Args:
        dtype: of the weights.

    Returns:
        The class, tried against the plain one at three shapes.
    """
    generator = torch.Generator().manual_seed(0)
    try:
        for rows in (1, 14, 200):
            x, rest, weight, bias = (
                torch.randn(shape, generator=generator).to(dtype)
                for shape in ((rows, 48), (rows, 80), (80, 48), (80,))
            )
            plain, fused = PlainProduct(weight, bias), OneDnnProduct(weight, bias)
            pairs = [(plain(x), fused(x)), (plain.added(x, rest), fused.added(x, rest))]
            pairs += [(plain.activated(x, name), fused.activated(x, name)) for name in _IN_ONEDNN]
            for wanted, got in pairs:
                torch.testing.assert_close(got, wanted, rtol=_CLOSE[dtype], atol=10 * _CLOSE[dtype])
    except (AttributeError, RuntimeError, AssertionError):
        return PlainProduct
    return OneDnnProduct


def fastest_precision(width: int, hidden: int) -> Precision:
    """Return the precision in which this machine multiplies faster, measured for a millisecond or two.

    Args:
        width: D.
        hidden: F.

    Returns:
        "bfloat16" where it takes less than three quarters of float32's time.
    """
    seconds = dict.fromkeys(DTYPES, float("inf"))
    for precision, dtype in DTYPES.items():
        product = product_kind(dtype)(torch.ones(hidden, width, dtype=dtype), torch.ones(hidden, dtype=dtype))
        x = torch.ones(256, width, dtype=dtype)
        for _ in range(4):
            started = perf_counter()
            product(x)
            seconds[precision] = min(seconds[precision], perf_counter() - started)
    return "bfloat16" if seconds["bfloat16"] < 0.75 * seconds["float32"] else "float32"
