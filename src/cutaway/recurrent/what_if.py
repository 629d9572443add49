"""Set a gate by hand and see what changes from there on.

Legend: T steps, E numbers in, H hidden units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from cutaway.core.trace import Recorder, Trace
from cutaway.recurrent.gru import GRU
from cutaway.recurrent.lstm import LSTM
from cutaway.recurrent.rnn import RNN
from cutaway.recurrent.rows import Override, kept_name


def what_if(layer: RNN | GRU | LSTM, x: Tensor, overrides: Sequence[Override], state: Any = None) -> Trace:
    """Read a sequence as it is and with gates set by hand, and record the difference.

    Every later equation runs anew from the value that was set, so the change is exact, not estimated.

    Args:
        layer: what reads.
        x: one sequence, (T, E) float.
        overrides: the gates that are set.
        state: to start from, as `layer.trace` takes it.

    Returns:
        All arrays of the changed run; for each of them under "change_" and its name the changed run
        minus the plain one; and a table "downstream": for each state and step the length of the
        change, its largest unit, and how that one changed.

    Example:
        >>> import torch
        >>> closed = Override(gate="output_gate", step=1, unit=0, value=0.0)
        >>> trace = what_if(LSTM(2, 3), torch.ones(4, 2), [closed])
        >>> bool(trace["hidden"][1, 0] == 0), bool(abs(trace["change_hidden"][0]).max() == 0)
        (True, True)
    """
    plain = layer.trace(x, state)
    changed = layer.trace(x, state, overrides)
    rec = Recorder(f"{changed.title}, {len(overrides)} gates set by hand")
    rec.include(changed)
    for name, array in changed.arrays.items():
        if name != "inputs":
            rec.keep(
                f"change_{name}",
                array.values - plain[name],
                axes=array.axes,
                formula=f"{name} with the gates as set − {name} as computed",
                inputs=(name,),
            )
    states = [
        kept_name(name, suffix)
        for suffix in layer.suffixes
        for name in ("cell", "hidden")
        if name in layer.equations
    ]
    found = rec.finish()
    rec.table(
        "downstream",
        ("state", "step", "length of change", "unit", "its change"),
        [row for name in states for row in _lines(name, found[f"change_{name}"])],
        formula="‖change[t]‖, and the unit with the largest one",
        inputs=tuple(f"change_{name}" for name in states),
    )
    return rec.finish()


def _lines(name: str, change: np.ndarray[Any, Any]) -> list[tuple[str, int, float, int, float]]:
    largest = np.abs(change).argmax(axis=1)
    return [
        (name, t, float(np.linalg.norm(row)), int(unit), float(row[unit]))
        for t, (row, unit) in enumerate(zip(change, largest, strict=True))
    ]
