"""Scaled dot-product attention: as the paper writes it, and as this machine runs it fastest.

Legend: B rows, H heads, T queries, S keys, d numbers per head.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from cutaway.core.errors import ShapeError
from cutaway.transformers.masks import causal_mask

# Below this length the explicit product's small operators cost more than converting to float32.
_SHORT = 64


def attend(q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None, causal: bool = False) -> Tensor:
    """Mix the values, each query weighing every key by similarity.

        out = softmax(q kᵀ / √d) v                                     (1)

    Args:
        q: queries, (B, H, T, d) float.
        k: keys, (B, H, S, d) float.
        v: values, (B, H, S, d) float.
        mask: true where a query may see a key, broadcast to (B, H, T, S) bool; all of them if not given.
        causal: hide from each query the keys behind its own place; the queries are the last T of
            the S positions.

    Returns:
        (B, H, T, d) float: convex mixtures of the rows of v.

    Raises:
        ShapeError: q and k differ in head width, k and v in length, or a query sees no key at all.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.2.1, equation 1.

    Example:
        >>> x = torch.ones(1, 1, 3, 4)
        >>> attend(x, x, x, causal=True).shape
        torch.Size([1, 1, 3, 4])
    """
    if q.shape[-1] != k.shape[-1]:
        raise ShapeError(f"queries have {q.shape[-1]} numbers per head, keys {k.shape[-1]}")
    if k.shape[-2] != v.shape[-2]:
        raise ShapeError(f"there are {k.shape[-2]} keys but {v.shape[-2]} values")
    # Scaling q first costs T·d products instead of T·S.
    scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2)  # (B, H, T, S)
    seen = _seen(q, k, mask, causal)
    if seen is not None:
        if not bool(seen.any(-1).all()):
            raise ShapeError("a query sees no key: every row of a mask must be true somewhere")
        scores = scores.masked_fill(~seen, -math.inf)  # (B, H, T, S)
    weights = torch.softmax(scores, dim=-1)  # (B, H, T, S)
    return weights @ v


def attend_fast(
    q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None, causal: bool = False
) -> Tensor:
    """Compute equation (1) by the operator that is fastest for this dtype, length and device.

    On CPUs with bfloat16 tiles, measured with 12 heads of 32 numbers, forward and backward: the fused
    operator takes 44 ms for 16 rows of 256 tokens and the explicit product 27 ms; for one row of 14
    tokens they take 0.55 and 0.35 ms, and the fused operator in float32 0.19 ms. Forward alone, and
    in float32, fused is always fastest.

    Args:
        q: queries, (B, H, T, d) float.
        k: keys, (B, H, S, d) float.
        v: values, (B, H, S, d) float.
        mask: as in `attend`; that every query sees a key is not checked here.
        causal: as in `attend`.

    Returns:
        (B, H, T, d) float, of q's dtype.
    """
    half_training = q.dtype == torch.bfloat16 and q.device.type == "cpu" and q.requires_grad
    if half_training and q.shape[-2] >= _SHORT:
        return attend(q, k, v, mask=mask, causal=causal)
    if not half_training:
        return _fused(q, k, v, mask=mask, causal=causal)
    # Autocast would turn the numbers back: in bfloat16 a short row takes ten times as long.
    with torch.autocast("cpu", enabled=False):
        return _fused(q.float(), k.float(), v.float(), mask=mask, causal=causal).to(q.dtype)


def _fused(q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None, causal: bool) -> Tensor:
    # The operator's own causal mask hides nothing else and knows no cache.
    if mask is None and causal and q.shape[-2] == k.shape[-2]:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=_seen(q, k, mask, causal))


def _seen(q: Tensor, k: Tensor, mask: Tensor | None, causal: bool) -> Tensor | None:
    """Both masks in one; none where everything is seen."""
    if not causal:
        return mask
    earlier = causal_mask(q.shape[-2], k.shape[-2], q.device)  # (T, S)
    return earlier if mask is None else mask & earlier
