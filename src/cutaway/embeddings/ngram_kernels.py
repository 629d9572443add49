"""Kernels of the bag of n-grams: bytes to buckets, buckets to probabilities, and one pass of training.

A word's hash is FNV-1a over its bytes; an n-gram's hash folds in one word after another, and its
highest bits, after a last mixing, are its bucket. `embeddings.ngrams` says the same in plain Python.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cutaway.core.jit import kernel

SPACE, WORD, SIGN, JOINER = 0, 1, 2, 3  # a sign is a word of its own; a joiner counts between word bytes

_OFFSET = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)

_MODEL = "Tuple((float32[::1], float32[::1], int64))"
_BAGS = "Tuple((int32[::1], int64[::1]))"


@kernel("int64(uint8[::1], uint8[::1], uint64[::1])")
def hash_words(raw: Any, classes: Any, hashes: Any) -> Any:
    """Write the hash of each word of a text, which ends in a byte of class SPACE; return how many."""
    at, words, last = 0, 0, len(raw) - 1
    while at < last:
        kind = classes[raw[at]]
        if kind in (SPACE, JOINER):
            at += 1
            continue
        key = (_OFFSET ^ np.uint64(raw[at])) * _PRIME
        at += 1
        if kind == WORD:
            while classes[raw[at]] == WORD or (classes[raw[at]] == JOINER and classes[raw[at + 1]] == WORD):
                key = (key ^ np.uint64(raw[at])) * _PRIME
                at += 1
        hashes[words] = key
        words += 1
    return words


@kernel("int64(uint64[::1], int64, int64, int64, int32[::1])")
def bucket_ngrams(hashes: Any, words: Any, order: Any, bits: Any, buckets: Any) -> Any:
    """Write the bucket of each n-gram, first those of one word, then of two; return how many."""
    shift = np.uint64(64 - bits)
    written = 0
    for size in range(1, order + 1):
        for first in range(words - size + 1):
            key = _OFFSET
            for word in range(first, first + size):
                key = (key ^ hashes[word]) * _MIX
                key ^= key >> _HALF
            buckets[written] = np.int32((key * _MIX) >> shift)
            written += 1
    return written


@kernel(f"int64(uint8[::1], int64[::1], uint8[::1], UniTuple(int64, 2), {_BAGS})")
def bucket_block(raw: Any, starts: Any, classes: Any, shape: Any, bags: Any) -> Any:
    """Write each text's distinct buckets in rising order, text after text; return how many in all.

    Args:
        raw: the texts end to end, each ending in a byte of class SPACE.
        starts: where each begins, and where the last one ends.
        classes: of bytes.
        shape: the most words in an n-gram, and bits of a bucket.
        bags: room for the buckets, and for how many each text has.
    """
    order, bits = shape
    buckets, counts = bags
    hashes = np.empty(len(raw), np.uint64)
    written = 0
    for text in range(len(counts)):
        words = hash_words(raw[starts[text] : starts[text + 1]], classes, hashes)
        found = np.sort(
            buckets[written : written + bucket_ngrams(hashes, words, order, bits, buckets[written:])]
        )
        first = written
        for bucket in found:
            if written == first or bucket != buckets[written - 1]:
                buckets[written] = bucket
                written += 1
        counts[text] = written - first
    return written


@kernel(
    f"void({_MODEL}, {_BAGS}, int64, int64, float64[:, ::1])",
    sums="any order",
)
def label_texts(model: Any, bags: Any, first: Any, last: Any, probabilities: Any) -> None:
    """Write the probability of each label for the texts from `first` to `last`."""
    table, output, dim = model
    buckets, starts = bags
    labels = len(output) // dim
    mean = np.zeros(dim, np.float32)
    size = np.uint64(dim)
    for text in range(first, last):
        mean[:] = 0.0
        for at in range(starts[text], starts[text + 1]):
            row = np.uint64(buckets[at]) * size
            for d in range(size):
                mean[d] += table[row + d]
        share = np.float32(1.0 / max(1, starts[text + 1] - starts[text]))
        highest = -np.inf
        for label in range(labels):
            logit = np.float32(0.0)
            for d in range(dim):
                logit += output[label * dim + d] * mean[d]
            probabilities[text, label] = logit * share
            highest = max(highest, probabilities[text, label])
        total = 0.0
        for label in range(labels):
            probabilities[text, label] = math.exp(probabilities[text, label] - highest)
            total += probabilities[text, label]
        for label in range(labels):
            probabilities[text, label] /= total


@kernel(
    f"float64({_MODEL}, {_BAGS}, int32[::1], Tuple((int64[::1], float64[::1])), UniTuple(uint64, 2))",
    sums="any order",
)
def train_texts(model: Any, bags: Any, labels: Any, turns: Any, chance: Any) -> Any:
    """Take one step for each of some texts, in order; return the sum of their losses in nats.

    Args:
        model: the vectors of the buckets, W, and the numbers in a vector.
        bags: buckets, and where each text's start.
        labels: of each text.
        turns: the texts, and the learning rate of each.
        chance: key and keep: an n-gram takes part where a hash of its place and of the key, 32 bits of it,
            lies below keep.
    """
    table, output, dim = model
    buckets, starts = bags
    texts, rates = turns
    key, keep = chance
    classes = len(output) // dim
    mean = np.zeros(dim, np.float32)
    pull = np.zeros(dim, np.float32)
    errors = np.zeros(classes, np.float32)
    size = np.uint64(dim)
    loss = 0.0
    kept = np.zeros(np.max(starts[1:] - starts[:-1]), np.uint64)
    for turn in range(len(texts)):
        text = texts[turn]
        count = 0  # of the n-grams that chance keeps in this step
        for at in range(starts[text], starts[text + 1]):
            r = (np.uint64(at) ^ key) * _MIX
            r ^= r >> np.uint64(29)
            r *= np.uint64(0xBF58476D1CE4E5B9)
            if (r >> _HALF) < keep:
                kept[count] = np.uint64(buckets[at]) * size
                count += 1
        if count == 0:
            continue
        share = np.float32(1.0 / count)
        mean[:] = 0.0
        for at in range(count):
            row = kept[at]
            for d in range(size):
                mean[d] += table[row + d]
        highest = np.float32(-np.inf)
        for label in range(classes):
            logit = np.float32(0.0)
            for d in range(dim):
                logit += output[label * dim + d] * mean[d]
            errors[label] = logit * share
            highest = max(highest, errors[label])
        total = np.float32(0.0)
        for label in range(classes):
            errors[label] = math.exp(errors[label] - highest)
            total += errors[label]
        for label in range(classes):
            errors[label] /= total
        truth = labels[text]
        loss -= math.log(max(errors[truth], np.float32(1e-30)))
        errors[truth] -= np.float32(1.0)
        rate = np.float32(rates[turn])
        pull[:] = 0.0
        for label in range(classes):
            step = rate * errors[label]
            for d in range(dim):
                weight = output[label * dim + d]
                pull[d] += step * weight * share
                output[label * dim + d] = weight - step * mean[d] * share
        for at in range(count):
            row = kept[at]
            for d in range(size):
                table[row + d] -= pull[d]
    return loss
