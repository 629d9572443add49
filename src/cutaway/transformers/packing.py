"""Batches without padding: all rows end to end, sorted so that equal lengths stand together.

Padding a batch to its longest row spends work on nothing. Here every linear layer sees (N, D), N real
tokens, and only attention needs to know where rows begin: it runs once per group of equal lengths.

Legend: B rows, N tokens of all rows together, D width, R rows of one group, L their length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cutaway.core.errors import ShapeError
from cutaway.transformers.layout import Layout

IntArray = NDArray[np.integer[Any]]


class Group(NamedTuple):
    """Neighboring rows of one length."""

    rows: int
    length: int


@dataclass(frozen=True, kw_only=True)
class PackedBatch:
    """Rows of token ids, end to end, shortest first.

    What comes out of `first`, `mean` and `split` is in the order in which the caller gave the rows.

    Attributes:
        ids: token ids, (N,) int64.
        positions: each token's place in its row, (N,) int64.
        types: each token's type, (N,) int64; none when every type is 0.
        groups: the lengths, run by run.
        row_starts: where the caller's row b begins among the N tokens, (B,) int64.
        layout: how the rows stand when they are padded, the caller's order; a batch on a GPU has it.
    """

    ids: Tensor
    positions: Tensor
    types: Tensor | None
    groups: tuple[Group, ...]
    row_starts: Tensor
    layout: Layout | None = None

    @classmethod
    def from_rows(cls, rows: Sequence[IntArray], *, types: Sequence[IntArray] | None = None) -> PackedBatch:
        """Pack rows of ids.

        Args:
            rows: B arrays of token ids, each (L,) int, none empty.
            types: B arrays of the same lengths; 0 everywhere if not given.

        Returns:
            The packed batch.

        Raises:
            ShapeError: no rows, an empty row, a row that is not one-dimensional integers, or types
                of other lengths.

        Example:
            >>> batch = PackedBatch.from_rows([np.array([7, 8, 9]), np.array([5, 6])])
            >>> batch.ids.tolist(), batch.row_starts.tolist()
            ([5, 6, 7, 8, 9], [2, 0])
        """
        if not rows:
            raise ShapeError("a batch of 0 rows: give at least one")
        arrays = [_checked(index, row) for index, row in enumerate(rows)]
        lengths = np.array([row.size for row in arrays])
        order = np.argsort(lengths, kind="stable")
        ends = np.cumsum(lengths[order])
        begins = ends - lengths[order]
        row_starts = np.empty_like(begins)
        row_starts[order] = begins
        if types is not None and [len(row) for row in types] != lengths.tolist():
            raise ShapeError(f"types have lengths {[len(row) for row in types]}, rows {lengths.tolist()}")
        return cls(
            ids=_join(arrays, order),
            positions=torch.from_numpy(np.arange(ends[-1]) - np.repeat(begins, lengths[order])),
            types=None if types is None else _join(types, order),
            groups=tuple(Group(len(list(run)), int(length)) for length, run in groupby(lengths[order])),
            row_starts=torch.from_numpy(row_starts),
        )

    @classmethod
    def from_padded(cls, ids: Tensor, mask: Tensor) -> PackedBatch:
        """Pack a padded batch; a token's position is its column, as in a padded model.

        Args:
            ids: (B, T) int64.
            mask: (B, T) bool, true at real tokens.

        Returns:
            The packed batch.
        """
        kept = mask.cpu().numpy()
        batch = cls.from_rows([row[keep] for row, keep in zip(ids.cpu().numpy(), kept, strict=True)])
        order = batch.row_starts.argsort()
        columns = [torch.from_numpy(kept[row].nonzero()[0]) for row in order.tolist()]
        return replace(batch, positions=torch.cat(columns)).to(ids.device)

    @property
    def rows(self) -> int:
        """B, the number of rows."""
        return len(self.row_starts)

    @property
    def lengths(self) -> Tensor:
        """The caller's rows' lengths, (B,) int64."""
        by_place = [group.length for group in self.groups for _ in range(group.rows)]
        return torch.tensor(by_place, device=self.ids.device)[self._places()]

    def to(self, device: torch.device | str) -> PackedBatch:
        """Return the batch on another device.

        Args:
            device: where to.
        """
        if torch.device(device) == self.ids.device:
            return self
        layout = self.laid_out().layout if torch.device(device).type == "cuda" else None
        return PackedBatch(
            ids=self.ids.to(device),
            positions=self.positions.to(device),
            types=None if self.types is None else self.types.to(device),
            groups=self.groups,
            row_starts=self.row_starts.to(device),
            layout=None if layout is None else layout.to(device),
        )

    def laid_out(self) -> PackedBatch:
        """Return the batch with its layout, by which attention reads all rows at once, padded."""
        starts, lengths = self.row_starts.cpu().numpy(), self.lengths.cpu().numpy()
        return replace(self, layout=Layout.of(starts, lengths).to(self.ids.device))

    def by_group(self, values: Tensor) -> list[Tensor]:
        """Cut (N, D) into one (R, L, D) view per group.

        Args:
            values: a vector per token, (N, D).

        Returns:
            The pieces, shortest rows first.
        """
        # One split, not a slice per group: the gradient of a slice is a zero array of the whole size.
        pieces = torch.split(values, [group.rows * group.length for group in self.groups])
        return [
            piece.view(group.rows, group.length, -1) for piece, group in zip(pieces, self.groups, strict=True)
        ]

    def padded(self, values: Tensor) -> Tensor:
        """Spread (N, D) over a padded batch, zero behind each row's end: (B, T, D), in the caller's order.

        Args:
            values: a vector per token, (N, D).
        """
        if self.layout is not None:
            return self.layout.padded(values)
        rows = torch.repeat_interleave(torch.arange(self.rows, device=values.device), self.lengths)
        spread = values.new_zeros((self.rows, int(self.groups[-1].length), values.shape[-1]))
        order = self.order()
        return spread.index_put((rows, self.positions[order]), values[order])

    def order(self) -> Tensor:
        """Return where the caller's tokens, row after row, stand among the packed ones, (N,) int64."""
        lengths = self.lengths
        starts = torch.repeat_interleave(self.row_starts - (lengths.cumsum(0) - lengths), lengths)
        return starts + torch.arange(len(self.ids), device=self.ids.device)

    def first(self, values: Tensor) -> Tensor:
        """Take each row's first vector, (B, D), in the caller's order.

        Args:
            values: a vector per token, (N, D).
        """
        return values[self.row_starts]

    def mean(self, values: Tensor) -> Tensor:
        """Average each row's vectors, (B, D), in the caller's order.

        Args:
            values: a vector per token, (N, D).
        """
        if self.layout is not None:
            return self.layout.mean(values)
        means = torch.cat([piece.mean(1) for piece in self.by_group(values)])  # (B, D)
        return means[self._places()]

    def split(self, values: Tensor) -> list[Tensor]:
        """Return each row's vectors, (L, D), in the caller's order.

        Args:
            values: a vector per token, (N, D).
        """
        pieces = [row for piece in self.by_group(values) for row in piece.unbind(0)]
        return [pieces[place] for place in self._places().tolist()]

    def _places(self) -> Tensor:
        """Where each of the caller's rows stands among the sorted ones: rows start in sorted order."""
        return self.row_starts.argsort().argsort()


def _checked(index: int, row: IntArray) -> IntArray:
    if row.ndim != 1 or not np.issubdtype(row.dtype, np.integer):
        raise ShapeError(f"row {index} is {row.dtype} of shape {row.shape}: expected integers, (L,)")
    if row.size == 0:
        raise ShapeError(f"row {index} is empty: a row needs at least one token")
    return row


def _join(rows: Sequence[IntArray], order: IntArray) -> Tensor:
    joined = np.concatenate([rows[index] for index in order])
    return torch.from_numpy(joined.astype(np.int64, copy=False))
