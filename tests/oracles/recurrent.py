"""One direction of RNN, GRU and LSTM in plain Python numbers, from the equations; shares no code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, tanh

Row = Sequence[float]
Kept = dict[str, list[list[float]]]
Run = Callable[[Sequence[Row], Sequence[Row], Sequence[Row], tuple[Row, Row]], Kept]


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def product(rows: Sequence[Row], vector: Row, bias: Row) -> list[float]:
    """rows · vector + bias"""
    return [
        sum(w * v for w, v in zip(row, vector, strict=True)) + b for row, b in zip(rows, bias, strict=True)
    ]


def keep(kept: Kept, **values: list[float]) -> None:
    for name, value in values.items():
        kept.setdefault(name, []).append(value)


def rnn(xs: Sequence[Row], ih: Sequence[Row], hh: Sequence[Row], biases: tuple[Row, Row]) -> Kept:
    h, kept = [0.0] * len(ih), Kept()
    for x in xs:
        seen, past = product(ih, x, biases[0]), product(hh, h, biases[1])
        h = [tanh(a + b) for a, b in zip(seen, past, strict=True)]
        keep(kept, hidden=h)
    return kept


def gru(xs: Sequence[Row], ih: Sequence[Row], hh: Sequence[Row], biases: tuple[Row, Row]) -> Kept:
    """The weights' rows stand in torch's order r, z, n."""
    size = len(ih) // 3
    h, kept = [0.0] * size, Kept()
    for x in xs:
        seen, past = product(ih, x, biases[0]), product(hh, h, biases[1])
        r = [sigmoid(seen[u] + past[u]) for u in range(size)]
        z = [sigmoid(seen[size + u] + past[size + u]) for u in range(size)]
        n = [tanh(seen[2 * size + u] + r[u] * past[2 * size + u]) for u in range(size)]
        h = [z[u] * h[u] + (1 - z[u]) * n[u] for u in range(size)]
        keep(kept, reset_gate=r, update_gate=z, candidate=n, hidden=h)
    return kept


def lstm(xs: Sequence[Row], ih: Sequence[Row], hh: Sequence[Row], biases: tuple[Row, Row]) -> Kept:
    """The weights' rows stand in torch's order i, f, g, o."""
    size = len(ih) // 4
    h, c, kept = [0.0] * size, [0.0] * size, Kept()
    for x in xs:
        seen, past = product(ih, x, biases[0]), product(hh, h, biases[1])
        sums = [a + b for a, b in zip(seen, past, strict=True)]
        i = [sigmoid(value) for value in sums[:size]]
        f = [sigmoid(value) for value in sums[size : 2 * size]]
        g = [tanh(value) for value in sums[2 * size : 3 * size]]
        o = [sigmoid(value) for value in sums[3 * size :]]
        c = [f[u] * c[u] + i[u] * g[u] for u in range(size)]
        h = [o[u] * tanh(c[u]) for u in range(size)]
        keep(kept, input_gate=i, forget_gate=f, candidate=g, output_gate=o, cell=c, hidden=h)
    return kept


RUNS: dict[str, Run] = {"RNN": rnn, "GRU": gru, "LSTM": lstm}
