"""Scoring a classifier on labelled texts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cutaway.core.errors import DataError
from cutaway.finetuning.classifier import Classifier
from cutaway.finetuning.data import Labelled
from cutaway.finetuning.inputs import rows_of
from cutaway.finetuning.metrics import measure
from cutaway.transformers.products import Precision


def evaluate(
    classifier: Classifier,
    labelled: Labelled,
    *,
    precision: Precision = "float32",
    told: Callable[[int], object] = lambda count: None,
) -> dict[str, float]:
    """Return loss (nats), accuracy and calibration error on labelled texts.

    Args:
        classifier: trained.
        labelled: texts with their true classes.
        precision: see `Classifier.predict`.
        told: called with the number of texts that were just answered.

    Returns:
        The three measures by name.

    Raises:
        DataError: a label is not among the classifier's classes.
    """
    classes = classifier.settings.labels
    unseen = sorted(set(labelled.labels) - set(classes))
    if unseen:
        raise DataError(f"the data has the label {unseen[0]!r}, the model only knows {list(classes)}")
    truth = np.array([classes.index(label) for label in labelled.labels], dtype=np.int64)
    rows = rows_of(classifier.tokenizer, labelled.texts, classifier.settings.inputs)
    probabilities = np.zeros((len(rows), len(classes)), dtype=np.float32)
    for at, answer in classifier.predict_rows(rows, precision=precision):
        probabilities[at] = answer
        told(len(at))
    return measure(probabilities, truth)
