"""What `encode_batch` returns: many texts as one flat array of ids, each text a view into it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import ShapeError, UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """A ragged array: row `i` is `ids[row_starts[i]:row_starts[i + 1]]`.

    Attributes:
        ids: every row's ids, one after the other, (tokens,) int32.
        row_starts: where each row starts, and at last where they all end, (rows + 1,) int64.
        offsets: the characters [start, end) of its text that each token covers, (tokens, 2) int32; None
            if they were not asked for.
        type_ids: the segment of each token, (tokens,) int32; None where all are 0.
    """

    ids: NDArray[np.int32]
    row_starts: NDArray[np.int64]
    offsets: NDArray[np.int32] | None = None
    type_ids: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.row_starts) - 1

    def __getitem__(self, row: int) -> NDArray[np.int32]:
        """Return a row's ids as a view: nothing is copied.

        Raises:
            ShapeError: there is no such row.
        """
        return self.ids[self.row(row)]

    def __iter__(self) -> Iterator[NDArray[np.int32]]:
        return (self[row] for row in range(len(self)))

    def row(self, row: int) -> slice:
        """Return where a row's tokens stand in the flat arrays.

        Raises:
            ShapeError: there is no such row.
        """
        if not -len(self) <= row < len(self):
            raise ShapeError(f"row {row} is outside the batch of {len(self)} rows")
        row %= len(self)
        return slice(int(self.row_starts[row]), int(self.row_starts[row + 1]))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of tokens of each row, (rows,)."""
        return np.diff(self.row_starts)

    def padded(
        self,
        pad_id: int = 0,
        *,
        side: Literal["right", "left"] = "right",
        multiple: int = 1,
        length: int | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return a rectangle, short rows filled, and where the real tokens are.

        Args:
            pad_id: what to fill with.
            side: where: "right" at the end, "left" at the start.
            multiple: make the rows as long as a multiple of this.
            length: make the rows of this length; by default that of the longest.

        Returns:
            ids (rows, longest) int64, and mask of the same shape, true at real tokens.

        Raises:
            UsageError: a row is longer than `length`, or multiple is under 1, or side is another word.

        Example:
            >>> starts = np.array([0, 1, 3])
            >>> batch = Batch(ids=np.array([7, 8, 9], np.int32), row_starts=starts)
            >>> batch.padded()[0].tolist()
            [[7, 0], [8, 9]]
            >>> batch.padded(side="left", multiple=4)[0].tolist()
            [[0, 0, 0, 7], [0, 0, 8, 9]]
        """
        longest = int(self.lengths.max(initial=0))
        if length is not None and longest > length:
            raise UsageError(f"length is {length}, and a row has {longest} tokens: cut with max_tokens")
        if multiple < 1 or side not in ("right", "left"):
            raise UsageError(f"multiple is {multiple}, side is {side!r}: 1 or more, and right or left")
        width = -(-(longest if length is None else length) // multiple) * multiple
        at = np.arange(width) if side == "right" else np.arange(width - 1, -1, -1)
        mask = at < self.lengths[:, None]
        ids = np.full(mask.shape, pad_id, np.int64)
        ids[mask] = self.ids
        return ids, mask
