"""Sequences of different lengths as one packed batch: no step is ever computed for padding.

A packed batch stands time-major: the first vectors of all sequences, longest sequence first, then the
second vectors of those that have one, and so on. `batch_sizes[t]` says how many sequences reach step t.

Legend: B sequences, T steps of the longest, N steps in all, E numbers in a vector.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence, unpack_sequence

from cutaway.core.errors import DataError, ShapeError


def pack(rows: Sequence[Tensor]) -> PackedSequence:
    """Pack sequences into one batch, in any order of lengths.

        (a b c), (d)  ->  data (a d b c), batch_sizes (2 1 1)

    Args:
        rows: B sequences, each (T, E) float with its own T of at least 1.

    Returns:
        The packed batch, which remembers the order of the rows.

    Raises:
        ShapeError: there is no row, a row has length 0, or the rows differ in width.

    Example:
        >>> packed = pack([torch.zeros(1, 2), torch.ones(3, 2)])
        >>> packed.batch_sizes.tolist(), packed.data[:, 0].tolist()
        ([2, 1, 1], [1.0, 0.0, 1.0, 1.0])
    """
    if not rows:
        raise ShapeError("a batch needs at least one sequence, and this one has none")
    for at, row in enumerate(rows):
        if row.ndim != 2 or row.shape[1] != rows[0].shape[-1]:
            raise ShapeError(
                f"sequence {at} has shape {tuple(row.shape)}, the first {tuple(rows[0].shape)}: "
                "each must be (steps, width) with one width"
            )
        if len(row) == 0:
            raise ShapeError(f"sequence {at} of {len(rows)} has length 0: leave it out")
    return pack_sequence(list(rows), enforce_sorted=False)


def unpack(packed: PackedSequence) -> list[Tensor]:
    """Return the sequences of a packed batch, each (T, E), in the order they were given.

    Args:
        packed: what `pack` returned, or a network made of it.

    Returns:
        B sequences.

    Example:
        >>> [row.shape[0] for row in unpack(pack([torch.zeros(1, 2), torch.ones(3, 2)]))]
        [1, 3]
    """
    return unpack_sequence(packed)


def check_finite(x: Tensor, what: str) -> None:
    """Refuse NaN and infinity, which would silently reach every later step.

    Args:
        x: any shape, float.
        what: what the array is, for the message.

    Raises:
        DataError: a number is not finite.
    """
    # One pass in place of three: a sum of finite numbers is finite, but for rare overflow.
    if not torch.isfinite(x.sum()) and not torch.isfinite(x).all():
        at = (~torch.isfinite(x)).nonzero()[0].tolist()
        raise DataError(f"{what} hold {x[tuple(at)].item()} at {at}: only finite numbers can be read")
