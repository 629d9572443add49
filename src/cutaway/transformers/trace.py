"""The open path of a BERT: one text, every number of every layer and head.

Plain lines, in the order of the papers, that share nothing with the fast path but the weights; tests
hold the two equal.

Legend: T tokens, D width, H heads, d = D / H numbers per head, F feed-forward width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn

from cutaway.core.errors import ShapeError
from cutaway.core.trace import Recorder, Trace
from cutaway.transformers.config import BlockConfig
from cutaway.transformers.formulas import ACTIVATIONS, layer_norm, rms_norm, softmax
from cutaway.transformers.packing import IntArray, PackedBatch

if TYPE_CHECKING:
    from cutaway.transformers.bert import Bert
    from cutaway.transformers.block import Block

_TOKEN_AXES = ("token", "query", "key")


@torch.no_grad()
def trace_bert(
    bert: Bert,
    ids: Sequence[int] | IntArray,
    *,
    tokens: Sequence[str] | None = None,
    types: Sequence[int] | IntArray | None = None,
) -> Trace:
    """Encode one text and keep every intermediate value.

    Args:
        bert: the model.
        ids: T token ids.
        tokens: T labels for the token axes.
        types: T token types; 0 everywhere if not given.

    Returns:
        A trace. Axes ("layer", "head", "query", "key"): `scores`, `weights`. Axes ("layer", "head",
        "token", "unit"): `q`, `k`, `v`, `mixed`. Axes ("layer", "token", "width"): `attended`,
        `after_attention`, `written`, `output`. Axes ("layer", "token", "hidden"): `hidden`. Axes
        ("token", "width"): `token_vectors`, `position_vectors`, `type_vectors`, `embedded`. Axes
        ("width",): `sentence`. Axes ("token",): `ids`.

    Raises:
        ShapeError: tokens and ids differ in number.
    """
    row = np.asarray(ids)
    kinds = np.zeros_like(row) if types is None else np.asarray(types)
    if tokens is not None and len(tokens) != row.size:
        raise ShapeError(f"{len(tokens)} tokens for {row.size} ids: give one label per id")
    batch = PackedBatch.from_rows([row], types=[kinds])
    bert.embeddings.check(batch)
    rec = Recorder(f"BERT{f' ({bert.name})' if bert.name else ''}: {row.size} tokens")
    for axis in _TOKEN_AXES if tokens is not None else ():
        rec.label(axis, tokens or ())
    rec.fact("model", bert.name)
    rec.fact("sha256", bert.sha256)
    x = _trace_embeddings(rec, bert, batch)  # (T, D)
    for block in cast("Sequence[Block]", bert.blocks):
        x = _trace_block(rec, block, x)  # (T, D)
    mean = x.mean(0)  # (D)
    rec.keep("sentence", mean / mean.norm(), axes=("width",), formula="e = x̄ / ‖x̄‖", inputs=("output",))
    return rec.finish()


def _trace_embeddings(rec: Recorder, bert: Bert, batch: PackedBatch) -> Tensor:
    table, axes = bert.embeddings, ("token", "width")
    rec.keep("ids", batch.ids, axes=("token",), formula="given")
    token = rec.keep(
        "token_vectors",
        table.token.weight[batch.ids],
        axes=axes,
        formula="row ids[t] of the token table",
        inputs=("ids",),
    )  # (T, D)
    place = rec.keep(
        "position_vectors",
        table.position.weight[batch.positions + bert.config.first_position],
        axes=axes,
        formula=f"row t + {bert.config.first_position} of the position table",
    )  # (T, D)
    types = torch.zeros(1, bert.config.width) if table.token_type is None else table.token_type.weight
    kind = rec.keep(
        "type_vectors",
        types[batch.types],
        axes=axes,
        formula="row types[t] of the type table" if table.token_type else "0: this model has no types",
    )  # (T, D)
    return rec.keep(
        "embedded",
        _normalize(table.norm, token + place + kind),
        axes=axes,
        formula="x⁰ = norm(token + position + type)",
        inputs=("token_vectors", "position_vectors", "type_vectors"),
    )


def _trace_block(rec: Recorder, block: Block, x: Tensor) -> Tensor:
    mixed = _trace_attention(rec, block, x)  # (H, T, d)
    joined = mixed.transpose(0, 1).reshape(x.shape)  # (T, D)
    by_token = ("layer", "token", "width")
    attended = rec.keep_row(
        "attended",
        block.output(joined),
        axes=by_token,
        formula="a = [mixed¹ … mixedᴴ] W_Oᵀ + b_O",
        inputs=("mixed",),
    )  # (T, D)
    y = rec.keep_row(
        "after_attention",
        _normalize(block.attention_norm, x + attended),
        axes=by_token,
        formula="y = norm(x + a)",
        inputs=("embedded", "output", "attended"),
    )  # (T, D)
    text, activation = ACTIVATIONS[block.config.activation]
    hidden = rec.keep_row(
        "hidden",
        activation(block.up(y)),
        axes=("layer", "token", "hidden"),
        formula=f"h = act(y W_upᵀ + b_up), act(x) = {text}",
        inputs=("after_attention",),
    )  # (T, F)
    written = rec.keep_row(
        "written", block.down(hidden), axes=by_token, formula="f = h W_downᵀ + b_down", inputs=("hidden",)
    )  # (T, D)
    return rec.keep_row(
        "output",
        _normalize(block.feed_forward_norm, y + written),
        axes=by_token,
        formula="xˡ = norm(y + f)",
        inputs=("after_attention", "written"),
    )


def _trace_attention(rec: Recorder, block: Block, x: Tensor) -> Tensor:
    by_unit, by_pair = ("layer", "head", "token", "unit"), ("layer", "head", "query", "key")
    given = ("embedded", "output")
    q = rec.keep_row(
        "q", _heads(block.query(x), block.config), axes=by_unit, formula="q = x W_Qᵀ + b_Q", inputs=given
    )  # (H, T, d)
    k = rec.keep_row(
        "k", _heads(block.key(x), block.config), axes=by_unit, formula="k = x W_Kᵀ + b_K", inputs=given
    )  # (H, T, d)
    v = rec.keep_row(
        "v", _heads(block.value(x), block.config), axes=by_unit, formula="v = x W_Vᵀ + b_V", inputs=given
    )  # (H, T, d)
    scores = rec.keep_row(
        "scores",
        q @ k.transpose(1, 2) / math.sqrt(q.shape[-1]),
        axes=by_pair,
        formula="s = q kᵀ / √d",
        inputs=("q", "k"),
    )  # (H, T, T)
    weights = rec.keep_row(
        "weights", softmax(scores), axes=by_pair, formula="w = softmax(s)", inputs=("scores",)
    )  # (H, T, T)
    return rec.keep_row("mixed", weights @ v, axes=by_unit, formula="mixed = w v", inputs=("weights", "v"))


def _heads(x: Tensor, config: BlockConfig) -> Tensor:
    """(T, D) to (H, T, d)."""
    return x.view(len(x), config.heads, -1).transpose(0, 1)


def _normalize(norm: nn.LayerNorm | nn.RMSNorm, x: Tensor) -> Tensor:
    if isinstance(norm, nn.RMSNorm):
        return rms_norm(x, norm.weight, epsilon=norm.eps or 0.0)
    return layer_norm(x, norm.weight, norm.bias, epsilon=norm.eps)
