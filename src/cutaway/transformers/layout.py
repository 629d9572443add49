"""Where packed tokens stand in a padded batch: what a GPU, which likes one large operator, is given.

On a processor attention runs once per group of equal lengths, and nothing is padded. On a GPU ten small
calls cost more than one with some padding in it, which the batches' similar lengths keep short.

Legend: B rows, N tokens of all rows together, T tokens of the longest row, D width.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Layout(NamedTuple):
    """The way from packed to padded rows, and back.

    Attributes:
        real: whether a token stands at a place, (B, T) bool.
        places: each packed token's place, counted row by row, (N,) int64.
    """

    real: Tensor
    places: Tensor

    @classmethod
    def of(cls, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Layout:
        """Lay out rows.

        Args:
            starts: where each row begins among the packed tokens, (B,).
            lengths: of the rows, (B,).

        Returns:
            The layout, on the processor.

        Example:
            >>> layout = Layout.of(np.array([2, 0]), np.array([3, 2]))
            >>> layout.real.int().tolist(), layout.places.tolist()
            ([[1, 1, 1], [1, 1, 0]], [3, 4, 0, 1, 2])
        """
        columns = np.arange(lengths.max())  # (T)
        real = columns < lengths[:, None]  # (B, T)
        places = np.empty(lengths.sum(), np.int64)  # (N)
        places[(starts[:, None] + columns)[real]] = np.flatnonzero(real)
        return cls(torch.from_numpy(real), torch.from_numpy(places))

    def to(self, device: torch.device | str) -> Layout:
        """Return the layout on another device.

        Args:
            device: where to.
        """
        return Layout(*(part.to(device, non_blocking=True) for part in self))

    def padded(self, values: Tensor) -> Tensor:
        """Spread packed vectors over a padded batch, zero behind each row's end.

        Args:
            values: (N, D).

        Returns:
            (B, T, D).
        """
        # The gradient of a copy to places is a plain look-up; that of a look-up would be sorted and added.
        spread = values.new_zeros((self.real.numel(), values.shape[-1]))
        return spread.index_copy(0, self.places, values).view(*self.real.shape, -1)

    def packed(self, rows: Tensor) -> Tensor:
        """Take the real tokens' vectors, in their packed order.

        Args:
            rows: (B, T, D).

        Returns:
            (N, D).
        """
        return rows.flatten(0, 1).index_select(0, self.places)

    def mean(self, values: Tensor) -> Tensor:
        """Average each row's vectors.

        Args:
            values: (N, D).

        Returns:
            (B, D).
        """
        return self.padded(values).sum(1) / self.real.sum(1, keepdim=True)
