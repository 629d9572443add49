"""Learning to write from running text: at each place, name the next token.

Legend: N tokens of all windows, L tokens of one window, D width.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from cutaway.core.errors import DataError, UsageError
from cutaway.training.word_loss import word_loss
from cutaway.transformers.gpt import Gpt
from cutaway.transformers.packing import IntArray, PackedBatch


def window_starts(tokens: int, length: int, *, seed: int) -> IntArray:
    """Cut a text into windows, anew with each seed: the first one begins somewhere in the first L tokens.

    Args:
        tokens: of the whole text.
        length: L, what a model reads of it at once.
        seed: of the beginning and of the order.

    Returns:
        Where each window begins, shuffled, int64; a window and the token behind it lie in the text.

    Raises:
        DataError: the text is shorter than one window and the token behind it.

    Example:
        >>> sorted(np.diff(np.sort(window_starts(100, 10, seed=0))).tolist()) == [10] * 8
        True
    """
    if tokens < length + 1:
        raise DataError(
            f"a text of {tokens} tokens is too short for one window of {length} and the token behind"
        )
    random = np.random.default_rng(seed)
    first = int(random.integers(min(length, tokens - length)))
    return random.permutation(np.arange(first, tokens - length, length))


def causal_loss(model: Gpt, rows: list[IntArray]) -> Tensor:
    """Return the mean loss of the next token, in nats.

        loss = −mean over t of ln p(idₜ₊₁ | id₁ … idₜ)

    Args:
        model: what learns.
        rows: ids, (L + 1,) int each: the model reads all but the last, and is asked for all but the first.

    Returns:
        A scalar.

    Source:
        Radford et al. 2018, "Improving language understanding by generative pre-training",
        equation 1.
    """
    place = model.token.weight.device
    batch = PackedBatch.from_rows([row[:-1] for row in rows]).to(place)
    words = PackedBatch.from_rows([row[1:] for row in rows]).ids.to(place)
    return word_loss(model(batch), model.token.weight, None, words)


@torch.no_grad()
def text_nats(model: Gpt, ids: IntArray, *, length: int, stride: int, budget: int = 8192) -> float:
    """Return how surprised a model is by a running text: the sum over all tokens but the first, in nats.

    Windows overlap: each is moved on by `stride` tokens, and only what no window before it has scored
    counts, so that all but the first L tokens are scored with at least L − stride tokens before them.

    Args:
        model: what reads.
        ids: the text, (tokens,) int.
        length: L, tokens of a window.
        stride: from 1, every token with all the context there is, to L, windows side by side.
        budget: tokens read at once.

    Returns:
        The sum; divided by the text's tokens or characters, a mean.

    Raises:
        UsageError: stride is not from 1 to L.
        DataError: the text has fewer than two tokens.
    """
    if not 1 <= stride <= length:
        raise UsageError(f"stride is {stride}: it must be from 1 to the window's {length}")
    if len(ids) < 2:
        raise DataError(f"a text of {len(ids)} tokens: scoring needs at least 2")
    total, place = 0.0, model.token.weight.device
    for windows in _in_lots(_windows(len(ids), length, stride), max(1, budget // length)):
        batch = PackedBatch.from_rows([ids[start:end] for start, end, _ in windows]).to(place)
        hidden = batch.split(model(batch))
        new = torch.cat([row[-fresh:] for row, (_, _, fresh) in zip(hidden, windows, strict=True)])
        words = np.concatenate([ids[end - fresh + 1 : end + 1] for _, end, fresh in windows])
        answers = torch.from_numpy(words.astype(np.int64)).to(place)
        total += float(word_loss(new, model.token.weight, None, answers)) * len(answers)
    return total


def _windows(tokens: int, length: int, stride: int) -> Iterator[tuple[int, int, int]]:
    """Begin and end of each window, and how many places at its end count."""
    scored, end = 0, min(length, tokens - 1)
    while True:
        yield max(0, end - length), end, end - scored
        if end == tokens - 1:
            return
        scored, end = end, min(end + stride, tokens - 1)


def _in_lots(windows: Iterator[tuple[int, int, int]], count: int) -> Iterator[list[tuple[int, int, int]]]:
    lot: list[tuple[int, int, int]] = []
    for window in windows:
        lot.append(window)
        if len(lot) == count:
            yield lot
            lot = []
    if lot:
        yield lot
