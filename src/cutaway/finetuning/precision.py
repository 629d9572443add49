"""Which precision predicts: the fastest whose answers agree with float32's, tried on the user's own texts.

Legend: B rows tried, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import UsageError
from cutaway.transformers.products import Precision, faster_precisions, works_here

if TYPE_CHECKING:
    from cutaway.finetuning.classifier import Classifier
    from cutaway.finetuning.inputs import Row

Asked = Literal["auto", "float32", "bfloat16", "int16", "int8"]

# A precision whose answers move further than this from float32's is not used.
MOST_MOVED = 0.01
TRIED_ROWS = 64
TRIED_TOKENS = 4096
# Of less than this the trial would cost more than it gains.
WORTH_TOKENS = 16 * TRIED_TOKENS


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The precision to predict in.

    Attributes:
        precision: of the products.
        note: why it is not the one that was asked for; empty if it is.
    """

    precision: Precision
    note: str = ""


def check_precision(asked: str) -> Asked:
    """Return the name of a precision if it is one.

    Args:
        asked: what a user wrote.

    Raises:
        UsageError: it is none.
    """
    if asked not in get_args(Asked):
        raise UsageError(f"precision must be one of {', '.join(get_args(Asked))}, not {asked!r}")
    return cast(Asked, asked)


def choose_precision(classifier: Classifier, rows: Sequence[Row], asked: Asked) -> Chosen:
    """Try what was asked for on some of the rows; keep float32 where the answers differ.

    Args:
        classifier: whose answers count.
        rows: what will be predicted; up to 64 of them, 4,096 tokens, are tried.
        asked: a precision, or "auto" for the fastest that agrees: those that are faster than float32 here are
            tried one after another.

    Returns:
        What to use, and why if it is something else.
    """
    if asked != "auto" and not works_here(asked):
        return Chosen(precision="float32", note=f"this machine has no products in {asked}: float32 is used")
    wanted = _wanted(classifier, rows, asked)
    if not wanted:
        return Chosen(precision="float32")
    tried, note = _sample(rows), ""
    exact = _answers(classifier, tried, "float32")
    for precision in wanted:
        moved = float(np.abs(_answers(classifier, tried, precision) - exact).max())
        if moved <= MOST_MOVED:
            return Chosen(precision=precision)
        reason = f"{precision} moves a probability by {moved:.3f} on {len(tried)} of these texts"
        note = f"{reason}, more than {MOST_MOVED}: float32 is used"
    return Chosen(precision="float32", note=note)


def _wanted(classifier: Classifier, rows: Sequence[Row], asked: Asked) -> list[Precision]:
    """What to try, the fastest first; nothing where float32 is wanted or a trial is not worth it."""
    if asked != "auto":
        return [asked] if rows and asked != "float32" else []
    if sum(len(row) for row in rows[: WORTH_TOKENS // 3 + 1]) < WORTH_TOKENS:
        return []
    config = classifier.encoder.config.block
    return faster_precisions(config.width, config.feed_forward)


def _sample(rows: Sequence[Row]) -> list[Row]:
    """Rows from all over, as many as are tried."""
    found: list[Row] = []
    tokens = 0
    for at in np.linspace(0, len(rows) - 1, min(TRIED_ROWS, len(rows))).astype(int).tolist():
        row = rows[at]
        if found and tokens + len(row) > TRIED_TOKENS:
            break
        found.append(row)
        tokens += len(row)
    return found


def _answers(classifier: Classifier, rows: Sequence[Row], precision: Precision) -> NDArray[np.float32]:
    found = np.zeros((len(rows), len(classifier.settings.labels)), dtype=np.float32)
    for at, answer in classifier.predict_rows(rows, precision=precision):
        found[at] = answer
    return found
