"""The outputs of a step in the kernels: the center and noise, or the nodes of its path, in tiles.

Which rows are asked about, with which labels and weights; what their scores say about the error and the
loss. Pieces of kernels, pasted where they are called; a kernel's cache does not notice a change here:
delete it after an edit.
"""

# numba types what runs here.
# mypy: disable-error-code="no-untyped-call, no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from cutaway.embeddings.vector_code import inlined


@inlined
def to_pulls(scores, labels, weights, tiles, groups, rate):
    """Turn scores s into rate · weight · (y - σ(s)), 16 at a time; `groups` of 16 share a tile's labels.

    σ(s) = ½ + ½ tanh(s / 2), and tanh as the quotient of Lambert's continued fraction, cut at ±4.9, where
    it is 1 to five digits: no table, no branch, no exponential.
    """
    half, low, high = np.float32(0.5), np.float32(-4.9), np.float32(4.9)
    for tile in range(np.uint64(tiles)):
        for group in range(np.uint64(groups)):
            at = (tile * np.uint64(groups) + group) * np.uint64(16)
            for lane in range(np.uint64(16)):
                x = min(max(half * scores[at + lane], low), high)
                y = x * x
                top = x * (np.float32(135135) + y * (np.float32(17325) + y * (np.float32(378) + y)))
                bottom = np.float32(135135) + y * (
                    np.float32(62370) + y * (np.float32(3150) + y * np.float32(28))
                )
                sigma = half + half * top / bottom
                place = tile * np.uint64(16) + lane
                scores[at + lane] = rate * weights[place] * (labels[place] - sigma)


@inlined
def loss_of(scores, labels, weights, tiles, inputs, places):
    """Return Σ -weight · log σ(±s) over some inputs' scores, in nats."""
    total = 0.0
    stride = inputs + inputs % 2 if places == 8 else inputs
    for tile in range(tiles):
        for c in range(inputs):
            for q in range(places):
                weight = weights[tile * 16 + q]
                if weight != 0:
                    s = np.float64(scores[(tile * stride + c) * places + q])
                    if labels[tile * 16 + q] > 0:
                        s = -s
                    total += weight * (max(s, 0.0) + math.log1p(math.exp(-abs(s))))
    return total


@inlined
def loss_alone(scores, rows, first, negatives, center):
    """Return -log σ(s) of the center, whose score is the last, and -Σ log σ(-s) of its noise, in nats."""
    total, product = 0.0, 1.0
    for q in range(negatives + 1):
        s = np.float64(scores[q])
        if q == negatives:
            s = -s
        if q == negatives or rows[first + q] != center:
            total += max(s, 0.0)
            product *= 1 + math.exp(-abs(s))  # 2 at most: few outputs need one logarithm
    return total + math.log(product)


@inlined
def own(row, hot, shift):
    """Return where a row stands: the first `hot` rows of a thread are its own, `shift` rows away."""
    number = np.int64(row)
    return number + shift if number < hot else number


@inlined
def set_output(rows, labels, weights, q, wide, places, row, label, weight):  # noqa: PLR0913
    """Make `row` the output q: its place in its tile, once for each input of a tile."""
    tile, lane = q // wide, q % wide
    rows[q] = row
    place = tile * 16 + lane
    labels[place] = label
    weights[place] = weight
    if places == 8:
        labels[place + 8] = label
        weights[place + 8] = weight


@inlined
def path_outputs(starts, nodes, wanted, word, rows, labels, weights, wide, places, spare):  # noqa: PLR0913
    """Make the nodes on a word's path the outputs; return the tiles they fill."""
    steps = starts[word + 1] - starts[word]
    for q in range(steps):
        at = starts[word] + q
        set_output(rows, labels, weights, q, wide, places, nodes[at], wanted[at], np.float32(1))
    full = (steps + wide - 1) // wide
    for q in range(steps, full * wide):
        set_output(rows, labels, weights, q, wide, places, spare, np.float32(0), np.float32(0))
    return full


@inlined
def noise_outputs(  # noqa: PLR0913
    word, drawn, first, negatives, rows, labels, weights, wide, places, spare, hot, shift
):
    """Make the center and its negatives the outputs; one that is the center itself weighs nothing."""
    place = own(word, hot, shift)
    set_output(rows, labels, weights, 0, wide, places, place, np.float32(1), np.float32(1))
    for q in range(negatives):
        row = np.int64(drawn[first + q])
        weight = np.float32(0) if row == word else np.float32(1)
        place = own(row, hot, shift)
        set_output(rows, labels, weights, q + 1, wide, places, place, np.float32(0), weight)
    full = (negatives + wide) // wide
    for q in range(negatives + 1, full * wide):
        set_output(rows, labels, weights, q, wide, places, spare, np.float32(0), np.float32(0))
    return full
