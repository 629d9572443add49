"""What `encode_batch` returns: many texts as one flat array of ids, each text a view into it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import ShapeError


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """A ragged array: row `i` is `ids[row_starts[i]:row_starts[i + 1]]`.

    Attributes:
        ids: every row's ids, one after the other, (tokens,) int32.
        row_starts: where each row starts, and at last where they all end, (rows + 1,) int64.
    """

    ids: NDArray[np.int32]
    row_starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row_starts) - 1

    def __getitem__(self, row: int) -> NDArray[np.int32]:
        """Return a row's ids as a view: nothing is copied.

        Raises:
            ShapeError: there is no such row.
        """
        if not -len(self) <= row < len(self):
            raise ShapeError(f"row {row} is outside the batch of {len(self)} rows")
        row %= len(self)
        return self.ids[self.row_starts[row] : self.row_starts[row + 1]]

    def __iter__(self) -> Iterator[NDArray[np.int32]]:
        return (self[row] for row in range(len(self)))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of tokens of each row, (rows,)."""
        return np.diff(self.row_starts)

    def padded(self, pad_id: int = 0) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return a rectangle, short rows filled at their end, and where the real tokens are.

        Args:
            pad_id: what to fill with.

        Returns:
            ids (rows, longest) int64, and mask of the same shape, true at real tokens.

        Example:
            >>> starts = np.array([0, 1, 3])
            >>> Batch(ids=np.array([7, 8, 9], np.int32), row_starts=starts).padded()[0].tolist()
            [[7, 0], [8, 9]]
        """
        longest = int(self.lengths.max(initial=0))
        mask = np.arange(longest) < self.lengths[:, None]
        ids = np.full(mask.shape, pad_id, np.int64)
        ids[mask] = self.ids
        return ids, mask
