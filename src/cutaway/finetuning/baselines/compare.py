"""Baselines by name, each trained and scored on the same rows, so that a fine-tuning knows what to beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, UsageError
from cutaway.finetuning.baselines.baseline import Baseline, numbered
from cutaway.finetuning.data import Labelled
from cutaway.finetuning.measures.bootstrap import mean_interval
from cutaway.finetuning.metrics import log_loss

# The LSTM takes minutes: it is trained where it is named, not among all.
ALL = ("majority", "tfidf", "nb", "bag", "frozen")
NAMES = (*ALL, "lstm")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One baseline on held-out rows.

    Attributes:
        name: "majority", "tfidf", "nb", "bag", "frozen" or "lstm".
        title: what it is.
        accuracy: on the held-out rows.
        low: of its 95 % interval.
        high: of its 95 % interval.
        loss: nats.
        training_seconds: texts to model.
        scoring_seconds: for the held-out rows.
        size: bytes.
    """

    name: str
    title: str
    accuracy: float
    low: float
    high: float
    loss: float
    training_seconds: float
    scoring_seconds: float
    size: int


def baselines(asked: str, *, model: str) -> Mapping[str, Baseline]:
    """Return the baselines that a name stands for.

    Args:
        asked: one name, several with commas between, or "all" (not the LSTM, which takes minutes).
        model: the encoder of the frozen one.

    Returns:
        Settings by name, the quickest first.

    Raises:
        UsageError: there is no such baseline.
    """
    wanted = [name.strip() for name in asked.split(",")]
    odd = [name for name in wanted if name not in (*NAMES, "all")]
    if odd:
        raise UsageError(f"there is no baseline {odd[0]!r}: choose among {', '.join(NAMES)}, or all")
    names = [name for name in NAMES if name in wanted or ("all" in wanted and name in ALL)]
    return {name: _make(name, model) for name in names}


def compare(
    chosen: Mapping[str, Baseline],
    training: Labelled,
    held: Labelled,
    *,
    told: Callable[[str], object] = lambda name: None,
) -> list[Comparison]:
    """Train each baseline and score it.

    Args:
        chosen: by name.
        training: the rows to train on.
        held: the rows to score on.
        told: called with a baseline's name before it is trained.

    Returns:
        A comparison each, in the order given.

    Raises:
        DataError: a held-out label is not among the training rows.
    """
    classes, _ = numbered(training.labels)
    unseen = sorted(set(held.labels) - set(classes))
    if unseen:
        raise DataError(f"no training row has the held-out label {unseen[0]!r}: {classes}")
    truth = np.array([classes.index(label) for label in held.labels], dtype=np.int64)
    found = []
    for name, baseline in chosen.items():
        told(name)
        started = perf_counter()
        fitted = baseline.fit(training.texts, training.labels)
        trained = perf_counter()
        probabilities = fitted.probabilities(held.texts)
        scored = perf_counter()
        right: NDArray[np.bool_] = probabilities.argmax(1) == truth
        interval = mean_interval(right)
        found.append(
            Comparison(
                name=name,
                title=baseline.title,
                accuracy=float(right.mean()),
                low=interval.low,
                high=interval.high,
                loss=log_loss(probabilities, truth),
                training_seconds=trained - started,
                scoring_seconds=scored - trained,
                size=fitted.size,
            )
        )
    return found


def best_of(found: Sequence[Comparison]) -> Comparison:
    """Return the most accurate one; of equals the smallest.

    Args:
        found: at least one.
    """
    return max(found, key=lambda one: (one.accuracy, -one.size))


def _make(name: str, model: str) -> Baseline:
    """Only what is asked for is imported: torch is not loaded for counting words."""
    if name == "majority":
        from cutaway.finetuning.baselines.majority import Majority

        return Majority()
    if name == "tfidf":
        from cutaway.finetuning.baselines.tfidf import TfIdf

        return TfIdf()
    if name == "nb":
        from cutaway.finetuning.baselines.naive_bayes import NaiveBayes

        return NaiveBayes()
    if name == "bag":
        from cutaway.finetuning.baselines.bag import Bag

        return Bag()
    if name == "frozen":
        from cutaway.finetuning.baselines.frozen import Frozen

        return Frozen(model=model)
    from cutaway.finetuning.baselines.lstm import Lstm

    return Lstm()
