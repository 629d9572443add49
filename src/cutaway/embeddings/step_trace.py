"""One training step as a tug of war: who pulls whom, which way, how hard.

Letters: C inputs, S outputs, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cutaway.core.trace import Recorder, Trace
from cutaway.embeddings.steps import Floats, Step, pull, sigmoid
from cutaway.embeddings.tug_picture import tug_picture

INPUTS, OUTPUTS, BOTH = ("input", "dimension"), ("output", "dimension"), ("input", "output")
Rows = tuple[Floats, Floats]


def trace_step(
    inputs: Floats, outputs: Floats, step: Step, rate: float, names: tuple[Sequence[str], Sequence[str]]
) -> Trace:
    """Return equation (1) of `steps.py` part by part, and the length of every arrow.

        arrow of output j on input i = rate · weight · |σ(s_ij) - y_j| · ‖u_j‖                (1)

    Args:
        inputs: (R, D) rows of inputs.
        outputs: (V, D) rows of outputs.
        step: who is asked about whom.
        rate: the learning rate.
        names: of the inputs and of the outputs.

    Returns:
        A trace with the arrays `v`, `u`, `scores`, `probabilities`, `labels`, `weights`, `errors`,
        `arrows` (C, S), `moves_v`, `moves_u`, `after` (scores when all have moved) and `losses` (C, S).

    Source:
        Mikolov et al. 2013, arXiv:1310.4546, equations 3 and 4.
    """
    rec = Recorder(f"one step: {' | '.join(names[0])} asked about {', '.join(names[1])}")
    rec.label("input", names[0])
    rec.label("output", names[1])
    done = pull(inputs.astype(np.float64), outputs.astype(np.float64), step, rate)
    v = rec.keep("v", done.v, axes=INPUTS, formula="v: rows of the table of inputs, or a mean")
    u = rec.keep("u", done.u, axes=OUTPUTS, formula="u: rows of the table of outputs")
    y = rec.keep("labels", step.labels, axes=("output",), formula="y = 1 for what stands there, 0 for noise")
    w = rec.keep(
        "weights", step.weights, axes=("output",), formula="w: how often it counts, 0 for noise that is true"
    )
    p = _trace_scores(rec, (v, u), y, w)
    g = rec.keep(
        "errors",
        rate * w * (y - p),
        axes=BOTH,
        formula="g = rate · w · (y - p)",
        inputs=("probabilities", "labels", "weights"),
    )
    _trace_moves(rec, (v, u), g)
    rec.fact("loss", done.loss)
    rec.fact("rate", rate)
    rec.draw(tug_picture)
    return rec.finish()


def _trace_scores(rec: Recorder, rows: Rows, y: Floats, w: Floats) -> Floats:
    """Keep what the outputs answer and what it costs; return the probabilities, (C, S)."""
    v, u = rows
    s = rec.keep("scores", v @ u.T, axes=BOTH, formula="s = v uᵀ", inputs=("v", "u"))
    p = rec.keep("probabilities", sigmoid(s), axes=BOTH, formula="p = σ(s)", inputs=("scores",))
    rec.keep(
        "losses",
        w * np.logaddexp(0, (1 - 2 * y) * s),
        axes=BOTH,
        formula="loss = -w log σ(±s), + where y = 1",
        inputs=("scores", "labels", "weights"),
    )
    return p


def _trace_moves(rec: Recorder, rows: Rows, g: Floats) -> None:
    """Keep who pulls whom how hard, from the errors g, (C, S), and the scores when all have moved."""
    v, u = rows
    rec.keep(
        "arrows",
        np.abs(g) * np.sqrt((u**2).sum(axis=1)),
        axes=BOTH,
        formula="arrow = rate · w · |p - y| · ‖u‖",
        inputs=("errors", "u"),
    )
    dv = rec.keep("moves_v", g @ u, axes=INPUTS, formula="Δv = g u", inputs=("errors", "u"))
    du = rec.keep("moves_u", g.T @ v, axes=OUTPUTS, formula="Δu = gᵀ v", inputs=("errors", "v"))
    rec.keep(
        "after",
        (v + dv) @ (u + du).T,
        axes=BOTH,
        formula="s' = (v + Δv)(u + Δu)ᵀ",
        inputs=("v", "u", "moves_v", "moves_u"),
    )
