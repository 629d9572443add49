"""The compiled inner loop of skip-gram where each pair has noise of its own: `steps.py`, pair by pair.

A word, its center and few negatives stand in registers while their scores are summed up, and once more while
they move: no row is copied. Between scores and moves stand a sum across registers and a sigmoid, during which
a processor has nothing to do unless it has been given the next pair: so a pair is scored before the one
before it moves, as the definition has it. Rows of noise are asked for three pairs before they are needed;
asked for all at once they wait in line.

Tables and their rows are those of `training_kernels`; what is said there of the length of kernels and of
threads goes for this one.
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
    PAIRS,
    STRIDE,
    around,
    plan_sentence,
)
from cutaway.embeddings.vector_code import (
    add_row,
    copy_row,
    move_pair,
    prefetch_row,
    pull_tiles,
    score_pair,
    score_tiles,
)

FEW = 7  # so many negatives and the center are done in one go
AHEAD_NOISE = 2  # pairs


def pair_skip_gram(D: int, N: int) -> Any:  # noqa: N803
    """Compile skip-gram: a context word the input, the center and the pair's noise the outputs.

    Args:
        D: floats in a row, a multiple of 16.
        N: negatives in a set, at most `FEW`.

    Returns:
        The kernel.
    """

    @kernel(LOOP, arrays="borrowed")
    def train(corpus, chances, paths, bags, tables, sentence, tiles, span, key, rates, sums):  # noqa: PLR0913
        ids, starts = corpus
        inputs, outputs = tables
        words, reaches, drawn = sentence
        scores, rows = tiles[2], tiles[3]
        hot, near, hot_outputs, far = span[5], span[6], span[7], span[8]
        for s in range(span[0], span[1]):
            rate = np.float32(max(rates[1], rates[0] - rates[2] * (span[4] + starts[s])))
            state = key + np.uint64(s) * STRIDE
            n = plan_sentence(ids, starts[s], starts[s + 1], chances, span[2], N, PAIRS, state, sentence)
            pairs = 0
            for i in range(n):
                pairs += around(i, n, reaches[i])
            for k in range(pairs * N):
                rows[k] = own(drawn[k], hot_outputs, far)
            for k in range(pairs * N, (pairs + AHEAD_NOISE) * N):
                rows[k] = len(chances[2])
            pair, before, before_center = 0, np.int64(0), np.int64(0)
            for i in range(n):
                prefetch_row(inputs, own(words[min(i + AHEAD_INPUTS, n - 1)], hot, near), D)
                prefetch_row(outputs, own(words[min(i + AHEAD_OUTPUTS, n - 1)], hot_outputs, far), D)
                center = own(words[i], hot_outputs, far)
                for j in range(max(0, i - reaches[i]), min(n, i + reaches[i] + 1)):
                    if j == i:
                        continue
                    row, first = own(words[j], hot, near), pair * N
                    mine, its = 16 + pair % 2 * 16, 32 - pair % 2 * 16
                    score_pair(inputs, row, outputs, center, rows, first, rate, scores, mine, D, N)
                    if i % LOSS_EVERY == 0:
                        sums[0] += loss_alone(scores, rows, first, N, center)
                    for k in range((pair + AHEAD_NOISE) * N, (pair + AHEAD_NOISE + 1) * N):
                        prefetch_row(outputs, rows[k], D)
                    if pair > 0:
                        move_pair(inputs, before, outputs, before_center, rows, first - N, scores, its, D, N)
                    before, before_center = row, center
                    pair += 1
                if i % LOSS_EVERY == 0:
                    sums[1] += around(i, n, reaches[i])
            if pair > 0:
                its = 32 - pair % 2 * 16
                move_pair(inputs, before, outputs, before_center, rows, (pair - 1) * N, scores, its, D, N)
            sums[2] += pairs

    return train


def wide_pair_skip_gram(D: int, N: int, Q: int) -> Any:  # noqa: N803
    """Compile the same for more negatives, in tiles.

    Args:
        D: floats in a row, a multiple of 16.
        N: negatives in a set.
        Q: outputs in a tile, at most 16.

    Returns:
        The kernel.
    """
    full = -(-(N + 1) // Q)

    @kernel(LOOP, arrays="borrowed")
    def train(corpus, chances, paths, bags, tables, sentence, tiles, span, key, rates, sums):  # noqa: PLR0913
        ids, starts = corpus
        inputs, outputs = tables
        words, reaches, drawn = sentence
        X, A, scores, rows, labels, weights = tiles  # noqa: N806
        hot, near, hot_outputs, far = span[5], span[6], span[7], span[8]
        spare, half = len(chances[2]), len(labels) // 2
        for s in range(span[0], span[1]):
            rate = np.float32(max(rates[1], rates[0] - rates[2] * (span[4] + starts[s])))
            state = key + np.uint64(s) * STRIDE
            n = plan_sentence(ids, starts[s], starts[s + 1], chances, span[2], N, PAIRS, state, sentence)
            pair, before = 0, np.int64(0)
            for i in range(n):
                word = np.int64(words[i])
                for j in range(max(0, i - reaches[i]), min(n, i + reaches[i] + 1)):
                    if j == i:
                        continue
                    row, mine, its = own(words[j], hot, near), pair % 2 * half, (1 - pair % 2) * half
                    named, asked = rows[mine:], scores[mine:]
                    wanted, counts = labels[mine:], weights[mine:]
                    copy_row(X, 0, inputs, row, D)
                    noise_outputs(
                        word, drawn, pair * N, N, named, wanted, counts, Q, 16, spare, hot_outputs, far
                    )
                    score_tiles(X, 1, outputs, named, full, asked, D, Q, 1)
                    if i % LOSS_EVERY == 0:
                        sums[0] += loss_of(asked, wanted, counts, full, 1, 16)
                    to_pulls(asked, wanted, counts, full, 1, rate)
                    if pair > 0:
                        copy_row(X, 0, inputs, before, D)
                        pull_tiles(X, 1, outputs, rows[its:], full, scores[its:], A, D, Q, 1)
                        add_row(inputs, before, A, 0, np.float32(1), D)
                    before = row
                    pair += 1
                if i % LOSS_EVERY == 0:
                    sums[1] += around(i, n, reaches[i])
            if pair > 0:
                its = (1 - pair % 2) * half
                copy_row(X, 0, inputs, before, D)
                pull_tiles(X, 1, outputs, rows[its:], full, scores[its:], A, D, Q, 1)
                add_row(inputs, before, A, 0, np.float32(1), D)
            sums[2] += pair

    return train
