"""Why a text got its label: what each token did for it, and the texts of a table that look most alike.

Legend: T tokens, D width, B texts of a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from cutaway.core.errors import UsageError
from cutaway.core.trace import Trace
from cutaway.finetuning.data import Labelled
from cutaway.finetuning.inputs import Row, rows_of
from cutaway.training.batches import token_budget_batches
from cutaway.transformers.attributions import integrated_gradients
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.prepared import BUDGETS
from cutaway.transformers.questions import why_mean

if TYPE_CHECKING:
    from cutaway.finetuning.classifier import Classifier


@dataclass(frozen=True, kw_only=True)
class Neighbor:
    """A labelled text that the classifier reads much like another.

    Attributes:
        row: its number in the table, from 0.
        text: the text.
        label: its label there.
        similarity: cosine of the two pooled vectors.
    """

    row: int
    text: str
    label: str
    similarity: float


def explain(classifier: Classifier, text: str, *, label: str | None = None) -> Trace:
    """Attribute a label's lead over its closest rival to the tokens that were read.

    Args:
        classifier: adapters merged.
        text: not empty.
        label: which label to explain; the likeliest if not given.

    Returns:
        The trace of `integrated_gradients`: `attribution` sums to the difference of the two labels'
        logits, less that of a text that says nothing; facts `label` and `against`.

    Raises:
        UsageError: there is no such label.
    """
    labels = classifier.settings.labels
    if label is not None and label not in labels:
        raise UsageError(f"there is no label {label!r}: the model knows {list(labels)}")
    row = rows_of(classifier.tokenizer, [text], classifier.settings.inputs)[0]
    with torch.no_grad():
        logits = classifier.eval()(PackedBatch.from_rows([row]))[0]
    wanted = int(logits.argmax()) if label is None else labels.index(label)
    others = logits.clone()
    others[wanted] = -torch.inf
    rival = int(others.argmax())
    tokens = [classifier.tokenizer.token_of(int(token)) for token in row]
    question = why_mean(classifier.encoder, row, classifier.head, wanted, against=rival, tokens=tokens)
    found = integrated_gradients(question)
    return replace(found, facts={**found.facts, "label": labels[wanted], "against": labels[rival]})


def nearest(classifier: Classifier, text: str, labelled: Labelled, *, topn: int = 5) -> list[Neighbor]:
    """Find the texts of a table, such as the training data, that the classifier reads most alike.

    Args:
        classifier: adapters merged.
        text: not empty.
        labelled: the table.
        topn: how many texts.

    Returns:
        The nearest first.

    Raises:
        UsageError: topn is below 1.
    """
    if topn < 1:
        raise UsageError(f"topn is {topn}: ask for 1 text or more")
    settings, tokenizer = classifier.settings.inputs, classifier.tokenizer
    mine = _pooled(classifier, rows_of(tokenizer, [text], settings))[0]
    similarities = _pooled(classifier, rows_of(tokenizer, labelled.texts, settings)) @ mine
    best = np.argsort(-similarities, kind="stable")[:topn].tolist()
    return [
        Neighbor(
            row=at,
            text=labelled.texts[at],
            label=labelled.labels[at],
            similarity=float(similarities[at]),
        )
        for at in best
    ]


def _pooled(classifier: Classifier, rows: Sequence[Row]) -> np.ndarray:
    """What the head sees of each row, scaled to length 1: (B, D) float32."""
    found = np.zeros((len(rows), classifier.encoder.config.width), dtype=np.float32)
    for at in token_budget_batches([len(row) for row in rows], budget=BUDGETS["float32"], seed=None):
        batch = PackedBatch.from_rows([rows[number] for number in at])
        with torch.inference_mode():
            found[at] = F.normalize(classifier.pooled(classifier.encoder.infer(batch), batch), dim=-1).numpy()
    return found
