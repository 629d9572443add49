"""All that is known of one answer, side by side: who wrote it, what changes it, which tokens it leans on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cutaway.core.trace import Trace
from cutaway.transformers.ablation import switchboard
from cutaway.transformers.attributions import gradient_times_input, integrated_gradients
from cutaway.transformers.ledger import ledger
from cutaway.transformers.question import Question

WARNING = (
    "Attention is not an explanation: a head may look at a token and write nothing towards the answer, and "
    "what a part wrote is not what would change without it, for others may write the same."
)


@dataclass(frozen=True, kw_only=True)
class PartShare:
    """One part of a model and its two figures.

    Attributes:
        name: in words: "layer 4, head 2".
        layer, head: from 0; none for what lies outside of layers, or is no head.
        contribution: what it wrote towards the answer; all together are the answer.
        change: of the answer without the part; none where a part is not switched off, as biases.
    """

    name: str
    layer: int | None
    head: int | None
    contribution: float
    change: float | None


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One answer explained four ways, none of them by attention.

    Attributes:
        question: the answer.
        trace: of its text.
        ledger: contributions, summing to the answer.
        without: the answer's change without each part.
        slopes: gradient times input, token by token.
        integrated: integrated gradients, token by token.
    """

    question: Question
    trace: Trace
    ledger: Trace
    without: Trace
    slopes: Trace
    integrated: Trace

    @property
    def answer(self) -> float:
        """The number that is explained."""
        return float(self.ledger["answer"])

    def parts(self) -> list[PartShare]:
        """Return every part, the largest contribution first, whatever its sign."""
        found = []
        for kind, layer, head, share in self.ledger.tables["parts"].rows:
            at = None if layer is None else int(layer)
            number = None if head is None else int(head)
            found.append(
                PartShare(
                    name=_name(str(kind), at, number),
                    layer=at,
                    head=number,
                    contribution=float(share or 0.0),
                    change=self._change(str(kind), at, number),
                )
            )
        return sorted(found, key=lambda part: -abs(part.contribution))

    def _change(self, kind: str, layer: int | None, head: int | None) -> float | None:
        if layer is None or kind not in ("head", "feed-forward"):
            return None
        if head is None:
            return float(self.without["feed_forward_change"][layer])
        return float(self.without["head_change"][layer, head])


def explain(question: Question, told: Callable[[str], None] = lambda _: None) -> Explanation:
    """Ask everything about one answer.

    Args:
        question: the answer.
        told: called with what is being done next.

    Returns:
        The four explanations, and the trace that they share.

    Example:
        >>> import numpy as np
        >>> import torch
        >>> from cutaway.transformers.bert import Bert
        >>> from cutaway.transformers.question import Readout, one_place
        >>> bert = Bert.load("all-MiniLM-L6-v2")
        >>> readout = Readout(name="first unit", places=one_place(0, 3), weight=torch.eye(384)[0])
        >>> found = explain(Question(model=bert, ids=np.array([101, 2204, 102]), readout=readout))
        >>> abs(sum(part.contribution for part in found.parts()) - found.answer) < 1e-4
        True
    """
    told("the text on the open path")
    trace = question.trace()
    told("the ledger")
    entries = ledger(question, trace)
    told("the answer without each part")
    without = switchboard(question)
    told("gradients")
    slopes = gradient_times_input(question)
    told("integrated gradients")
    integrated = integrated_gradients(question)
    return Explanation(
        question=question,
        trace=trace,
        ledger=entries,
        without=without,
        slopes=slopes,
        integrated=integrated,
    )


def _name(kind: str, layer: int | None, head: int | None) -> str:
    if layer is None:
        return kind
    return f"layer {layer}, {kind}" + ("" if head is None else f" {head}")
