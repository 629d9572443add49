"""Numbers of an attention head changed by hand, and everything after them computed again.

Legend: T tokens, d numbers a head.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cutaway.core.errors import UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.lab.figures.why import check_index

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# What may be set, in the order of the computation.
SETTABLE = ("q", "k", "v", "scores")


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One number that is set by hand.

    Attributes:
        array: "q", "k", "v" or "scores".
        row: of it.
        column: of it.
        value: what it is set to.
    """

    array: str
    row: int
    column: int
    value: float


def edited(head: Trace, edits: Sequence[Edit]) -> Trace:
    """Set numbers of one head, and compute what follows from them.

        s = q kᵀ / √d,   w = softmax(s),   mixed = w v                    (1)

    A score that is set stays as set, whatever its query and key say.

    Args:
        head: with q, k, v, mixed (T, d), scores, weights (T, T).
        edits: the numbers; of two for one cell the later holds.

    Returns:
        The trace with the arrays as they then are, and `mixed_change` (T, d): the output as set less as
        computed.

    Raises:
        UsageError: an array cannot be set, or has no such cell.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.2.1, equation 1.
    """
    arrays = {name: head[name].astype(np.float64) for name in SETTABLE}
    for edit in edits:
        if edit.array not in SETTABLE:
            raise UsageError(f"{edit.array!r} cannot be set: {', '.join(SETTABLE)} can")
        check_index(edit.array, head[edit.array].shape, (edit.row, edit.column))
    _set(arrays, edits, ("q", "k", "v"))
    touched = [edit for edit in edits if edit.array in ("q", "k")]
    if touched:
        scores = arrays["q"] @ arrays["k"].T / math.sqrt(arrays["q"].shape[1])  # (T, T)
        # Rows and columns that no edit reaches keep the model's own numbers, to the last digit.
        rows = [edit.row for edit in touched if edit.array == "q"]
        columns = [edit.row for edit in touched if edit.array == "k"]
        arrays["scores"][rows] = scores[rows]
        arrays["scores"][:, columns] = scores[:, columns]
    _set(arrays, edits, ("scores",))
    exps = np.exp(arrays["scores"] - arrays["scores"].max(axis=1, keepdims=True))  # (T, T)
    weights = exps / exps.sum(axis=1, keepdims=True)  # (T, T)
    mixed = weights @ arrays["v"]  # (T, d)
    made = {**arrays, "weights": weights, "mixed": mixed}
    kept = {name: replace(head.arrays[name], values=values) for name, values in made.items()}
    rec = Recorder(f"{head.title}, {len(edits)} numbers set by hand")
    rec.include(replace(head, arrays={**head.arrays, **kept}))
    rec.keep(
        "mixed_change",
        mixed - head["mixed"],
        axes=head.arrays["mixed"].axes,
        formula="w v as set − w v as computed",
        inputs=("weights", "v"),
    )
    return rec.finish()


def lines_of(edits: Sequence[Edit]) -> tuple[str, ...]:
    """Return the Python that sets the numbers of `trace`, one head, and computes what follows.

    Args:
        edits: as for `edited`.
    """
    setting = [
        f"{edit.array}[{edit.row}, {edit.column}] = {edit.value!r}"
        for name in SETTABLE
        for edit in edits
        if edit.array == name
    ]
    early = [line for line in setting if not line.startswith("scores")]
    late = [line for line in setting if line.startswith("scores")]
    return (
        *early,
        "scores = q @ k.T / np.sqrt(q.shape[1])",
        *late,
        "weights = np.exp(scores - scores.max(axis=1, keepdims=True))",
        "weights /= weights.sum(axis=1, keepdims=True)",
        "weights @ v  # the output with these numbers",
    )


def _set(arrays: dict[str, Floats], edits: Sequence[Edit], names: Sequence[str]) -> None:
    for edit in edits:
        if edit.array in names:
            arrays[edit.array][edit.row, edit.column] = edit.value
