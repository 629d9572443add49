"""The attention bench: one head of one layer, each number of it with its operands.

Legend: T tokens, D width, d numbers a head.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from cutaway.core.errors import UsageError
from cutaway.core.trace import NamedArray, Trace
from cutaway.lab.figures.editing import Edit, edited, lines_of
from cutaway.lab.figures.figure import Explainer, Figure, literal
from cutaway.lab.figures.finetuning import MODEL, classifier_of, python_name
from cutaway.lab.figures.why import Parts, Term, products, single

if TYPE_CHECKING:
    from cutaway.finetuning.classifier import Classifier
    from cutaway.transformers.block import Block

# Arrays with an entry for every layer and head; the bench shows one of them.
BY_HEAD = ("q", "k", "v", "scores", "weights", "mixed")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One head, and what is set by hand in it.

    Attributes:
        layer: which, from 1.
        head: which, from 1.
        edits: numbers that are not the model's.
        place: a catalog name or a run's folder.
    """

    layer: int
    head: int
    edits: Sequence[Edit] = ()
    place: str | Path = MODEL


def bench(text: str, setting: Bench) -> Figure:
    """Trace a text and keep one head.

    Args:
        text: any string with a word in it.
        setting: the head.

    Returns:
        The arrays `x` (T, D), `q`, `k`, `v`, `mixed` (T, d), `scores`, `weights` (T, T); and of `edited`, if
        numbers are set.

    Raises:
        UsageError: there is no such layer or head.
    """
    classifier = classifier_of(setting.place)
    trace = classifier.trace(text)
    layers, heads = trace["weights"].shape[:2]
    layer, head = setting.layer, setting.head
    if not (1 <= layer <= layers and 1 <= head <= heads):
        raise UsageError(f"layer {layer}, head {head}: this model has {layers} layers of {heads} heads")
    plain = _one_head(trace, layer - 1, head - 1)
    one = edited(plain, setting.edits) if setting.edits else plain
    whys = _whys(one, classifier, (layer - 1, head - 1), setting.edits)
    return Figure(
        trace=one,
        python=_python(text, setting),
        whys=whys,
        more={"layers": layers, "heads": heads, "left_out": _left_out(classifier, text, one)},
    )


def _left_out(classifier: Classifier, text: str, trace: Trace) -> int:
    """Return how many tokens of the text the model had no room for."""
    ends = 2  # [CLS] and [SEP]
    return len(classifier.tokenizer.encode(text, special=False).ids) - (len(trace.labels["token"]) - ends)


def _one_head(trace: Trace, layer: int, head: int) -> Trace:
    before = trace["embedded"] if layer == 0 else trace["output"][layer - 1]  # (T, D)
    arrays = {"x": NamedArray(name="x", axes=("token", "width"), values=before)}
    for name in BY_HEAD:
        whole = trace.arrays[name]
        arrays[name] = NamedArray(name=name, axes=whole.axes[2:], values=whole.values[layer, head])
    given = trace.step("embedded" if layer == 0 else "output")
    steps = (replace(given, output="x"), *(step for step in trace.steps if step.output in BY_HEAD))
    facts = {**trace.facts, "layer": layer + 1, "head": head + 1}
    tables = {"tokens": trace.tables["tokens"]}
    return Trace(
        title=f"layer {layer + 1}, head {head + 1}",
        arrays=arrays,
        tables=tables,
        steps=steps,
        labels=trace.labels,
        facts=facts,
    )


def _whys(
    trace: Trace, classifier: Classifier, place: tuple[int, int], edits: Sequence[Edit]
) -> dict[str, Explainer]:
    x, q, k, v, scores, weights = (trace[name] for name in ("x", "q", "k", "v", "scores", "weights"))
    tokens, size = trace.labels["key"], q.shape[1]
    units = [f"unit {at}" for at in range(size)]

    def score(at: tuple[int, ...]) -> Parts:
        row, column = at
        terms = products(units, ("q", "k"), q[row], k[column])
        root = math.sqrt(size)
        return Parts(terms=terms, then=f"÷ √{size}", last=lambda total: total / root)

    def weight(at: tuple[int, ...]) -> Parts:
        row, column = at
        largest = float(scores[row].max())
        exps = [math.exp(float(s) - largest) for s in scores[row]]
        terms = [
            Term(label=token, factors=[("s", float(s)), ("e^(s − max)", e)], value=e)
            for token, s, e in zip(tokens, scores[row], exps, strict=True)
        ]
        mine = exps[column]
        return Parts(
            terms=terms,
            then=f"e^(s − max) of {tokens[column]}, {mine:.6g}, ÷ the sum",
            last=lambda total: mine / total,
        )

    def mixture(at: tuple[int, ...]) -> Parts:
        row, unit = at
        return Parts(terms=products(tokens, ("w", "v"), weights[row], v[:, unit]))

    makers = {name: _linear(classifier, name, place, x) for name in ("q", "k", "v")}
    whys = {"scores": score, "weights": weight, "mixed": mixture, **makers}
    return {name: _by_hand(name, explainer, edits) for name, explainer in whys.items()}


def _by_hand(name: str, explainer: Explainer, edits: Sequence[Edit]) -> Explainer:
    """Answer for a number that is set by hand: it has no operands."""
    given = {(edit.row, edit.column): edit.value for edit in edits if edit.array == name}

    def asked(at: tuple[int, ...]) -> Parts:
        row, column = at
        if (row, column) in given:
            return Parts(terms=[single("set by hand", given[row, column])])
        return explainer(at)

    return asked


def _linear(classifier: Classifier, name: str, place: tuple[int, int], x: np.ndarray) -> Explainer:
    """Say how a number of q, k or v comes from a token's vector."""
    layer, head = place
    block = cast("Block", classifier.encoder.blocks[layer])
    made = {"q": block.query, "k": block.key, "v": block.value}[name]
    size = made.weight.shape[0] // block.config.heads
    matrix, bias = made.weight.detach().numpy(), made.bias.detach().numpy()

    def explainer(at: tuple[int, ...]) -> Parts:
        token, unit = at
        row = head * size + unit
        labels = [f"x {number}" for number in range(x.shape[1])]
        return Parts(terms=[*products(labels, ("x", "W"), x[token], matrix[row]), single("bias", bias[row])])

    return explainer


def _python(text: str, setting: Bench) -> str:
    layer, head = setting.layer - 1, setting.head - 1
    load = f"trace = cutaway.Classifier.load({python_name(setting.place)}).trace({literal(text)})"
    if not setting.edits:
        last = f'trace["weights"][{layer}, {head}]  # rows look, columns are looked at'
        return "\n".join(("import cutaway", load, last))
    copies = f'q, k, v = (trace[name][{layer}, {head}].astype(float) for name in "qkv")'
    return "\n".join(("import cutaway", "import numpy as np", load, copies, *lines_of(setting.edits)))
