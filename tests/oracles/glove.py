"""GloVe by its equations: plain loops over cells, float64."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


class PlainGloVe:
    """Vectors, biases and AdaGrad sums apart, one cell at a time."""

    def __init__(self, w: NDArray, c: NDArray, b: NDArray, d: NDArray, eta: float = 0.05) -> None:
        self.w, self.c, self.b, self.d = (np.array(x, dtype=np.float64) for x in (w, c, b, d))
        self.gw, self.gc = np.ones_like(self.w), np.ones_like(self.c)
        self.gb, self.gd = np.ones_like(self.b), np.ones_like(self.d)
        self.eta = eta

    def loss(self, i: int, j: int, x: float, x_max: float = 100.0, alpha: float = 0.75) -> float:
        weight = 1.0 if x >= x_max else (x / x_max) ** alpha
        return weight * self.error(i, j, x) ** 2

    def error(self, i: int, j: int, x: float) -> float:
        return float(self.w[i] @ self.c[j] + self.b[i] + self.d[j] - math.log(x))

    def step(self, i: int, j: int, x: float, x_max: float = 100.0, alpha: float = 0.75) -> float:
        weight = 1.0 if x >= x_max else (x / x_max) ** alpha
        error = self.error(i, j, x)
        pull = self.eta * weight * error
        steps = (
            (self.w, self.gw, i, pull * self.c[j]),
            (self.c, self.gc, j, pull * self.w[i]),
            (self.b, self.gb, i, pull),
            (self.d, self.gd, j, pull),
        )
        for values, sums, at, size in steps:
            values[at] -= size / np.sqrt(sums[at])
            sums[at] += size**2
        return 0.5 * weight * error**2
