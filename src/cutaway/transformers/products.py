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

from cutaway.core.errors import UsageError
from cutaway.training.int16_products import int16_works
from cutaway.transformers.block import FUSED, IN_ONEDNN
from cutaway.transformers.int8 import Int8Product, int8_works
from cutaway.transformers.int16 import Int16Product

Precision = Literal["float32", "bfloat16", "int16", "int8"]

# What stands between products; those of whole numbers take and give float32.
DTYPES: Mapping[Precision, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "int16": torch.float32,
    "int8": torch.float32,
}
# Rows that weights are laid out for; measured: 14 or 2,048 made no difference.
_ROWS = 2048
# Rows of the product that is timed: enough for all threads to be of use.
_MEASURED = 1024
# How close fused and plain products must be, relative to numbers of about ten.
_CLOSE = {torch.float32: 1e-6, torch.bfloat16: 1e-2}


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
        if activation not in IN_ONEDNN:
            return FUSED[activation](self(x))
        name, how = IN_ONEDNN[activation]
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
            pairs += [(plain.activated(x, name), fused.activated(x, name)) for name in IN_ONEDNN]
            close = _CLOSE[dtype]
            # Not torch.testing: to import it takes seconds.
            if not all(torch.allclose(got, wanted, rtol=close, atol=10 * close) for wanted, got in pairs):
                return PlainProduct
    except (AttributeError, RuntimeError):
        return PlainProduct
    return OneDnnProduct


def kind_of(precision: Precision) -> type[Product]:
    """Return how this machine multiplies in a precision.

    Args:
        precision: of the products.

    Raises:
        UsageError: "int8" or "int16" where this torch or this processor has no such products.
    """
    if not works_here(precision):
        raise UsageError(f"this machine has no products in {precision}: use float32")
    if precision == "int16":
        return Int16Product
    return Int8Product if precision == "int8" else product_kind(DTYPES[precision])


def works_here(precision: Precision) -> bool:
    """Tell whether this machine multiplies in a precision at all.

    Args:
        precision: of the products.
    """
    if precision == "int16":
        return int16_works()
    return precision != "int8" or int8_works()


def faster_precisions(width: int, hidden: int) -> list[Precision]:
    """Return the precisions that are worth a trial here, measured for some milliseconds, fastest first.

    Args:
        width: D.
        hidden: F.

    Returns:
        Those that take less than three quarters of float32's time. int8 is among them only if it takes less
        than a third of int16's: what stands between products is read faster there, and it is finer by far.
    """
    seconds: dict[Precision, float] = {}
    for precision, dtype in DTYPES.items():
        if not works_here(precision):
            continue
        product = kind_of(precision)(torch.ones(hidden, width, dtype=dtype), torch.ones(hidden, dtype=dtype))
        x = torch.ones(_MEASURED, width, dtype=dtype)
        for turn in range(4):
            started = perf_counter()
            product(x)
            seconds[precision] = min(seconds.get(precision, float("inf")), perf_counter() - started)
            if turn and seconds[precision] > 2 * seconds["float32"]:
                break  # without hardware for bfloat16 more turns would take a second
    if "int16" in seconds and seconds.get("int8", 0.0) > seconds["int16"] / 3:
        del seconds["int8"]
    return sorted(
        (name for name in seconds if seconds[name] < 0.75 * seconds["float32"]),
        key=lambda name: seconds[name],
    )


def fastest_precision(width: int, hidden: int) -> Precision:
    """Return the first of `faster_precisions`, float32 if there is none.

    Args:
        width: D.
        hidden: F.
    """
    return next(iter(faster_precisions(width, hidden)), "float32")
