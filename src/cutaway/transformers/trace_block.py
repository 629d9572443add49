"""The open path of one block, whatever the family: plain lines in the order of the papers.

They share nothing with the fast path but the weights; tests hold the two equal.

Legend: T tokens, S tokens that are looked at (T, or those of a source), D width, H heads, d = D / H numbers
per head, F feed-forward width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from cutaway.core.trace import Recorder
from cutaway.transformers.config import BlockConfig
from cutaway.transformers.formulas import ACTIVATIONS, layer_norm, rms_norm, softmax, swiglu
from cutaway.transformers.masks import causal_mask
from cutaway.transformers.positions import rotate

if TYPE_CHECKING:
    from cutaway.transformers.block import Attention, Block

Norm = nn.LayerNorm | nn.RMSNorm


@dataclass(frozen=True, kw_only=True)
class View:
    """Where a stack of blocks stands in its model: what its tokens see and what its arrays are called.

    Attributes:
        prefix: in front of the name of each array and axis; a decoder's differ from its encoder's.
        sees: "up to itself" hides later tokens.
        source: what a decoder looks at besides, (S, D) float.
        source_name: the array that the source was kept as.
    """

    prefix: str = ""
    sees: str = "whole row"
    source: Tensor | None = None
    source_name: str = "output"

    def axes(self, *names: str) -> tuple[str, ...]:
        """Return axis names of this stack: its layers and its tokens are its own.

        Args:
            names: of the axes, without the prefix.
        """
        own = ("layer", "token", "query", "key")
        stack = self.prefix.removesuffix("cross_")
        return tuple(stack + name if name in own else name for name in names)


def trace_block(rec: Recorder, block: Block, x: Tensor, view: View) -> Tensor:
    """Transform every token once and keep every number on the way.

        post-norm:  y = norm(x + a),  a of x;        z = norm(y + f),  f of y
        pre-norm:   y = x + a,        a of norm(x);  z = y + f,        f of norm(y)

    A decoder's second attention, to its source, stands between the two as one more such step.

    Args:
        rec: takes a row for each array of the layer.
        block: the weights.
        x: (T, D) float.
        view: names, and what the tokens see.

    Returns:
        (T, D) float.
    """
    before: tuple[str, ...] = (f"{view.prefix}embedded", f"{view.prefix}output")
    attention = Sublayer(rec=rec, view=view, norm=block.attention_norm, order=block.config.order)
    u, of = attention.read(x, "attention", before)
    attended = _trace_attention(rec, block, u, view, of)  # (T, D)
    y = attention.add(x, attended, "attention", (*before, f"{view.prefix}attended"))
    before = (f"{view.prefix}after_attention",)
    if block.cross is not None and block.cross_norm is not None and view.source is not None:
        across = replace(attention, norm=block.cross_norm)
        u, of = across.read(y, "cross_attention", before)
        looking = replace(view, prefix=f"{view.prefix}cross_")
        attended = _trace_attention(rec, block.cross, u, looking, of)  # (T, D)
        y = across.add(y, attended, "cross_attention", (*before, f"{looking.prefix}attended"))
        before = (f"{view.prefix}after_cross_attention",)
    feed = replace(attention, norm=block.feed_forward_norm)
    u, of = feed.read(y, "feed_forward", before)
    written = _trace_feed_forward(rec, block, u, view, of)  # (T, D)
    return feed.add(y, written, "feed_forward", (*before, f"{view.prefix}written"))


@dataclass(frozen=True, kw_only=True)
class Sublayer:
    """How one step of a block reads the stream of vectors and adds to it: the norm before or behind.

    Attributes:
        rec: takes the rows.
        view: what they are called.
        norm: the step's.
        order: "post" normalizes each sum, "pre" each input.
    """

    rec: Recorder
    view: View
    norm: Norm
    order: str

    def read(self, x: Tensor, name: str, given: tuple[str, ...]) -> tuple[Tensor, tuple[str, ...]]:
        """Return the step's input, normalized in a pre-norm block, and the arrays it is.

        Args:
            x: the stream, (T, D) float.
            name: of the step.
            given: the arrays that x was kept as.

        Returns:
            (T, D) float, and names of arrays.
        """
        if self.order == "post":
            return x, given
        prefix, axes = self.view.prefix, self.view.axes("layer", "token", "width")
        self.rec.keep_row(
            f"{prefix}{name}_deviation",
            deviation(self.norm, x),
            axes=axes[:2],
            formula="s = √(σ² + ε), by which the norm divides",
            inputs=given,
        )
        normalized = self.rec.keep_row(
            f"{prefix}{name}_input", normalize(self.norm, x), axes=axes, formula="u = norm(x)", inputs=given
        )
        return normalized, (f"{prefix}{name}_input",)

    def add(self, x: Tensor, part: Tensor, name: str, given: tuple[str, ...]) -> Tensor:
        """Add the step's output to the stream, and in a post-norm block normalize the sum.

        Args:
            x: the stream, (T, D) float.
            part: what the step wrote, (T, D) float.
            name: of the step.
            given: the arrays that both were kept as.

        Returns:
            (T, D) float.
        """
        prefix, axes = self.view.prefix, self.view.axes("layer", "token", "width")
        kept = f"{prefix}{'output' if name == 'feed_forward' else f'after_{name}'}"
        letters = "y + f" if name == "feed_forward" else "x + a"
        total = x + part  # (T, D)
        if self.order == "pre":
            return self.rec.keep_row(kept, total, axes=axes, formula=letters, inputs=given)
        self.rec.keep_row(
            f"{prefix}{name}_deviation",
            deviation(self.norm, total),
            axes=axes[:2],
            formula=f"s = √(σ² + ε) of {letters}, by which the norm divides",
            inputs=given,
        )
        return self.rec.keep_row(
            kept, normalize(self.norm, total), axes=axes, formula=f"norm({letters})", inputs=given
        )


def normalize(norm: Norm, x: Tensor) -> Tensor:
    """Normalize as the papers write it, with a norm's learned scale and shift.

    Args:
        norm: the weights.
        x: (..., D) float.

    Returns:
        (..., D) float.
    """
    if isinstance(norm, nn.RMSNorm):
        return rms_norm(x, norm.weight, epsilon=norm.eps or 0.0)
    return layer_norm(x, norm.weight, norm.bias, epsilon=norm.eps)


def deviation(norm: Norm, x: Tensor) -> Tensor:
    """Return what a norm divides each vector by, √(σ² + ε), or for RMSNorm √(Σ xᵢ² / D + ε).

    Args:
        norm: which kind, and its ε.
        x: (T, D) float.

    Returns:
        (T) float.
    """
    centered = x - x.mean(-1, keepdim=True) if isinstance(norm, nn.LayerNorm) else x
    return torch.sqrt((centered**2).mean(-1) + (norm.eps or 0.0))


def _trace_attention(
    rec: Recorder, attention: Attention, u: Tensor, view: View, of: tuple[str, ...]
) -> Tensor:
    across = view.prefix.endswith("cross_")
    looked_at = view.source if across and view.source is not None else u  # (S, D)
    source = (view.source_name,) if across else of
    queries = view.axes("layer", "head", "token", "unit")
    keys = (*queries[:2], "token", "unit") if across else queries
    turned = attention.config.places == "rotary" and not across
    turn = ", turned by its place" if turned else ""
    q = rec.keep_row(
        f"{view.prefix}q",
        _turned(_heads(attention.query(u), attention.config), turned),
        axes=queries,
        formula=f"q = u W_Qᵀ + b_Q{turn}",
        inputs=of,
    )  # (H, T, d)
    k = rec.keep_row(
        f"{view.prefix}k",
        _turned(_heads(attention.key(looked_at), attention.config), turned),
        axes=keys,
        formula=f"k = u W_Kᵀ + b_K{turn}",
        inputs=source,
    )  # (H, S, d)
    v = rec.keep_row(
        f"{view.prefix}v",
        _heads(attention.value(looked_at), attention.config),
        axes=keys,
        formula="v = u W_Vᵀ + b_V",
        inputs=source,
    )  # (H, S, d)
    mixed = _mix(rec, q, k, v, view)  # (H, T, d)
    joined = mixed.transpose(0, 1).reshape(u.shape)  # (T, D)
    attended: Tensor = attention.output(joined)  # (T, D)
    return rec.keep_row(
        f"{view.prefix}attended",
        attended,
        axes=view.axes("layer", "token", "width"),
        formula="a = [mixed¹ … mixedᴴ] W_Oᵀ + b_O",
        inputs=(f"{view.prefix}mixed",),
    )


def _mix(rec: Recorder, q: Tensor, k: Tensor, v: Tensor, view: View) -> Tensor:
    prefix, across = view.prefix, view.prefix.endswith("cross_")
    pairs = (*view.axes("layer", "head", "query"), *(("key",) if across else view.axes("key")))
    hides = view.sees == "up to itself" and not across
    scores = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])  # (H, T, S)
    if hides:
        scores = scores.masked_fill(
            ~causal_mask(scores.shape[1], scores.shape[2], q.device), -math.inf
        )  # (H, T, S)
    rec.keep_row(
        f"{prefix}scores",
        scores,
        axes=pairs,
        formula="s = q kᵀ / √d, −∞ where the key comes later" if hides else "s = q kᵀ / √d",
        inputs=(f"{prefix}q", f"{prefix}k"),
    )
    weights = rec.keep_row(
        f"{prefix}weights",
        softmax(scores),
        axes=pairs,
        formula="w = softmax(s)",
        inputs=(f"{prefix}scores",),
    )  # (H, T, S)
    return rec.keep_row(
        f"{prefix}mixed",
        weights @ v,
        axes=view.axes("layer", "head", "token", "unit"),
        formula="mixed = w v",
        inputs=(f"{prefix}weights", f"{prefix}v"),
    )


def _trace_feed_forward(rec: Recorder, block: Block, u: Tensor, view: View, of: tuple[str, ...]) -> Tensor:
    up = block.up(u)  # (T, F)
    if block.gate is not None:
        hidden, formula = swiglu(block.gate(u), up), "h = swish(u W_gateᵀ + b_gate) ⊙ (u W_upᵀ + b_up)"
    else:
        text, activation = ACTIVATIONS[block.config.activation]
        hidden, formula = activation(up), f"h = act(u W_upᵀ + b_up), act(x) = {text}"
    rec.keep_row(
        f"{view.prefix}hidden",
        hidden,
        axes=view.axes("layer", "token", "hidden"),
        formula=formula,
        inputs=of,
    )
    written: Tensor = block.down(hidden)  # (T, D)
    return rec.keep_row(
        f"{view.prefix}written",
        written,
        axes=view.axes("layer", "token", "width"),
        formula="f = h W_downᵀ + b_down",
        inputs=(f"{view.prefix}hidden",),
    )


def _heads(x: Tensor, config: BlockConfig) -> Tensor:
    """(T, D) to (H, T, d)."""
    return x.view(len(x), config.heads, -1).transpose(0, 1)


def _turned(heads: Tensor, turned: bool) -> Tensor:
    """(H, T, d), each pair of numbers turned by its token's place where the model does that."""
    if not turned:
        return heads
    return rotate(heads.transpose(0, 1), torch.arange(heads.shape[1])).transpose(0, 1)
