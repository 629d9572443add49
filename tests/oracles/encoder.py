"""One BERT block as Python loops over NumPy float64, straight from the papers; shares no code."""

from __future__ import annotations

from math import erf, exp, log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def attention(q: Matrix, k: Matrix, v: Matrix, causal: bool = False) -> Matrix:
    """Vaswani et al. 2017, equation 1, one query at a time."""
    mixed = []
    for t, query in enumerate(q):
        seen = range(t + 1) if causal else range(len(k))
        powers = [exp(float(query @ k[s]) / sqrt(len(query))) for s in seen]
        mixed.append(sum(power / sum(powers) * v[s] for power, s in zip(powers, seen, strict=True)))
    return np.array(mixed)


def normalize(x: Matrix, scale: Matrix, shift: Matrix, epsilon: float) -> Matrix:
    """Layer normalization, one vector at a time."""
    return np.array([scale * (row - row.mean()) / sqrt(row.var() + epsilon) + shift for row in x])


def gelu(x: float) -> float:
    """X times the standard normal distribution's cumulative probability."""
    return x * (1 + erf(x / sqrt(2))) / 2


def entropy(row: Any) -> float:
    """In nats."""
    return -sum(float(p) * log(float(p)) for p in row if p > 0)
