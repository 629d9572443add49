"""The compiled inner loops of word2vec and fastText: `steps.py` at the speed of the vector registers.

One kernel for each of the three ways to choose inputs, compiled for the dimensions of a row (D, a
multiple of 16), the outputs of a tile (Q) and the kind of outputs; skip-gram where each pair has noise of its
own is in `pair_kernel`. Tables are flat, row after row; the
row behind the last word is zero and stays zero: it fills up tiles.

A kernel is longer than functions are elsewhere: it is one loop over centers whose parts share two dozen
arrays and numbers, which a part on its own would have to name again one by one. What repeats between the
kernels is in `output_code` and `vector_code`.

Tables are read and written where they stand. With several threads two may add to one row at once and
lose an addition: Hogwild (Niu et al. 2011), harmless where most rows are touched rarely.
"""

# numba types what runs here; to a type checker its intrinsics are plain functions of other arguments.
# mypy: disable-error-code="call-arg, no-untyped-call, no-untyped-def, unreachable"

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.embeddings.output_code import loss_of, noise_outputs, own, path_outputs, set_output, to_pulls
from cutaway.embeddings.vector_code import add_row, copy_row, inlined, prefetch_row, pull_tiles, score_tiles

STRIDE = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER = np.uint64(0x2545F4914F6CDD1D)
LOSS_EVERY = 16  # centers; the loss of the others is not worked out
CENTERS, PAIRS = 0, 1  # what a set of negatives serves
AHEAD_OUTPUTS, AHEAD_INPUTS = 2, 8  # how many centers before a row is needed it is asked for

_CORPUS = "Tuple((int32[::1], int64[::1]))"
_CHANCES = "Tuple((uint32[::1], uint32[::1], int32[::1]))"
_PATHS = "Tuple((int64[::1], int32[::1], float32[::1]))"
_BAGS = "Tuple((int64[::1], int32[::1]))"
_TABLES = "Tuple((float32[::1], float32[::1]))"
_SENTENCE = "Tuple((int32[::1], int64[::1], int32[::1]))"
_TILES = "Tuple((float32[::1], float32[::1], float32[::1], int64[::1], float32[::1], float32[::1]))"
_NUMBERS = "int64[::1], uint64, float64[::1], float64[::1]"
LOOP = f"void({_CORPUS}, {_CHANCES}, {_PATHS}, {_BAGS}, {_TABLES}, {_SENTENCE}, {_TILES}, {_NUMBERS})"


@inlined
def around(i, n, reach):
    """Return how many words stand within reach of word i of n."""
    return min(i, reach) + min(n - 1 - i, reach)


@kernel(
    f"int64(int32[::1], int64, int64, {_CHANCES}, int64, int64, int64, uint64, {_SENTENCE})",
    arrays="borrowed",
)
def plan_sentence(ids, start, stop, chances, window, negatives, serves, state, sentence):  # noqa: PLR0913
    """Draw a sentence's plan, as `draws.plan_sentence` says; return how many words stay."""
    keep, threshold, alias = chances
    words, reaches, drawn = sentence
    x = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = (x ^ (x >> np.uint64(31))) | np.uint64(1)
    n = 0
    for k in range(start, stop):
        x ^= x >> np.uint64(12)
        x ^= x << np.uint64(25)
        x ^= x >> np.uint64(27)
        words[n] = ids[k]
        n += np.uint32((x * _MULTIPLIER) >> np.uint64(32)) <= keep[ids[k]]
    for i in range(n):
        x ^= x >> np.uint64(12)
        x ^= x << np.uint64(25)
        x ^= x >> np.uint64(27)
        reaches[i] = 1 + np.int64(((x * _MULTIPLIER) >> np.uint64(33)) % np.uint64(window))
    columns = np.uint64(len(alias))
    served = n
    if serves == PAIRS:
        served = 0
        for i in range(n):
            served += around(i, n, reaches[i])
    for k in range(served * negatives):
        x ^= x >> np.uint64(12)
        x ^= x << np.uint64(25)
        x ^= x >> np.uint64(27)
        bits = x * _MULTIPLIER
        column = ((bits >> np.uint64(32)) * columns) >> np.uint64(32)
        drawn[k] = alias[column]
        # The column's own word over it, or where the next goes: a branch would be guessed wrong too often.
        drawn[k + (np.uint32(bits) > threshold[column])] = np.int32(column)
    return n


def skip_gram(D: int, Q: int, hierarchical: int) -> Any:  # noqa: N803
    """Compile skip-gram: every context word an input, the center (and noise, or its path) the outputs.

    Args:
        D: floats in a row, a multiple of 16.
        Q: outputs in a tile, at most 8.
        hierarchical: 1 for the nodes on the center's path, 0 for the center and negatives.

    Returns:
        The kernel.
    """

    @kernel(LOOP, arrays="borrowed")
    def train(corpus, chances, paths, bags, tables, sentence, tiles, span, key, rates, sums):  # noqa: PLR0913
        ids, starts = corpus
        inputs, outputs = tables
        words, reaches, drawn = sentence
        X, A, scores, rows, labels, weights = tiles  # noqa: N806
        path_starts, nodes, wanted = paths
        first, last, window, negatives, done = span[0], span[1], span[2], span[3], span[4]
        hot, near, hot_outputs, far = span[5], span[6], span[7], span[8]
        spare = len(chances[2])
        for s in range(first, last):
            rate = np.float32(max(rates[1], rates[0] - rates[2] * (done + starts[s])))
            state = key + np.uint64(s) * STRIDE
            n = plan_sentence(
                ids, starts[s], starts[s + 1], chances, window, negatives, CENTERS, state, sentence
            )
            for i in range(n):
                prefetch_row(inputs, own(words[min(i + AHEAD_INPUTS, n - 1)], hot, near), D)
                if not hierarchical:
                    prefetch_row(outputs, own(words[min(i + AHEAD_OUTPUTS, n - 1)], hot_outputs, far), D)
                    for k in range(negatives):
                        drawn_ahead = drawn[min(i + 1, n - 1) * negatives + k]
                        prefetch_row(outputs, own(drawn_ahead, hot_outputs, far), D)
                count = 0
                low, high = max(0, i - reaches[i]), min(n, i + reaches[i] + 1)
                for j in range(low, high):
                    if j != i:
                        copy_row(X, count, inputs, own(words[j], hot, near), D)
                        count += 1
                if count == 0:
                    continue
                word = np.int64(words[i])
                if hierarchical:
                    full = path_outputs(path_starts, nodes, wanted, word, rows, labels, weights, Q, 8, spare)
                else:
                    full = noise_outputs(
                        word,
                        drawn,
                        i * negatives,
                        negatives,
                        rows,
                        labels,
                        weights,
                        Q,
                        8,
                        spare,
                        hot_outputs,
                        far,
                    )
                even = count + count % 2
                score_tiles(X, even, outputs, rows, full, scores, D, Q, 2)
                if i % LOSS_EVERY == 0:
                    sums[0] += loss_of(scores, labels, weights, full, count, 8)
                    sums[1] += count
                to_pulls(scores, labels, weights, full, even // 2, rate)
                if even > count:  # the second input of the last pair is not one
                    for tile in range(full):
                        for lane in range(8):
                            scores[(tile * even + count) * 8 + lane] = np.float32(0)
                pull_tiles(X, even, outputs, rows, full, scores, A, D, Q, 2)
                count = 0
                for j in range(low, high):
                    if j != i:
                        add_row(inputs, own(words[j], hot, near), A, count, np.float32(1), D)
                        count += 1
                sums[2] += count

    return train


def cbow(D: int, Q: int, hierarchical: int) -> Any:  # noqa: N803
    """Compile CBOW: one input, the mean of the context's rows; the center and noise, or its path, outputs.

    Args:
        D: floats in a row, a multiple of 16.
        Q: outputs in a tile, at most 16.
        hierarchical: 1 for the nodes on the center's path, 0 for the center and negatives.

    Returns:
        The kernel.
    """

    @kernel(LOOP, arrays="borrowed")
    def train(corpus, chances, paths, bags, tables, sentence, tiles, span, key, rates, sums):  # noqa: PLR0913
        ids, starts = corpus
        bag_starts, bag_rows = bags
        inputs, outputs = tables
        words, reaches, drawn = sentence
        X, A, scores, rows, labels, weights = tiles  # noqa: N806
        path_starts, nodes, wanted = paths
        first, last, window, negatives, done = span[0], span[1], span[2], span[3], span[4]
        hot, near, hot_outputs, far = span[5], span[6], span[7], span[8]
        spare = len(chances[2])
        for s in range(first, last):
            rate = np.float32(max(rates[1], rates[0] - rates[2] * (done + starts[s])))
            state = key + np.uint64(s) * STRIDE
            n = plan_sentence(
                ids, starts[s], starts[s + 1], chances, window, negatives, CENTERS, state, sentence
            )
            for i in range(n):
                ahead = words[min(i + AHEAD_INPUTS, n - 1)]
                for k in range(bag_starts[ahead], bag_starts[ahead + 1]):
                    prefetch_row(inputs, own(bag_rows[k], hot, near), D)
                if not hierarchical:
                    prefetch_row(outputs, own(words[min(i + AHEAD_OUTPUTS, n - 1)], hot_outputs, far), D)
                    for k in range(negatives):
                        drawn_ahead = drawn[min(i + 1, n - 1) * negatives + k]
                        prefetch_row(outputs, own(drawn_ahead, hot_outputs, far), D)
                count = 0
                for d in range(np.uint64(D)):
                    A[d] = np.float32(0)
                low, high = max(0, i - reaches[i]), min(n, i + reaches[i] + 1)
                for j in range(low, high):
                    if j != i:
                        for k in range(bag_starts[words[j]], bag_starts[words[j] + 1]):
                            add_row(A, 0, inputs, own(bag_rows[k], hot, near), np.float32(1), D)
                            count += 1
                if count == 0:
                    continue
                share = np.float32(1) / np.float32(count)
                for d in range(np.uint64(D)):
                    X[d] = share * A[d]
                word = np.int64(words[i])
                if hierarchical:
                    full = path_outputs(path_starts, nodes, wanted, word, rows, labels, weights, Q, 16, spare)
                else:
                    full = noise_outputs(
                        word,
                        drawn,
                        i * negatives,
                        negatives,
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
                    sums[1] += 1
                to_pulls(scores, labels, weights, full, 1, rate)
                pull_tiles(X, 1, outputs, rows, full, scores, A, D, Q, 1)
                for j in range(low, high):
                    if j != i:
                        for k in range(bag_starts[words[j]], bag_starts[words[j] + 1]):
                            add_row(inputs, own(bag_rows[k], hot, near), A, 0, np.float32(1), D)
                sums[2] += 1

    return train


def subword_skip_gram(D: int, Q: int) -> Any:  # noqa: N803
    """Compile fastText's skip-gram: the mean of the center's pieces the input, its context the outputs.

    Args:
        D: floats in a row, a multiple of 16.
        Q: outputs in a tile, at most 16.

    Returns:
        The kernel.
    """

    @kernel(LOOP, arrays="borrowed")
    def train(corpus, chances, paths, bags, tables, sentence, tiles, span, key, rates, sums):  # noqa: PLR0913
        ids, starts = corpus
        bag_starts, bag_rows = bags
        inputs, outputs = tables
        words, reaches, drawn = sentence
        X, A, scores, rows, labels, weights = tiles  # noqa: N806
        first, last, window, negatives, done = span[0], span[1], span[2], span[3], span[4]
        hot, near, hot_outputs, far = span[5], span[6], span[7], span[8]
        spare = len(chances[2])
        for s in range(first, last):
            rate = np.float32(max(rates[1], rates[0] - rates[2] * (done + starts[s])))
            state = key + np.uint64(s) * STRIDE
            n = plan_sentence(
                ids, starts[s], starts[s + 1], chances, window, negatives, CENTERS, state, sentence
            )
            for i in range(n):
                ahead = words[min(i + 2, n - 1)]
                for k in range(bag_starts[ahead], bag_starts[ahead + 1]):
                    prefetch_row(inputs, own(bag_rows[k], hot, near), D)
                prefetch_row(outputs, own(words[min(i + AHEAD_INPUTS, n - 1)], hot_outputs, far), D)
                for k in range(negatives):
                    drawn_ahead = drawn[min(i + 1, n - 1) * negatives + k]
                    prefetch_row(outputs, own(drawn_ahead, hot_outputs, far), D)
                q = 0
                low, high = max(0, i - reaches[i]), min(n, i + reaches[i] + 1)
                for j in range(low, high):
                    if j != i:
                        row = own(words[j], hot_outputs, far)
                        set_output(rows, labels, weights, q, Q, 16, row, np.float32(1), np.float32(1))
                        q += 1
                if q == 0:
                    continue
                context = q
                for k in range(negatives):
                    row = own(drawn[i * negatives + k], hot_outputs, far)
                    weight = context
                    for j in range(context):
                        weight -= rows[j] == row
                    set_output(rows, labels, weights, q, Q, 16, row, np.float32(0), np.float32(weight))
                    q += 1
                full = (q + Q - 1) // Q
                for k in range(q, full * Q):
                    set_output(rows, labels, weights, k, Q, 16, spare, np.float32(0), np.float32(0))
                pieces = bag_rows[bag_starts[words[i]] : bag_starts[words[i] + 1]]
                for d in range(np.uint64(D)):
                    X[d] = np.float32(0)
                for k in range(len(pieces)):
                    add_row(
                        X, 0, inputs, own(pieces[k], hot, near), np.float32(1) / np.float32(len(pieces)), D
                    )
                score_tiles(X, 1, outputs, rows, full, scores, D, Q, 1)
                if i % LOSS_EVERY == 0:
                    sums[0] += loss_of(scores, labels, weights, full, 1, 16)
                    sums[1] += context
                to_pulls(scores, labels, weights, full, 1, rate)
                pull_tiles(X, 1, outputs, rows, full, scores, A, D, Q, 1)
                for k in range(len(pieces)):
                    add_row(inputs, own(pieces[k], hot, near), A, 0, np.float32(1), D)
                sums[2] += context

    return train
