"""What fine-tuning changed, and one answer with what each token did for it.

Legend: T tokens, D width, C classes.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from cutaway.core.errors import DataError
from cutaway.core.trace import Trace
from cutaway.lab.figures.figure import Explainer, Figure, literal
from cutaway.lab.figures.why import Parts, Term, products, single

if TYPE_CHECKING:
    from cutaway.finetuning.classifier import Classifier

MODEL = "sentiment"
LOADED = 4


@lru_cache(maxsize=LOADED)
def classifier_of(place: str | Path) -> Classifier:
    """Return a trained classifier, loaded once.

    Args:
        place: a catalog name or a run's folder.
    """
    from cutaway.finetuning.classifier import Classifier

    return Classifier.load(place)


def adapter(*, layer: int, target: str, place: str | Path = MODEL) -> Figure:
    """Show one adapter.

    Args:
        layer: from 1.
        target: which linear layer.
        place: a catalog name or a run's folder.

    Returns:
        The trace of `trace_adapter`; each number of the change is a sum over the rank.
    """
    from cutaway.finetuning.lora_trace import trace_adapter

    trace = trace_adapter(place, layer=layer, target=target)
    a, b, scale = trace["a"], trace["b"], float(trace.facts["scale"] or 1)

    def change(at: tuple[int, ...]) -> Parts:
        row, column = at
        labels = [f"rank {name}" for name in trace.labels["rank"]]
        terms = products(labels, ("B", "A"), b[row], a[:, column])
        return Parts(terms=terms, then=f"× α / r = {scale:g}", last=lambda total: scale * total)

    def merged(at: tuple[int, ...]) -> Parts:
        return Parts(terms=[single("W", trace["weight"][at]), single("ΔW", trace["change"][at])])

    python = "\n".join(
        (
            "from cutaway.finetuning.lora_trace import trace_adapter",
            f"trace = trace_adapter({python_name(place)}, layer={layer}, target={literal(target)})",
            'trace["change"]  # (α / r) B A',
        )
    )
    return Figure(trace=trace, python=python, whys={"change": change, "merged": merged})


def prediction(text: str, *, place: str | Path = MODEL) -> Figure:
    """Classify a text, and split the answer's lead over the next among the tokens.

    Args:
        text: not empty.
        place: a catalog name or a run's folder.

    Returns:
        `logits` and `probabilities` (C,); `attribution` (T,), which sums to the difference of the two highest
        logits, less what a text without words has; facts `label`, `against`, `confidence`.

    Raises:
        DataError: there is no word in the text.
    """
    from cutaway.transformers.attributions import integrated_gradients
    from cutaway.transformers.question import Question, Readout

    if not text.strip():
        raise DataError("the text holds no word: type a sentence")
    model = classifier_of(place)
    whole = model.trace(text)
    tokens = [str(token) for token in whole.table("tokens").column("token")]
    ids = [int(number or 0) for number in whole.table("tokens").column("id")]
    first, second = (int(at) for at in whole["logits"].argsort()[::-1][:2])
    labels = model.settings.labels
    weight, bias = model.head.weight.detach(), model.head.bias.detach()
    readout = Readout(
        name=f"logit of {labels[first]} − logit of {labels[second]}",
        places=torch.full((len(ids),), 1 / len(ids)),
        weight=weight[first] - weight[second],
        bias=float(bias[first] - bias[second]),
    )
    question = Question(model=model.encoder, ids=np.array(ids), readout=readout, tokens=tokens)
    found = integrated_gradients(question)
    trace = _joined(whole, found)
    more = {
        "label": labels[first],
        "against": labels[second],
        "confidence": float(whole["probabilities"][first]),
        "error": float(found.facts["error"] or 0),
        "tokens": [
            {"text": str(token), "start": int(start or 0), "end": int(end or 0)}
            for token, _, start, end in whole.table("tokens").rows
        ],
    }
    python = (
        f"import cutaway\ntrace = cutaway.Classifier.load({python_name(place)}).trace({literal(text)})\ntrace"
    )
    python += '["probabilities"]'
    return Figure(trace=trace, python=python, whys=_whys(trace, found), more=more)


def _joined(whole: Trace, found: Trace) -> Trace:
    """The head's arrays and the attributions; what lies between them is room 4's."""
    kept = ("head_weight", "head_bias", "pooled", "logits", "probabilities")
    arrays = {name: whole.arrays[name] for name in kept}
    arrays |= {name: found.arrays[name] for name in ("attribution", "answer", "baseline_answer")}
    return Trace(
        title="text to label",
        arrays=arrays,
        tables={"tokens": whole.tables["tokens"]},
        steps=(*(step for step in whole.steps if step.output in kept), *found.steps),
        labels={"label": whole.labels["label"], "token": found.labels["token"]},
        facts=dict(found.facts),
    )


def _whys(trace: Trace, found: Trace) -> dict[str, Explainer]:
    names, logits = trace.labels["label"], trace["logits"]
    step, gradient = found["token_vectors"] - found["baseline_vectors"], found["mean_gradient"]

    def logit(at: tuple[int, ...]) -> Parts:
        units = [f"h {unit}" for unit in range(len(trace["pooled"]))]
        terms = products(units, ("W", "h"), trace["head_weight"][at[0]], trace["pooled"])
        return Parts(terms=[*terms, single("bias", trace["head_bias"][at[0]])])

    def probability(at: tuple[int, ...]) -> Parts:
        # Less the largest: the shares are the same, and no exponential overflows.
        exps = [math.exp(float(z) - float(logits.max())) for z in logits]
        terms = [
            Term(label=name, factors=[("s", float(z)), ("e^(s − max)", e)], value=e)
            for name, z, e in zip(names, logits, exps, strict=True)
        ]
        mine = exps[at[0]]
        return Parts(
            terms=terms,
            then=f"e^(s − max) of {names[at[0]]}, {mine:.6g}, ÷ the sum",
            last=lambda total: mine / total,
        )

    def attribution(at: tuple[int, ...]) -> Parts:
        units = [f"unit {unit}" for unit in range(step.shape[1])]
        return Parts(terms=products(units, ("e − e′", "mean ∂F/∂e"), step[at[0]], gradient[at[0]]))

    return {"logits": logit, "probabilities": probability, "attribution": attribution}


def python_name(place: str | Path) -> str:
    """Return a place as a line of Python names it.

    Args:
        place: a catalog name or a run's folder.
    """
    return literal(str(place))
