"""What users hand over, made into what the room computes with, or refused in words."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cutaway.core.errors import DataError, FormatError, ShapeError, UsageError
from cutaway.embeddings.similarity import lengths, unit_rows


def as_floats(values: ArrayLike) -> NDArray[np.floating]:
    """Return an array of floats.

    Args:
        values: numbers, nested to any depth.

    Returns:
        The array itself if it is of floats, else a float64 copy.

    Raises:
        ShapeError: not numbers, or rows of different lengths.
    """
    try:
        array = np.asarray(values)
        return array if array.dtype.kind == "f" else array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"not an array of numbers: {error}") from error


def as_table(values: ArrayLike) -> NDArray[np.float32]:
    """Return a float32 array that nobody can change.

    Args:
        values: numbers.

    Returns:
        The array itself if it is read-only float32, which is taken on trust (a mapped file); else a
        copy, checked.

    Raises:
        DataError: a number is NaN or lies beyond float32.
    """
    array = as_floats(values)
    if array.dtype == np.float32 and not array.flags.writeable:
        return array.view()
    with np.errstate(over="ignore"):
        copy = np.array(array, dtype=np.float32)
    if not np.isfinite(copy).all():
        row = int(np.argwhere(~np.isfinite(copy))[0, 0])
        raise DataError(f"row {row} of the vectors holds NaN or a number beyond float32")
    copy.flags.writeable = False
    return copy


def finite_lengths(vectors: NDArray[np.float32], words: Sequence[str]) -> NDArray[np.float64]:
    """Read a whole table; return the length of each row.

    Args:
        vectors: (V, D) float32.
        words: the word of each row, for the message.

    Returns:
        (V,) float64, all finite.

    Raises:
        FormatError: a row holds NaN or infinity.
    """
    found = lengths(vectors)
    if not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found))[0])
        raise FormatError(f"row {row}, {words[row]!r}, holds NaN or infinity: the file is damaged")
    return found


def as_directions(queries: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return each row at length 1.

    Args:
        queries: (Q, D) float, of any lengths.

    Returns:
        (Q, D) float64.

    Raises:
        DataError: a row holds NaN or infinity, or is zero.
    """
    wide = queries.astype(np.float64)
    largest = np.abs(wide).max(axis=1, keepdims=True, initial=0.0)
    if not np.isfinite(largest).all():
        raise DataError("the vector holds NaN or infinity: it has no neighbors")
    if (largest == 0).any():
        raise DataError("the vector is zero: it has no direction and so no neighbors")
    return unit_rows(wide / largest)  # divided before squaring, which could overflow


def as_count(topn: int) -> int:
    """Return how many neighbors are asked for.

    Args:
        topn: a whole number.

    Returns:
        The same, as a Python int.

    Raises:
        UsageError: no whole number, or below 1.
    """
    try:
        count = operator.index(topn)
    except TypeError:
        raise UsageError(f"topn is {topn!r}: expected a whole number") from None
    if count < 1:
        raise UsageError(f"topn is {count}: ask for at least 1 neighbor")
    return count
