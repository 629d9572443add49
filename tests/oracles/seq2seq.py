"""One decoder step of an encoder-decoder in plain NumPy, from the papers' equations; shares no code."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = Mapping[str, Array]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    shifted = np.exp(x - x.max())
    return shifted / shifted.sum()


def first_state(w: Weights, last: Array) -> Array:
    return np.tanh(w["first.weight"] @ last + w["first.bias"])


def energies(w: Weights, score: str, state: Array, sources: Array) -> Array:
    """Bahdanau et al. 2015, A.1.2; Luong et al. 2015, equation 8."""
    if score == "dot":
        return np.array([state @ h for h in sources])
    show = w["attention.show.weight"]
    if score == "general":
        return np.array([state @ (show @ h) for h in sources])
    ask, weigh = w["attention.ask.weight"], w["attention.weigh"]
    return np.array([weigh @ np.tanh(ask @ state + show @ h + w["attention.show.bias"]) for h in sources])


def step(w: Weights, word: Array, state: Array, context: Array) -> tuple[Array, Array]:
    """The next state and the readout; rows of the GRU's weights stand in the order r, z, n."""
    x = np.concatenate([word, context])
    given = w["gru.weight_ih_l0"] @ x + w["gru.bias_ih_l0"]
    past = w["gru.weight_hh_l0"] @ state + w["gru.bias_hh_l0"]
    size = len(state)
    r = sigmoid(given[:size] + past[:size])
    z = sigmoid(given[size : 2 * size] + past[size : 2 * size])
    n = np.tanh(given[2 * size :] + r * past[2 * size :])
    state = z * state + (1 - z) * n
    readout = np.tanh(w["readout.weight"] @ np.concatenate([state, word, context]) + w["readout.bias"])
    return state, readout
