"""Attention rollout: the weights of all layers multiplied, as if attention were all that moves information.

Legend: L layers, H heads, T tokens.
"""

from __future__ import annotations

import numpy as np

from cutaway.core.trace import Recorder, Trace


def rollout(trace: Trace) -> Trace:
    """Follow attention from each layer's tokens back to the input's.

        Āˡ = (Aˡ + I) / 2,   Aˡ the mean over the heads;   Rˡ = Āˡ Rˡ⁻¹,   R⁰ = I                  (1)

    The half of I stands for the residual connection. Each row of R is a mixture of the input's tokens. It
    knows nothing of what the heads write: equal weights have one rollout, whatever the answer.

    Args:
        trace: of one text, with `weights`.

    Returns:
        A trace of ("layer", "query", "key") arrays: `with_residual`, Ā, and `rollout`, R.

    Source:
        Abnar and Zuidema 2020, arXiv:2005.00928, section 3, equation 1.
    """
    rec = Recorder("attention rollout")
    for axis in ("query", "key"):
        if axis in trace.labels:
            rec.label(axis, trace.labels[axis])
    weights = trace["weights"].astype(np.float64)
    reached = ones = np.eye(weights.shape[-1])
    for layer in weights:
        mixed = rec.keep_row(
            "with_residual",
            (layer.mean(0) + ones) / 2,
            axes=("layer", "query", "key"),
            formula="Ā = (mean over the heads of A + I) / 2",
            inputs=("weights",),
        )
        reached = rec.keep_row(
            "rollout",
            mixed @ reached,
            axes=("layer", "query", "key"),
            formula="Rˡ = Āˡ Rˡ⁻¹",
            inputs=("with_residual",),
        )
    return rec.finish()
