"""The compiled inner loop of skip-gram where each pair has noise of its own: `steps.py`, pair by pair.

A word, its center and few negatives stand in registers while their scores are summed up, and once more while
they move: no row is copied. Tables and their rows are those of `training_kernels`; what is said there of the
length of kernels and of threads goes for this one.
"""

# numba types what runs here; to a type checker its intrinsics are plain functions of other arguments.
# mypy: disable-error-code="call-arg, no-untyped-call, no-untyped-def, unreachable"

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.embeddings.output_code import loss_alone, loss_of, noise_outputs, own, to_pulls
from cutaway.embeddings.training_kernels import (
    AHEAD_INPUTS,
    AHEAD_OUTPUTS,
    LOOP,
    LOSS_EVERY,
    STRIDE,
    plan_sentence,
)
from cutaway.embeddings.vector_code import (
    add_row,
    copy_row,
    inlined,
    prefetch_row,
    pull_tiles,
    score_tiles,
    step_alone,
)

FEW = 7  # so many negatives and the center are done in one go


@inlined
def around(i, n, reach):
    """Return how many words stand within reach of word i of n."""
    return min(i, reach) + min(n - 1 - i, reach)


def pair_skip_gram(D: int, N: int, Q: int) -> Any:  # noqa: N803
    """Compile skip-gram: a context word the input, the center and the pair's noise the outputs.

    Args:
        D: floats in a row, a multiple of 16.
        N: negatives in a set.
        Q: outputs in a tile, at most 16, for more negatives than are done in one go.

    Returns:
        The kernel.
    """
    few = min(N, FEW)

    @kernel(LOOP, arrays="borrowed")
    def train(corpus, chances, paths, bags, tables, sentence, tiles, span, key, rates, sums):  # noqa: PLR0913
        ids, starts = corpus
        inputs, outputs = tables
        words, reaches, drawn = sentence
        X, A, scores, rows, labels, weights = tiles  # noqa: N806
        first, last, window, sets, done = span[0], span[1], span[2], span[9], span[4]
        hot, near, hot_outputs, far = span[5], span[6], span[7], span[8]
        spare = len(chances[2])
        for s in range(first, last):
            rate = np.float32(max(rates[1], rates[0] - rates[2] * (done + starts[s])))
            state = key + np.uint64(s) * STRIDE
            n = plan_sentence(ids, starts[s], starts[s + 1], chances, window, sets * N, state, sentence)
            if N <= FEW:
                for k in range(n * sets * N):
                    rows[k] = own(drawn[k], hot_outputs, far)
            for i in range(n):
                prefetch_row(inputs, own(words[min(i + AHEAD_INPUTS, n - 1)], hot, near), D)
                prefetch_row(outputs, own(words[min(i + AHEAD_OUTPUTS, n - 1)], hot_outputs, far), D)
                ahead = min(i + 1, n - 1)
                taken = around(ahead, n, reaches[ahead])
                for k in range(((ahead + 1) * sets - taken) * N, (ahead + 1) * sets * N):
                    prefetch_row(outputs, rows[k] if N <= FEW else np.int64(drawn[k]), D)
                word = np.int64(words[i])
                center = own(word, hot_outputs, far)
                noise = (i + 1) * sets - 1
                for j in range(max(0, i - reaches[i]), min(n, i + reaches[i] + 1)):
                    if j == i:
                        continue
                    row = own(words[j], hot, near)
                    if N <= FEW:
                        step_alone(inputs, row, outputs, center, rows, noise * N, rate, scores, D, few)
                        if i % LOSS_EVERY == 0:
                            sums[0] += loss_alone(scores, rows, noise * N, N, center)
                    else:
                        copy_row(X, 0, inputs, row, D)
                        full = noise_outputs(
                            word,
                            drawn,
                            noise * N,
                            N,
                            rows,
                            labels,
                            weights,
                            Q,
                            16,
                            spare,
                            hot_outputs,
                            far,
                        )
                        score_tiles(X, 1, outputs, rows, full, scores, D, Q, 1)
                        if i % LOSS_EVERY == 0:
                            sums[0] += loss_of(scores, labels, weights, full, 1, 16)
                        to_pulls(scores, labels, weights, full, 1, rate)
                        pull_tiles(X, 1, outputs, rows, full, scores, A, D, Q, 1)
                        add_row(inputs, row, A, 0, np.float32(1), D)
                    noise -= 1
                count = around(i, n, reaches[i])
                if i % LOSS_EVERY == 0:
                    sums[1] += count
                sums[2] += count

    return train
