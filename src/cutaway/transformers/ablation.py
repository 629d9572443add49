"""Ablation: what the answer would be without a head, a feed-forward layer or a whole layer.

Attention weights say where a head reads, the ledger what it wrote; neither says that the answer depends on
it: other heads may read what it wrote, or write the same. Jain and Wallace 2019 (arXiv:1902.10186) found
other weights that give the same answers; Wiegreffe and Pinter 2019 (arXiv:1908.04626) reply that weights may
still explain, if tested. This is a test: the part is taken out, and the model asked again.

Legend: B copies of a text, T tokens, L layers, H heads, d numbers per head, D width, F feed-forward width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from torch import Tensor, nn

from cutaway.core.errors import UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.transformers.question import Question

if TYPE_CHECKING:
    from cutaway.transformers.block import Block

Kind = Literal["head", "attention", "feed-forward", "layer"]
Replacement = Literal["zero", "mean"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """Something that can be taken out of a model.

    Attributes:
        kind: one head; all heads of a layer; its feed-forward; or both ("layer").
        layer: from 0.
        head: from 0; of a head only.
    """

    kind: Kind
    layer: int
    head: int | None = None

    def __post_init__(self) -> None:
        if (self.kind == "head") != (self.head is not None):
            raise UsageError(f"a {self.kind} with head {self.head}: only a head has a number")

    @property
    def name(self) -> str:
        """In words."""
        return (
            f"layer {self.layer}"
            + {
                "head": f", head {self.head}",
                "attention": ", all heads",
                "feed-forward": ", feed-forward",
                "layer": "",
            }[self.kind]
        )


def ablate(question: Question, parts: Sequence[Part], *, replacement: Replacement = "zero") -> float:
    """Return the answer without some parts, all of them out at once.

    Args:
        question: the answer.
        parts: what to take out; nothing changes nothing.
        replacement: "zero" silences a part, as if its output weights were 0 (its biases stay); "mean" lets
            it write at each token what it writes on average over this text.

    Returns:
        The answer.

    Raises:
        UsageError: the model has no such part, or no such replacement is known.
    """
    return float(_answers(question, [tuple(parts)], replacement)[0])


def switchboard(question: Question, *, replacement: Replacement = "zero") -> Trace:
    """Take out every head, every layer's heads, every feed-forward and every layer, one by one.

        change = answer without the part − answer

    All of them are copies of the text in one batch, each with another switch off.

    Args:
        question: the answer.
        replacement: as for `ablate`.

    Returns:
        A trace. Axes ("layer", "head"): `head_change`. Axes ("layer",): `attention_change`,
        `feed_forward_change`, `layer_change`. Single: `answer`.

    Raises:
        UsageError: the replacement is none of these.

    Source:
        Michel, Levy and Neubig 2019, arXiv:1905.10650, section 3 (one head at a time).
    """
    config, kinds = question.model.config, ("attention", "feed-forward", "layer")
    layers, every = range(config.layers), range(config.block.heads)
    rec = Recorder(f"{question.readout.name} without each part ({replacement} in its place)")
    answer = rec.keep("answer", question.answer(), axes=(), formula=question.readout.name)
    heads = [[Part(kind="head", layer=at, head=head) for head in every] for at in layers]
    columns = [[Part(kind=cast(Kind, kind), layer=at) for at in layers] for kind in kinds]
    asked = [part for row in (*heads, *columns) for part in row]
    change = _answers(question, [(part,) for part in asked], replacement) - answer
    count = sum(map(len, heads))
    of_heads, of_layers = change[:count], change[count:].view(3, -1)
    without = f"answer without it ({replacement} in its place) − answer"
    rec.keep(
        "head_change",
        of_heads.view(len(heads), -1),
        axes=("layer", "head"),
        formula=without,
        inputs=("answer",),
    )
    for name, changes in zip(("attention", "feed_forward", "layer"), of_layers, strict=True):
        rec.keep(f"{name}_change", changes, axes=("layer",), formula=without, inputs=("answer",))
    rec.fact("answer", question.readout.name)
    rec.fact("replacement", replacement)
    return rec.finish()


def _answers(question: Question, sets: Sequence[tuple[Part, ...]], replacement: Replacement) -> Tensor:
    """The answer without each set of parts, float64."""
    if replacement not in ("zero", "mean"):
        raise UsageError(f"replacement is {replacement!r}: choose zero or mean")
    config = question.model.config
    heads = torch.ones(len(sets), config.layers, config.block.heads)  # (B, L, H)
    feed = torch.ones(len(sets), config.layers, 1)  # (B, L, 1)
    for copy, parts in enumerate(sets):
        for part in parts:
            _switch_off(part, heads[copy], feed[copy])
    fills = _means(question) if replacement == "mean" else None
    answers = []
    with torch.inference_mode():
        for at in question.in_batches(len(sets)):
            with _switched(question, heads[at], feed[at], fills):
                answers.append(question.scores(len(heads[at])).double().cpu())
    return torch.cat(answers).clone()


def _switch_off(part: Part, heads: Tensor, feed: Tensor) -> None:
    if not 0 <= part.layer < len(heads) or (part.head is not None and not 0 <= part.head < heads.shape[1]):
        raise UsageError(f"there is no {part.name}: there are {len(heads)} layers of {heads.shape[1]} heads")
    if part.kind != "feed-forward":
        heads[part.layer, slice(None) if part.head is None else part.head] = 0
    if part.kind in ("feed-forward", "layer"):
        feed[part.layer] = 0


def _means(question: Question) -> tuple[Tensor, Tensor]:
    """What heads mix, (L, D), and what feed-forward layers hold, (L, F), on average over the tokens."""
    trace = question.trace()
    mixed = torch.from_numpy(trace["mixed"].mean(2))  # (L, H, d)
    return mixed.flatten(1), torch.from_numpy(trace["hidden"].mean(1))


@contextmanager
def _switched(
    question: Question, heads: Tensor, feed: Tensor, fills: tuple[Tensor, Tensor] | None
) -> Iterator[None]:
    """While open, scale what goes into each output projection, head by head and copy by copy."""
    with ExitStack() as stack:
        for at, block in enumerate(cast("Sequence[Block]", question.model.blocks)):
            for layer, keep, fill in (
                (block.output, heads[:, at], fills and fills[0][at]),
                (block.down, feed[:, at], fills and fills[1][at]),
            ):
                if bool((keep == 0).any()):
                    handle = cast(nn.Module, layer).register_forward_pre_hook(_switch(keep, fill))
                    stack.callback(handle.remove)
        yield


def _switch(keep: Tensor, fill: Tensor | None) -> Callable[[nn.Module, tuple[Any, ...]], tuple[Any, ...]]:
    """A hook on a linear layer: of each copy, the pieces that are switched off give way to the fill."""

    def replace(_: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        x: Tensor = given[0]
        pieces = x.view(keep.shape[0], -1, keep.shape[1], x.shape[-1] // keep.shape[1])
        on = keep.to(x)[:, None, :, None]
        kept = pieces * on
        if fill is not None:
            kept = kept + fill.to(x).view(pieces.shape[2:]) * (1 - on)
        return (kept.view(x.shape), *given[1:])

    return replace
