"""One LSTM direction in plain Python numbers, straight from the equations; shares no code."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, tanh

Row = Sequence[float]

NAMES = ("input_gate", "forget_gate", "candidate", "output_gate", "cell", "hidden")


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def run(
    xs: Sequence[Row], weight_ih: Sequence[Row], weight_hh: Sequence[Row], biases: tuple[Row, Row]
) -> dict[str, list[list[float]]]:
    """Return every gate and state of every step; the weights' rows stand in torch's order i, f, g, o."""
    size = len(weight_ih) // 4
    h, c = [0.0] * size, [0.0] * size
    kept: dict[str, list[list[float]]] = {name: [] for name in NAMES}
    for x in xs:
        sums = [
            sum(w * v for w, v in zip(weight_ih[row], x, strict=True))
            + sum(u * v for u, v in zip(weight_hh[row], h, strict=True))
            + biases[0][row]
            + biases[1][row]
            for row in range(4 * size)
        ]
        i = [sigmoid(value) for value in sums[:size]]
        f = [sigmoid(value) for value in sums[size : 2 * size]]
        g = [tanh(value) for value in sums[2 * size : 3 * size]]
        o = [sigmoid(value) for value in sums[3 * size :]]
        c = [f[u] * c[u] + i[u] * g[u] for u in range(size)]
        h = [o[u] * tanh(c[u]) for u in range(size)]
        for name, values in zip(NAMES, (i, f, g, o, c, h), strict=True):
            kept[name].append(values)
    return kept
