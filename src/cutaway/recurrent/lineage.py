"""Where a memory comes from: a gated state is a sum of old writes, each worn down by what followed.

Legend: T steps, H hidden units.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, ShapeError, UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.recurrent.rows import kept_name

# A sum of writes further from the state than this, beside the state's own size, is no rounding.
WRONG = 1e-4

Values = NDArray[np.float64]


class _Memory(NamedTuple):
    """Which arrays of a trace keep, write, and hold."""

    keeps: str
    state: str
    formula: str
    reads: tuple[str, ...]


LSTM_MEMORY = _Memory(
    "forget_gate",
    "cell",
    "A[t,s] = (∏ f_k, s < k ≤ t) ⊙ i_s ⊙ g_s",
    ("forget_gate", "input_gate", "candidate"),
)
GRU_MEMORY = _Memory(
    "update_gate",
    "hidden",
    "A[t,s] = (∏ z_k, s < k ≤ t) ⊙ (1 − z_s) ⊙ n_s",
    ("update_gate", "candidate"),
)


def lineage(trace: Trace, suffix: str = "_l0", start: NDArray[Any] | None = None) -> Trace:
    """Split every state into the writes that made it.

        LSTM:  A[t,s] = (∏ f_k, s < k ≤ t) ⊙ i_s ⊙ g_s          Σ_s A[t,s] = cₜ            (1)
        GRU:   A[t,s] = (∏ z_k, s < k ≤ t) ⊙ (1 − z_s) ⊙ n_s    Σ_s A[t,s] = hₜ            (2)

    Both are the state equation unrolled, with nothing left out: what is left of the state before the
    first step is kept apart, and is zero if that was. The gates depend on earlier states themselves:
    a lineage says what the state consists of, not what caused the gates. An RNN has none: its
    state passes through tanh at every step, so that no sum of writes stays a sum.

    Takes 8·T²·H bytes: 20 MB for 160 steps of 96 units.

    Args:
        trace: of an LSTM or a GRU, or any trace that holds one.
        suffix: which direction and layer: "_l0", "_l1_reverse".
        start: the state before the first step (an LSTM's cell), (H) float; zero if not given.

    Returns:
        "lineage" (T, T, H): row t, column s, what of step t's state was written at step s, in the
        direction's own order of reading; "left_of_start" (T, H); "sums" (T, H), equal to the state;
        "shares" (T, T): Σ |A[t,s]| over the units, each row divided by its sum, so that it can be read
        as one reads attention; a table "memory": for each step, which write weighs most and its
        share, and how many steps back half of all the weight lies. Fact "largest_error": how far sums
        and state differ anywhere.

    Raises:
        UsageError: the trace holds no gated layer of that suffix.
        ShapeError: start is not (H).
        DataError: the sums are not the state: the trace began from another start, or its numbers
            overflowed.

    Source:
        Equation (1) unrolls Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000;
        as a weighted sum beside attention: Levy et al. 2018, arXiv:1805.03716.

    Example:
        >>> import torch
        >>> from cutaway.recurrent.lstm import LSTM
        >>> trace = LSTM(2, 3).trace(torch.ones(4, 2))
        >>> bool(np.allclose(lineage(trace)["lineage"].sum(axis=1), trace["cell"], atol=1e-6))
        True
    """
    memory = _memory(trace, suffix)
    keeps, state = (_values(trace, name, suffix) for name in (memory.keeps, memory.state))
    written = _written(trace, memory, suffix)  # (T, H)
    steps, units = state.shape
    left = np.zeros(units) if start is None else np.asarray(start, dtype=np.float64)  # (H)
    if left.shape != (units,):
        raise ShapeError(f"the start has shape {left.shape}: expected ({units},)")
    rec = Recorder(f"lineage of {kept_name(memory.state, suffix)}: {steps} steps, {units} units")
    axes = "step_reverse" if suffix.endswith("_reverse") else "position"
    held = np.zeros((steps, units))  # (T, H)
    inputs = tuple(kept_name(name, suffix) for name in memory.reads)
    for t in range(steps):
        held, left = held * keeps[t], left * keeps[t]  # what was there wears down
        held[t] = written[t]  # and one write joins it
        rec.keep_row("lineage", held, axes=(axes, "written", "unit"), formula=memory.formula, inputs=inputs)
        rec.keep_row("left_of_start", left, axes=(axes, "unit"), formula="(∏ keep_k, k ≤ t) ⊙ start")
    return _summed(rec, state, trace.labels.get(axes, ()))


def _summed(rec: Recorder, state: Values, labels: tuple[str, ...]) -> Trace:
    """Add the sums, the shares, and the table."""
    so_far = rec.finish()
    writes, left = so_far["lineage"], so_far["left_of_start"]
    axis = so_far.arrays["lineage"].axes[0]
    reads = ("lineage", "left_of_start")
    sums = rec.keep(
        "sums", writes.sum(axis=1) + left, axes=(axis, "unit"), formula="Σ_s A[t,s] + left", inputs=reads
    )  # (T, H)
    error = float(np.abs(sums - state).max())
    if not error <= WRONG * max(1.0, float(np.abs(state).max())):
        raise DataError(
            f"the writes sum to something {error:.3g} away from the state: give the start that the trace "
            "began from"
        )
    weight = np.abs(writes).sum(axis=2)  # (T, T)
    total = np.maximum(weight.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)  # (T, 1)
    shares = rec.keep(
        "shares",
        weight / total,
        axes=(axis, "written"),
        formula="share[t,s] = Σ_u |A[t,s,u]| / Σ_s Σ_u |A[t,s,u]|",
        inputs=("lineage",),
    )  # (T, T)
    rec.table(
        "memory",
        ("step", "label", "heaviest write", "its label", "its share", "half of it within"),
        [_line(t, shares[t], labels) for t in range(len(shares))],
        formula="the heaviest share, and the least n with Σ share[t,s] ≥ ½ over t − n < s ≤ t",
        inputs=("shares",),
    )
    rec.label(axis, labels)
    rec.label("written", labels)
    rec.fact("largest_error", error)
    return rec.finish()


def _line(t: int, shares: Values, labels: tuple[str, ...]) -> tuple[str | int | float | None, ...]:
    """One row of the table "memory"."""
    heaviest = int(shares.argmax())
    within = int(np.searchsorted(np.cumsum(shares[t::-1]), 0.5) + 1)
    named = [labels[at] if at < len(labels) else None for at in (t, heaviest)]
    return t, named[0], heaviest, named[1], float(shares[heaviest]), min(within, t + 1)


def _memory(trace: Trace, suffix: str) -> _Memory:
    for memory in (LSTM_MEMORY, GRU_MEMORY):
        if all(kept_name(name, suffix) in trace.arrays for name in (*memory.reads, memory.state)):
            return memory
    raise UsageError(f"this trace holds no gates of an LSTM or GRU under {suffix!r}: {sorted(trace.arrays)}")


def _written(trace: Trace, memory: _Memory, suffix: str) -> Values:
    """What each step wrote, (T, H)."""
    if memory is LSTM_MEMORY:
        return _values(trace, "input_gate", suffix) * _values(trace, "candidate", suffix)
    return (1 - _values(trace, "update_gate", suffix)) * _values(trace, "candidate", suffix)


def _values(trace: Trace, name: str, suffix: str) -> Values:
    return trace[kept_name(name, suffix)].astype(np.float64)
