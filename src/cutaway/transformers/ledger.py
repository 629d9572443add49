"""The ledger of an answer: what the embedding, each head and each feed-forward layer wrote towards it.

Every block adds to a stream of vectors, and the answer is read from the last ones. A norm is linear once
its deviation is known, so that the answer is a sum over all that was ever added, exact for this text. Behind
it stands the text's own attention and activations: another text has another ledger, and what a part wrote
is not what would change without it, for later parts read what it wrote. The ablation (ablation.py) asks that.

Legend: T tokens, D width, H heads, d = D / H numbers per head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from cutaway.core.trace import Recorder, Trace
from cutaway.transformers.question import Question, pull_norm

if TYPE_CHECKING:
    from cutaway.core.trace import Cell
    from cutaway.transformers.bert import Bert
    from cutaway.transformers.block import Block
    from cutaway.transformers.trace_block import Norm

BY_LAYER = {
    "attention_bias_part": "attention bias",
    "attention_shift_part": "attention norm",
    "feed_forward_part": "feed-forward",
    "feed_forward_bias_part": "feed-forward bias",
    "feed_forward_shift_part": "feed-forward norm",
}


@torch.no_grad()
def ledger(question: Question, trace: Trace | None = None) -> Trace:
    """Divide an answer among all that was added on the way to it.

        answer = Σ parts,   part = Σₜ gₜ · what was added at t

    g is the answer's direction, carried back from the readout: through a norm with the deviation s that it
    has here, g ← C (γ ⊙ g) / s (C subtracts the units' mean). In a post-norm model every later norm stands
    between a part and the answer; in a pre-norm one only the last. Biases and the norms' shifts are parts
    of their own.

    Args:
        question: the answer.
        trace: of the question's text, if it is at hand.

    Returns:
        A trace. Axes ("layer", "head"): `head_part`. Axes ("layer",): `feed_forward_part`, and
        `attention_bias_part`, `attention_shift_part`, `feed_forward_bias_part`, `feed_forward_shift_part`
        of the biases and norms. Axes ("token",): `token_part`, `position_part`, `type_part`. Single ones:
        `embedding_shift_part`, `readout_part`, their sum `total`, and the model's own `answer`. Where they
        were written, and from which key: `head_part_by_token`, `head_part_by_key`,
        `feed_forward_part_by_token`. The directions: `attention_direction`, ("layer", "token", "width").
        The table `parts` lists all, in order.

    Source:
        Elhage et al. 2021, "A mathematical framework for transformer circuits", sections "The residual
        stream" and "Logit attribution" (pre-norm); Kobayashi et al. 2021, arXiv:2109.07152, section 3
        (post-norm, with the norm inside).
    """
    kept = trace or question.trace()
    rec = Recorder(f"what {question.readout.name} is made of")
    for axis in ("token", "query", "key"):
        rec.label(axis, question.labels)
    g, constant = _last(question, kept)
    blocks = cast("Sequence[Block]", question.model.blocks)
    layers: list[_Layer] = []
    for at in reversed(range(len(blocks))):
        layers.insert(0, _Layer.pull(blocks[at], kept, at, g))
        g = layers[0].before
    _keep_embedding(rec, question, kept, g)
    for layer in layers:
        layer.keep_attention(rec, kept)
        layer.keep_feed_forward(rec, kept)
    rec.keep("readout_part", constant, axes=(), formula="biases and shifts behind the last layer's output")
    return _total(rec, question)


@torch.no_grad()
def head_pairs(question: Question, trace: Trace, entries: Trace, *, layer: int, head: int) -> Trace:
    """Divide one head's part among the weights that made it: which query read how much from which key.

        pairs[t, s] = A[t, s] (gₜ · W_O v[s])

    Args:
        question: the answer.
        trace: of its text.
        entries: its ledger.
        layer: from 0.
        head: from 0.

    Returns:
        A trace with `pairs`, ("query", "key"), which sums to the head's part.
    """
    block = cast("Sequence[Block]", question.model.blocks)[layer]
    g = _array(entries, "attention_direction")[layer]  # (T, D)
    worth = g @ outputs_of(block)[head] @ _array(trace, "v")[layer, head].T
    rec = Recorder(f"what layer {layer}, head {head} wrote, weight by weight")
    for axis in ("query", "key"):
        rec.label(axis, question.labels)
    rec.keep(
        "pairs",
        _array(trace, "weights")[layer, head] * worth,
        axes=("query", "key"),
        formula="A[t, s] (gₜ · W_O v[s])",
        inputs=("weights", "v", "attention_direction"),
    )
    return rec.finish()


def _last(question: Question, kept: Trace) -> tuple[Tensor, float]:
    """The direction at the last block's output, (T, D), and what stands behind it."""
    model = question.model
    if "final" not in kept.arrays:
        pull = question.readout.pull(_array(kept, "output", None)[-1])
        return pull.direction, pull.constant
    pull = question.readout.pull(_array(kept, "final", None))
    g, shift = pull_norm(cast("Norm", model.norm), _array(kept, "final_deviation"), pull.direction)
    return g, pull.constant + float(shift.sum())


@dataclass(frozen=True, kw_only=True)
class _Layer:
    """The answer's direction at one block's two sums, and what its norms' shifts add, token by token."""

    block: Block
    at: int
    feed_forward: Tensor
    feed_forward_shift: Tensor
    attention: Tensor
    attention_shift: Tensor

    @property
    def before(self) -> Tensor:
        """The direction at the block's input: the sum leaves it as it is."""
        return self.attention

    @classmethod
    def pull(cls, block: Block, kept: Trace, at: int, g: Tensor) -> _Layer:
        if block.config.order == "pre":
            none = torch.zeros_like(g[:, 0])
            return cls(
                block=block,
                at=at,
                feed_forward=g,
                feed_forward_shift=none,
                attention=g,
                attention_shift=none,
            )
        fed, fed_shift = pull_norm(block.feed_forward_norm, _array(kept, "feed_forward_deviation")[at], g)
        seen, seen_shift = pull_norm(block.attention_norm, _array(kept, "attention_deviation")[at], fed)
        return cls(
            block=block,
            at=at,
            feed_forward=fed,
            feed_forward_shift=fed_shift,
            attention=seen,
            attention_shift=seen_shift,
        )

    def keep_attention(self, rec: Recorder, kept: Trace) -> None:
        g, mixed = self.attention, _array(kept, "mixed")[self.at]
        rec.keep_row(
            "attention_direction",
            g,
            axes=("layer", "token", "width"),
            formula="g, pulled back from the readout to x + a",
        )
        towards = torch.einsum("td,hdu->htu", g, outputs_of(self.block))  # (H, T, d)
        written = rec.keep_row(
            "head_part_by_token",
            (towards * mixed).sum(-1),
            axes=("layer", "head", "token"),
            formula="gₜ · W_Oʰ mixedʰ[t]",
            inputs=("attention_direction", "mixed"),
        )  # (H, T)
        rec.keep_row(
            "head_part",
            written.sum(-1),
            axes=("layer", "head"),
            formula="Σₜ gₜ · W_Oʰ mixedʰ[t]",
            inputs=("head_part_by_token",),
        )
        weights, values = _array(kept, "weights")[self.at], _array(kept, "v")[self.at]
        rec.keep_row(
            "head_part_by_key",
            torch.einsum("hts,htu,hsu->hs", weights, towards, values),
            axes=("layer", "head", "key"),
            formula="Σₜ A[t, s] (gₜ · W_Oʰ vʰ[s])",
            inputs=("attention_direction", "weights", "v"),
        )
        rec.keep_row(
            "attention_bias_part",
            (g @ self.block.output.bias.double()).sum(),
            axes=("layer",),
            formula="Σₜ gₜ · b_O",
            inputs=("attention_direction",),
        )
        rec.keep_row(
            "attention_shift_part",
            self.attention_shift.sum(),
            axes=("layer",),
            formula="Σₜ gₜ · β, g behind the norm of x + a; 0 in a pre-norm block",
        )

    def keep_feed_forward(self, rec: Recorder, kept: Trace) -> None:
        g, bias = self.feed_forward, self.block.down.bias.double()
        written = rec.keep_row(
            "feed_forward_part_by_token",
            (g * (_array(kept, "written")[self.at] - bias)).sum(-1),
            axes=("layer", "token"),
            formula="gₜ · (fₜ − b_down), g pulled back from the readout to y + f",
            inputs=("written",),
        )  # (T)
        rec.keep_row(
            "feed_forward_part",
            written.sum(),
            axes=("layer",),
            formula="Σₜ gₜ · (fₜ − b_down)",
            inputs=("feed_forward_part_by_token",),
        )
        rec.keep_row("feed_forward_bias_part", (g @ bias).sum(), axes=("layer",), formula="Σₜ gₜ · b_down")
        rec.keep_row(
            "feed_forward_shift_part",
            self.feed_forward_shift.sum(),
            axes=("layer",),
            formula="Σₜ gₜ · β, g behind the norm of y + f; 0 in a pre-norm block",
        )


def outputs_of(block: Block) -> Tensor:
    """Return the output projection head by head.

    Args:
        block: the weights.

    Returns:
        (H, D, d) float64: what each number of a head's mixed values adds to each unit.
    """
    weight = block.output.weight.double()  # (D, D)
    return weight.view(len(weight), block.config.heads, -1).transpose(0, 1)


def _keep_embedding(rec: Recorder, question: Question, kept: Trace, g: Tensor) -> None:
    shift = torch.zeros_like(g[:, 0])  # (T)
    if "embedding_deviation" in kept.arrays:
        norm = cast("Bert", question.model).embeddings.norm
        g, shift = pull_norm(norm, _array(kept, "embedding_deviation"), g)
    for name in ("token", "position", "type"):
        vectors = _array(kept, f"{name}_vectors") if f"{name}_vectors" in kept.arrays else torch.zeros_like(g)
        rec.keep(
            f"{name}_part",
            (g * vectors).sum(-1),
            axes=("token",),
            formula=f"gₜ · {name} vector, g pulled back from the readout to the embedding's sum",
            inputs=(f"{name}_vectors",) if f"{name}_vectors" in kept.arrays else (),
        )
    rec.keep(
        "embedding_shift_part",
        shift.sum(),
        axes=(),
        formula="Σₜ gₜ · β, g behind the embedding's norm; 0 if it has none",
    )


def _total(rec: Recorder, question: Question) -> Trace:
    """Add up, and set the model's own answer beside the sum."""
    parts = rec.finish()
    table: list[tuple[Cell, ...]] = [
        ("tokens", None, None, float(parts["token_part"].sum())),
        ("positions", None, None, float(parts["position_part"].sum())),
        ("types", None, None, float(parts["type_part"].sum())),
        ("embedding norm", None, None, float(parts["embedding_shift_part"])),
    ]
    for layer, heads in enumerate(parts["head_part"]):
        table += [("head", layer, head, float(part)) for head, part in enumerate(heads)]
        table += [(kind, layer, None, float(parts[name][layer])) for name, kind in BY_LAYER.items()]
    table.append(("readout", None, None, float(parts["readout_part"])))
    rec.table(
        "parts",
        ("part", "layer", "head", "contribution"),
        table,
        formula="every part, in the order in which it was added",
        inputs=("token_part", "position_part", "head_part", *BY_LAYER, "readout_part"),
    )
    total = sum(float(cast(float, row[3])) for row in table)
    rec.keep("total", total, axes=(), formula="Σ parts", inputs=("parts",))
    answer = rec.keep("answer", question.answer(), axes=(), formula=f"{question.readout.name}, fast path")
    rec.fact("answer", question.readout.name)
    rec.fact("error", total - answer)
    return rec.finish()


def _array(trace: Trace, name: str, dtype: torch.dtype | None = torch.float64) -> Tensor:
    """An array of the trace as a tensor, of its own dtype if none is named."""
    return torch.from_numpy(trace[name].copy()).to(dtype)
