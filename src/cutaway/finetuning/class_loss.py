"""Cross-entropy over classes: smoothed labels, and classes that weigh more because they are rare.

Legend: B rows, C classes.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

ClassWeights = Literal["none", "balanced"]


def class_weights(truth: NDArray[np.int64], classes: int, kind: ClassWeights) -> Tensor | None:
    """Return what a row of each class weighs in the loss.

        w_c = B / (C · B_c),   B_c rows of class c

    Args:
        truth: each row's class, (B,) int64.
        classes: C.
        kind: "balanced" as above; "none" weighs all rows the same.

    Returns:
        (C,) float, or none; over all rows the mean weight is 1.

    Source:
        King & Zeng 2001, "Logistic regression in rare events data", section 4.2.

    Example:
        >>> class_weights(np.array([0, 0, 0, 1]), 2, "balanced")
        tensor([0.6667, 2.0000])
    """
    if kind == "none":
        return None
    counts = np.bincount(truth, minlength=classes)
    return torch.from_numpy(len(truth) / (classes * np.maximum(counts, 1))).float()


def class_loss(
    logits: Tensor, truth: Tensor, *, weights: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """Return the mean cross-entropy, in nats.

        loss = − Σ_b Σ_c w_c q_bc ln softmax(z_b)_c / B,   q_b = (1 − s) onehot(y_b) + s / C

    Departs: torch divides by the sum of the weights in the batch; here it is B, so that batches whose
    gradients are added weigh each row as one large batch would.

    Args:
        logits: (B, C) float.
        truth: (B,) int64.
        weights: of the classes, (C,) float.
        smoothing: s.

    Returns:
        A scalar.

    Source:
        Szegedy et al. 2016, arXiv:1512.00567, section 7 (label smoothing).
    """
    if weights is None:
        return functional.cross_entropy(logits, truth, label_smoothing=smoothing)
    each = functional.cross_entropy(
        logits, truth, weight=weights, label_smoothing=smoothing, reduction="none"
    )  # (B,)
    return each.mean()
