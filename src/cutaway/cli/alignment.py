"""Where a decoder looked in its source, drawn for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutaway.cli.attend import SHADES, shade
from cutaway.core.errors import UsageError

if TYPE_CHECKING:
    from rich.text import Text

    from cutaway.core.trace import Trace

_LABEL = 14


def draw_alignment(trace: Trace) -> Text:
    """Return the alignment as a grid: a row a target token, a column a source token.

    Args:
        trace: of a pair, by a network with attention.

    Returns:
        Something to print with rich; each row ends with the source token of the greatest weight.

    Raises:
        UsageError: the network has no alignment.
    """
    from rich.text import Text

    if "alignment" not in trace.arrays:
        raise UsageError("this network keeps no alignment: only a recurrent one with attention does")
    weights = trace["alignment"]
    sources, targets = trace.labels["position"], trace.labels["target"]
    lines = []
    for row, target in zip(weights, targets, strict=True):
        cells = "".join(2 * shade(float(weight)) for weight in row)
        at = int(row.argmax())
        lines.append(f"{target[:_LABEL]:>{_LABEL}} {cells}  → {sources[at]} {row[at]:.2f}")
    columns = " ".join(f"{at}:{token}" for at, token in enumerate(sources))
    legend = "  ".join(f"{mark} {bound:g}" for bound, mark in SHADES[1:])
    ruler = " " * (_LABEL + 1) + "".join(f"{at:<2}"[:2] for at in range(len(sources)))
    return Text("\n".join([columns, ruler, *lines, f"{'':>{_LABEL}} weight at least: {legend}"]))
