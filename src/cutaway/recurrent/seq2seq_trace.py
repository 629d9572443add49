"""The open path of the encoder-decoder: every equation line by line, for one pair.

Legend: S source positions, T target positions, E numbers in an embedding, H decoder units, M numbers in
an encoder state, A width of the comparison, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cutaway.core.errors import ShapeError
from cutaway.core.trace import Recorder, Trace
from cutaway.recurrent.attention import AdditiveAttention, Attention, GeneralAttention
from cutaway.recurrent.decoders import AttentionDecoder, ContextDecoder, Decoder

if TYPE_CHECKING:
    from cutaway.recurrent.seq2seq import Seq2Seq

Look = Callable[[Tensor], Tensor]
UNIT = ("target", "decoder unit")


def trace_pair(
    model: Seq2Seq, ids: tuple[Tensor, Tensor], *, tokens: tuple[Sequence[str], Sequence[str]] | None
) -> Trace:
    """Run the equations of the encoder, then those of the decoder, without dropout.

    Arrays of the encoder: as `GRU.trace` names them ("inputs", "hidden", "hidden_l0_reverse",
    "outputs", ...), axis "position". Of the decoder, axis "target": "words" (T, E), "first_state" (H),
    "reset_gate_decoder", "update_gate_decoder", "candidate_decoder", "state" (T, H), "context" (T, M),
    "readout" (T, E), "logits" and "probabilities" (T, V). With attention also "keys" (S, A) unless the
    score is "dot", "query" (T, A) if it is "additive", "energies" and "alignment" (T, S).

    Args:
        model: the encoder-decoder.
        ids: of the source, (S) int64, and of what stands of the target, (T) int64.
        tokens: labels of the source's positions and of the target's.

    Returns:
        The trace.

    Raises:
        ShapeError: there is not one label an id.
    """
    source, target = ids
    rec = Recorder(f"encoder-decoder: {len(source)} source tokens, {len(target)} target tokens")
    for axis, row, names in zip(("position", "target"), ids, tokens or (None, None), strict=True):
        if names is not None and len(names) != len(row):
            raise ShapeError(f"{len(names)} labels for {len(row)} tokens of axis {axis!r}")
        rec.label(axis, names if names is not None else map(str, row.tolist()))
    with torch.no_grad():
        x = model.table.weight[source.to(model.table.weight.device)]  # (S, E)
        states, (final,) = model.encoder.record(rec, x)
        rows = model.table.weight[target.to(model.table.weight.device)]  # (T, E)
        words = rec.keep("words", rows, axes=("target", "input"), formula="yₜ₋₁ = table[id]")
        readouts = _write(rec, model.decoder, words, states, torch.cat([final[-2], final[-1]]))
        logits = rec.keep(
            "logits",
            readouts @ model.table.weight.T + model.bias,
            axes=("target", "token"),
            formula="sₜ = table oₜ + b",
            inputs=("readout",),
        )
        rec.keep(
            "probabilities",
            torch.softmax(logits, dim=1),
            axes=("target", "token"),
            formula="pₜ = softmax(sₜ)",
            inputs=("logits",),
        )
    return rec.finish()


def _write(rec: Recorder, decoder: Decoder, words: Tensor, states: Tensor, last: Tensor) -> Tensor:
    """Equations (1) to (3) of `decoders`, one step after the other; (T, E)."""
    weight_ih, weight_hh, bias_ih, bias_hh = decoder.gru.weights("_l0")
    W_r, W_z, W_n = weight_ih.chunk(3)  # noqa: N806  the GRU's own letters
    U_r, U_z, U_n = weight_hh.chunk(3)  # noqa: N806
    b_r, b_z, _ = (bias_ih + bias_hh).chunk(3)
    b_n, a_n = bias_ih.chunk(3)[2], bias_hh.chunk(3)[2]
    s = torch.tanh(decoder.first.weight @ last + decoder.first.bias)  # (H)
    s = rec.keep("first_state", s, axes=("decoder unit",), formula="s₀ = tanh(W_s [h⃗_S; h⃖₁] + b_s)",
                 inputs=("outputs",))  # fmt: skip
    look = _looker(rec, decoder, states, last)
    keep, readouts = rec.keep_row, []
    seen = ("words", "context", "state")
    for y in words:
        c = look(s)  # (M)
        x = torch.cat([y, c])
        r = keep("reset_gate_decoder", torch.sigmoid(W_r @ x + U_r @ s + b_r), axes=UNIT,
                 formula="rₜ = σ(W_r [yₜ₋₁; cₜ] + U_r sₜ₋₁ + b_r)", inputs=seen)  # fmt: skip
        z = keep("update_gate_decoder", torch.sigmoid(W_z @ x + U_z @ s + b_z), axes=UNIT,
                 formula="zₜ = σ(W_z [yₜ₋₁; cₜ] + U_z sₜ₋₁ + b_z)", inputs=seen)  # fmt: skip
        n = keep("candidate_decoder", torch.tanh(W_n @ x + b_n + r * (U_n @ s + a_n)), axes=UNIT,
                 formula="nₜ = tanh(W_n [yₜ₋₁; cₜ] + b_n + rₜ ⊙ (U_n sₜ₋₁ + a_n))",
                 inputs=("words", "context", "reset_gate_decoder", "state"))  # fmt: skip
        s = keep("state", z * s + (1 - z) * n, axes=UNIT, formula="sₜ = zₜ ⊙ sₜ₋₁ + (1 − zₜ) ⊙ nₜ",
                 inputs=("update_gate_decoder", "state", "candidate_decoder"))  # fmt: skip
        o = torch.tanh(decoder.readout.weight @ torch.cat([s, y, c]) + decoder.readout.bias)  # (E)
        readouts.append(keep("readout", o, axes=("target", "readout unit"),
                             formula="oₜ = tanh(W_o [sₜ; yₜ₋₁; cₜ] + b_o)",
                             inputs=("state", "words", "context")))  # fmt: skip
    return torch.stack(readouts)


def _looker(rec: Recorder, decoder: Decoder, states: Tensor, last: Tensor) -> Look:
    """Return what gives the context of a state, (H) to (M)."""
    if isinstance(decoder, AttentionDecoder):
        return _attention(rec, decoder.attention, states)
    assert isinstance(decoder, ContextDecoder)
    c = torch.tanh(decoder.summary.weight @ last + decoder.summary.bias)  # (M)

    def same(state: Tensor) -> Tensor:
        del state
        formula = "cₜ = tanh(V [h⃗_S; h⃖₁] + b)"
        return rec.keep_row("context", c, axes=("target", "output"), formula=formula, inputs=("outputs",))

    return same


def _attention(rec: Recorder, attention: Attention, h: Tensor) -> Look:
    """Return what scores, weighs and mixes the encoder's states, (S, M)."""
    keys = h
    if isinstance(attention, AdditiveAttention | GeneralAttention):
        keys = h @ attention.show.weight.T  # (S, A)
        if isinstance(attention, AdditiveAttention):
            keys = keys + attention.show.bias  # (S, A)
        rec.keep("keys", keys, axes=("position", "key unit"), formula="keyⱼ = U hⱼ + b", inputs=("outputs",))
    shown = "outputs" if keys is h else "keys"

    def look(s: Tensor) -> Tensor:
        keep = rec.keep_row
        if isinstance(attention, AdditiveAttention):
            q = attention.ask.weight @ s  # (A)
            q = keep("query", q, axes=("target", "key unit"), formula="qₜ = W sₜ₋₁", inputs=("state",))
            e = torch.tanh(q + keys) @ attention.weigh  # (S)
        else:
            e = keys @ s  # (S)
        asked = "query" if isinstance(attention, AdditiveAttention) else "state"
        e = keep("energies", e, axes=("target", "position"), formula=attention.formula, inputs=(asked, shown))
        a = keep("alignment", torch.softmax(e, dim=0), axes=("target", "position"),
                 formula="αₜ = softmax(eₜ)", inputs=("energies",))  # fmt: skip
        return keep("context", a @ h, axes=("target", "output"), formula="cₜ = Σⱼ αₜⱼ hⱼ",
                    inputs=("alignment", "outputs"))  # fmt: skip

    return look
