"""The three products of a linear layer in training, in float32 or in 16-bit whole numbers.

    y = x Wᵀ + b,   dx = dy W,   dW = dyᵀ x

Legend: N tokens, I numbers in, O numbers out.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from cutaway.training.int16_products import LaidOut, lay_out
from cutaway.training.row_parts import by_threads, in_parts


class LinearProducts(Protocol):
    """A linear layer's weights as they stand in one step, and what they are multiplied with."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None: ...

    def forward(self, x: Tensor, y: Tensor) -> None:
        """Write y = x Wᵀ + b.

        Args:
            x: (N, I) float32.
            y: (N, O) float32.
        """

    def backward(self, dy: Tensor, dx: Tensor) -> None:
        """Write dx = dy W.

        Args:
            dy: (N, O) float32.
            dx: (N, I) float32.
        """

    def add_backward(self, dy: Tensor, dx: Tensor) -> None:
        """Add dy W to dx.

        Args:
            dy: (N, O) float32.
            dx: (N, I) float32.
        """

    @staticmethod
    def by_threads(rows: int, work: Callable[[int, int], list[Tensor]]) -> list[Tensor]:
        """Call `work(first, last)` for all rows, in one or in parts, and add up what it returns.

        Args:
            rows: in all.
            work: multiplies the rows from first up to last.
        """

    @staticmethod
    def learn(dy: Tensor, x: Tensor, to_weight: Tensor) -> None:
        """Add dyᵀ x to a weight's gradient.

        Args:
            dy: (N, O) float32.
            x: (N, I) float32.
            to_weight: (O, I) float32.
        """


class Float32Products:
    """By torch's own products."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self._weight, self._bias = weight, bias

    def forward(self, x: Tensor, y: Tensor) -> None:
        """As `LinearProducts` says."""
        torch.mm(x, self._weight.t(), out=y)
        if self._bias is not None:
            y.add_(self._bias)

    def backward(self, dy: Tensor, dx: Tensor) -> None:
        """As `LinearProducts` says."""
        torch.mm(dy, self._weight, out=dx)

    def add_backward(self, dy: Tensor, dx: Tensor) -> None:
        """As `LinearProducts` says."""
        dx.addmm_(dy, self._weight)

    @staticmethod
    def by_threads(rows: int, work: Callable[[int, int], list[Tensor]]) -> list[Tensor]:
        """All at once: torch's products have threads of their own."""
        return work(0, rows)

    @staticmethod
    def learn(dy: Tensor, x: Tensor, to_weight: Tensor) -> None:
        """As `LinearProducts` says."""
        to_weight.addmm_(dy.t(), x)


class Int16Products:
    """By whole numbers of 16 bits: `int16_products` says how a row is rounded, `int16_gradients` a column.

    Weights stay float32 and are rounded anew in each step; so are sums over more than one piece of tokens.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self._weight, self._bias = weight, bias
        self._laying = Lock()
        self._ahead: LaidOut | None = None
        self._back: LaidOut | None = None

    def forward(self, x: Tensor, y: Tensor) -> None:
        """As `LinearProducts` says."""
        with self._laying:
            if self._ahead is None:
                bias = None if self._bias is None else self._bias.numpy()
                self._ahead = lay_out(self._weight.numpy(), bias)
        in_parts(len(x), _multiply, x, self._ahead, y)

    def backward(self, dy: Tensor, dx: Tensor) -> None:
        """As `LinearProducts` says."""
        in_parts(len(dy), _multiply, dy, self._laid_back(), dx)

    def add_backward(self, dy: Tensor, dx: Tensor) -> None:
        """As `LinearProducts` says."""
        from cutaway.training import int16_gradients as kernels

        laid = self._laid_back()
        in_parts(len(dy), kernels.multiply_adding, dy, laid.panels, laid.scales, dx)

    @staticmethod
    def by_threads(rows: int, work: Callable[[int, int], list[Tensor]]) -> list[Tensor]:
        """In parts: threads that wait for each other once are quicker than those that do at each product."""
        return by_threads(rows, work)

    @staticmethod
    def learn(dy: Tensor, x: Tensor, to_weight: Tensor) -> None:
        """As `LinearProducts` says."""
        from cutaway.training import int16_gradients as kernels

        left, right = _columns(dy, kernels.TALL), _columns(x, kernels.WIDE)
        pairs = (len(x) + 1) // 2
        in_parts(len(to_weight), kernels.multiply_columns, *left, *right, pairs, to_weight)

    def _laid_back(self) -> LaidOut:
        """Columns of W are the rows of Wᵀ: they are laid out in the same way."""
        from cutaway.training import int16_gradients as kernels

        with self._laying:
            if self._back is None:
                words, steps = _columns(self._weight, kernels.WIDE)
                outputs, inputs = self._weight.shape
                panels = words.numpy().view(np.int16)
                self._back = LaidOut(panels=panels, scales=steps.numpy(), shape=(inputs, outputs))
        return self._back


def _multiply(x: np.ndarray, weight: LaidOut, y: np.ndarray, first: int, last: int) -> None:
    from cutaway.training import int16_kernels

    int16_kernels.multiply(x, first, last, weight.panels, weight.scales, y)


def _columns(x: Tensor, wide: int) -> tuple[Tensor, Tensor]:
    """Columns rounded and laid out, and their steps."""
    from cutaway.training import int16_gradients as kernels

    rows, columns = x.shape
    panels = -(-columns // wide)
    words = torch.empty(panels * -(-rows // 2) * wide, dtype=torch.int32)
    steps = torch.empty((2, panels * wide))
    in_parts(columns, kernels.lay_out_columns, x, wide, words, steps)
    return words, steps
