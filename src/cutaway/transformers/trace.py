"""The open path of whole models: one text, every number of every layer and head.

A block's own lines are in trace_block.py.

Legend: T tokens, S tokens of a source, D width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from cutaway.core.errors import ShapeError
from cutaway.core.trace import Recorder, Trace
from cutaway.transformers.embeddings import check_ids
from cutaway.transformers.packing import IntArray, PackedBatch
from cutaway.transformers.positions import sinusoids
from cutaway.transformers.trace_block import View, deviation, normalize, trace_block

if TYPE_CHECKING:
    from cutaway.transformers.bert import Bert
    from cutaway.transformers.block import Block
    from cutaway.transformers.gpt import Gpt
    from cutaway.transformers.pretrained import Pretrained
    from cutaway.transformers.seq2seq import Transformer

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
        bert: the model, of any family with an encoder only.
        ids: T token ids.
        tokens: T labels for the token axes.
        types: T token types; 0 everywhere if not given.

    Returns:
        A trace. Axes ("layer", "head", "query", "key"): `scores`, `weights`. Axes ("layer", "head",
        "token", "unit"): `q`, `k`, `v`, `mixed`. Axes ("layer", "token", "width"): `attended`,
        `after_attention`, `written`, `output`. Axes ("layer", "token", "hidden"): `hidden`. Axes
        ("layer", "token"): `attention_deviation`, `feed_forward_deviation`. Axes ("token", "width"):
        `token_vectors`, `position_vectors`, `type_vectors`, `embedded`. Axes ("width",): `sentence`.
        Axes ("token",): `ids`, `embedding_deviation`.

    Raises:
        ShapeError: tokens and ids differ in number.
    """
    row = np.asarray(ids)
    kinds = np.zeros_like(row) if types is None else np.asarray(types)
    batch = PackedBatch.from_rows([row], types=[kinds])
    bert.embeddings.check(batch)
    rec = _begin(bert, "BERT", row, tokens)
    x = _trace_embeddings(rec, bert, batch)  # (T, D)
    for block in cast("Sequence[Block]", bert.blocks):
        x = trace_block(rec, block, x, View())  # (T, D)
    mean = x.mean(0)  # (D)
    rec.keep("sentence", mean / mean.norm(), axes=("width",), formula="e = x̄ / ‖x̄‖", inputs=("output",))
    return rec.finish()


@torch.no_grad()
def trace_gpt(gpt: Gpt, ids: Sequence[int] | IntArray, *, tokens: Sequence[str] | None = None) -> Trace:
    """Read one text and keep every intermediate value.

    Args:
        gpt: the model.
        ids: T token ids.
        tokens: T labels for the token axes.

    Returns:
        A trace with the arrays of `trace_bert` but for types and sentence; besides, of ("layer", "token",
        "width"), `attention_input` and `feed_forward_input`, which are normalized; of ("token", "width")
        `final`, the normalized output; of ("token",) `final_deviation`; of ("vocabulary",) `logits`, the
        last token's scores of the next one.

    Raises:
        ShapeError: tokens and ids differ in number.
    """
    row = np.asarray(ids)
    batch = PackedBatch.from_rows([row])
    check_ids(batch, gpt.config.vocabulary, gpt.config.positions)
    rec, axes = _begin(gpt, "GPT", row, tokens), ("token", "width")
    token = _trace_tokens(rec, gpt.token.weight, batch)  # (T, D)
    place = rec.keep(
        "position_vectors",
        gpt.position.weight[batch.positions],
        axes=axes,
        formula="row t of the position table",
    )  # (T, D)
    given = ("token_vectors", "position_vectors")
    x = rec.keep("embedded", token + place, axes=axes, formula="x⁰ = token + position", inputs=given)
    for block in cast("Sequence[Block]", gpt.blocks):
        x = trace_block(rec, block, x, View(sees="up to itself"))  # (T, D)
    rec.keep(
        "final_deviation",
        deviation(gpt.norm, x),
        axes=("token",),
        formula="s = √(σ² + ε), by which the norm divides",
        inputs=("output",),
    )
    final = rec.keep("final", normalize(gpt.norm, x), axes=axes, formula="norm(xᴸ)", inputs=("output",))
    rec.keep(
        "logits",
        gpt.token.weight @ final[-1],
        axes=("vocabulary",),
        formula="z = token table · norm(xᴸ) of the last token",
        inputs=("final",),
    )
    return rec.finish()


@torch.no_grad()
def trace_transformer(
    model: Transformer,
    source: Sequence[int] | IntArray,
    target: Sequence[int] | IntArray,
    *,
    tokens: tuple[Sequence[str], Sequence[str]] | None = None,
) -> Trace:
    """Read one source and what stands so far of its target, and keep every intermediate value.

    Args:
        model: encoder and decoder.
        source: S token ids.
        target: T token ids, the start token first.
        tokens: labels of the source's tokens and of the target's.

    Returns:
        A trace. The encoder's arrays are those of `trace_bert`; the decoder's have `decoder_` in front of
        their names and axes, those of its attention to the source `decoder_cross_`, with keys of the
        source. `logits`, ("vocabulary",), scores the token behind the target.

    Raises:
        ShapeError: tokens and ids differ in number.
    """
    row, start = np.asarray(source), np.asarray(target)
    sources, targets = PackedBatch.from_rows([row]), PackedBatch.from_rows([start])
    for batch in (sources, targets):
        check_ids(batch, model.config.vocabulary, model.config.positions)
    rec = _begin(model, "Transformer", row, tokens and tokens[0])
    if tokens is not None and len(tokens[1]) != start.size:
        raise ShapeError(f"{len(tokens[1])} tokens for {start.size} ids of the target: give one label per id")
    for axis in _TOKEN_AXES if tokens is not None else ():
        rec.label(f"decoder_{axis}", tokens[1] if tokens else ())
    x = _trace_sum(rec, model, sources, "")  # (S, D)
    for block in cast("Sequence[Block]", model.blocks):
        x = trace_block(rec, block, x, View())  # (S, D)
    y = _trace_sum(rec, model, targets, "decoder_")  # (T, D)
    view = View(prefix="decoder_", sees="up to itself", source=x, source_name="output")
    for block in cast("Sequence[Block]", model.decoder_blocks):
        y = trace_block(rec, block, y, view)  # (T, D)
    rec.keep(
        "logits",
        model.token.weight @ y[-1] + model.bias[0],
        axes=("vocabulary",),
        formula="z = token table · yᴸ of the last token + b",
        inputs=("decoder_output",),
    )
    return rec.finish()


def _begin(model: Pretrained, kind: str, row: IntArray, tokens: Sequence[str] | None) -> Recorder:
    if tokens is not None and len(tokens) != row.size:
        raise ShapeError(f"{len(tokens)} tokens for {row.size} ids: give one label per id")
    rec = Recorder(f"{kind}{f' ({model.name})' if model.name else ''}: {row.size} tokens")
    for axis in _TOKEN_AXES if tokens is not None else ():
        rec.label(axis, tokens or ())
    rec.fact("model", model.name)
    rec.fact("sha256", model.sha256)
    return rec


def _trace_tokens(rec: Recorder, table: Tensor, batch: PackedBatch, prefix: str = "") -> Tensor:
    axis = f"{prefix}token"
    rec.keep(f"{prefix}ids", batch.ids, axes=(axis,), formula="given")
    return rec.keep(
        f"{prefix}token_vectors",
        table[batch.ids],
        axes=(axis, "width"),
        formula="row ids[t] of the token table",
        inputs=(f"{prefix}ids",),
    )


def _trace_embeddings(rec: Recorder, bert: Bert, batch: PackedBatch) -> Tensor:
    table, axes = bert.embeddings, ("token", "width")
    token = _trace_tokens(rec, table.token.weight, batch)  # (T, D)
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
    summed, given = token + place + kind, ("token_vectors", "position_vectors", "type_vectors")
    rec.keep(
        "embedding_deviation",
        deviation(table.norm, summed),
        axes=("token",),
        formula="s = √(σ² + ε) of token + position + type, by which the norm divides",
        inputs=given,
    )
    return rec.keep(
        "embedded",
        normalize(table.norm, summed),
        axes=axes,
        formula="x⁰ = norm(token + position + type)",
        inputs=given,
    )


def _trace_sum(rec: Recorder, model: Transformer, batch: PackedBatch, prefix: str) -> Tensor:
    """What the paper's model begins with: scaled token vectors and sines."""
    axes, width = (f"{prefix}token", "width"), model.config.width
    token = _trace_tokens(rec, model.token.weight, batch, prefix)  # (T, D)
    place = rec.keep(
        f"{prefix}position_vectors",
        sinusoids(len(token), width, layout="halves"),
        axes=axes,
        formula="PE: sines, then cosines, of t / 10000^(2i/D)",
    )  # (T, D)
    scale = math.sqrt(width) if model.config.scale == "root of width" else 1.0
    return rec.keep(
        f"{prefix}embedded",
        token * scale + place,
        axes=axes,
        formula="x⁰ = √D token + PE" if scale != 1 else "x⁰ = token + PE",
        inputs=(f"{prefix}token_vectors", f"{prefix}position_vectors"),
    )
