"""How surprised an output layer is by the words that really stood there, without keeping all scores.

N tokens times V words are the largest array of a small model's training: 4,000 tokens and 8,000 words in
float32 are 128 MB, written and read several times. Here a few hundred tokens at a time are scored, and
their gradients taken at once, while the scores are still near the processor.

Legend: N tokens, D width, V vocabulary, C tokens of one piece.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cutaway.core.errors import ShapeError, UsageError

# Scores of one piece, at most: 8 MB in float32.
_PIECE = 2_000_000


def word_loss(
    hidden: Tensor, table: Tensor, bias: Tensor | None, words: Tensor, *, smoothing: float = 0.0
) -> Tensor:
    """Return the mean cross-entropy of a linear output layer, in nats.

        s = h tableᵀ + b,   p = softmax(s)
        loss = mean over tokens of −(1 − ε) ln p[word] − ε/V Σ ln p

    Under autocast the products are in its type, all else in float32; float64 stays what it is.

    Args:
        hidden: (N, D) float.
        table: a vector a word, (V, D) float.
        bias: (V,) float; none for 0.
        words: what really stood there, (N,) int64.
        smoothing: ε, the share of certainty that is spread over all words.

    Returns:
        A scalar, float32 at least, with gradients for hidden, table and bias.

    Raises:
        ShapeError: there is no token, or the sizes do not fit.
        UsageError: smoothing is not from 0 up to below 1.

    Source:
        Szegedy et al. 2016, arXiv:1512.00567, section 7 (smoothing); Wijmans et al. 2024,
        arXiv:2411.09009 (the loss without the scores).

    Example:
        >>> loss = word_loss(torch.zeros(1, 4), torch.ones(8, 4), None, torch.tensor([3]))
        >>> round(loss.item(), 4)  # ln 8
        2.0794
    """
    if not 0 <= smoothing < 1:
        raise UsageError(f"smoothing is {smoothing}: it must be at least 0 and below 1")
    if not len(hidden) or len(hidden) != len(words) or hidden.shape[-1] != table.shape[-1]:
        raise ShapeError(
            f"{list(hidden.shape)} vectors, {list(table.shape)} words of the table, {len(words)} answers"
        )
    kind = hidden.device.type
    half = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else _whole(table)
    loss: Tensor = _WordLoss.apply(hidden, table, bias, words, smoothing, half)  # type: ignore[no-untyped-call]
    return loss


def _whole(table: Tensor) -> torch.dtype:
    return torch.promote_types(table.dtype, torch.float32)


class _WordLoss(torch.autograd.Function):
    """The loss and, in the same pass, its gradients: p − (1 − ε) onehot − ε/V, over N."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        table: Tensor,
        bias: Tensor | None,
        words: Tensor,
        smoothing: float,
        half: torch.dtype,
    ) -> Tensor:
        """Score piece by piece; keep gradients, not scores."""
        h, w = hidden.detach().to(half), table.detach().to(half)
        size, count, whole = len(w), len(h), _whole(table)
        for_hidden, for_table, for_bias = ctx.needs_input_grad[:3]
        grad_hidden = torch.empty_like(h) if for_hidden else None
        grad_table = torch.zeros_like(table, dtype=whole) if for_table else None
        grad_bias = torch.zeros(size, dtype=whole, device=h.device) if for_bias else None
        total = torch.zeros((), dtype=whole, device=h.device)
        step = max(1, _PIECE // size)
        for at in range(0, count, step):
            piece, word = h[at : at + step], words[at : at + step, None]
            scores = F.linear(piece, w).to(whole)  # (C, V)
            if bias is not None:
                scores += bias.detach()
            logs = F.log_softmax(scores, dim=-1)  # (C, V)
            total -= (1 - smoothing) * logs.gather(1, word).sum()
            if smoothing:
                total -= smoothing / size * logs.sum()
            if not any(ctx.needs_input_grad[:3]):
                continue
            wrong = logs.exp_()  # (C, V)
            if smoothing:
                wrong -= smoothing / size
            wrong.scatter_add_(1, word, torch.full_like(word, -(1 - smoothing), dtype=wrong.dtype))
            narrow = wrong.to(half)
            if grad_hidden is not None:
                grad_hidden[at : at + step] = narrow @ w
            if grad_table is not None:
                grad_table += (narrow.T @ piece).to(whole)
            if grad_bias is not None:
                grad_bias += wrong.sum(0)
        ctx.save_for_backward(grad_hidden, grad_table, grad_bias)
        ctx.count, ctx.dtype = count, hidden.dtype
        return total / count

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Scale what `forward` kept."""
        hidden, table, bias = ctx.saved_tensors
        scale = grads[0] / ctx.count
        return (
            None if hidden is None else (hidden * scale).to(ctx.dtype),
            None if table is None else table * scale,
            None if bias is None else bias * scale,
            None,
            None,
            None,
        )
