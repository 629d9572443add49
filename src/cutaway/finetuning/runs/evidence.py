"""What the rules look at: a run's curves, smoothed, its answers, and what knowing nothing would score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import MissingFileError
from cutaway.finetuning.runs.curves import read_history
from cutaway.finetuning.runs.predictions import Answers, read_answers
from cutaway.finetuning.runs.record import RunRecord
from cutaway.training.history import History

Way = Literal["raised", "lowered", "changed"]

# Steps whose losses are averaged: one batch of a few examples says little.
WINDOW = 5


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that a run's numbers say.

    Attributes:
        rule: its name, such as "over-fitting".
        sentence: what was found, with the numbers.
        advice: what to do.
        evidence: the numbers by name.
        settings: what brings it about: last parts of settings' names, and which way they changed.
    """

    rule: str
    sentence: str
    advice: str
    evidence: dict[str, Any]
    settings: Mapping[str, Way] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A run as the rules see it.

    Attributes:
        record: of the run.
        history: its curves; empty if it left none.
        answers: to its held-out examples; None if it left none.
        chance: the loss of a model that only knows the classes' shares, nats; None without classes.
        smooth: means of the training loss over five steps in a row; empty if there are fewer.
    """

    record: RunRecord
    history: History
    answers: Answers | None
    chance: float | None
    smooth: NDArray[np.float64]


def evidence_of(record: RunRecord) -> Evidence:
    """Read a run's folder.

    Args:
        record: of the run.

    Returns:
        What is there.

    Raises:
        MissingFileError: the folder is gone.
    """
    if record.place != "here":
        raise MissingFileError(f"the folder of run {record.name} is {record.place}: {record.folder}")
    try:
        history = read_history(record.folder)
    except MissingFileError:
        history = History()
    try:
        answers = read_answers(record.folder)
    except MissingFileError:
        answers = None
    return Evidence(
        record=record,
        history=history,
        answers=answers,
        chance=_chance(record),
        smooth=smoothed([step.loss for step in history.steps]),
    )


def chance_loss(classes: Any) -> float | None:
    """Return the entropy of the classes' shares, in nats: what a model scores that looks at no text.

    Args:
        classes: rows by class, as a record has them; None if there are none.

    Example:
        >>> round(chance_loss({"negative": 500, "positive": 500}), 4)
        0.6931
    """
    if not isinstance(classes, dict) or len(classes) < 2:
        return None
    counts = [int(count) for count in classes.values() if count]
    return -sum(count / sum(counts) * math.log(count / sum(counts)) for count in counts)


def _chance(record: RunRecord) -> float | None:
    classes = record.data.get("classes")
    if record.settings.get("class_weights") == "balanced" and isinstance(classes, dict):
        return math.log(max(1, len(classes)))  # every class weighs the same
    return chance_loss(classes)


def smoothed(values: Sequence[float]) -> NDArray[np.float64]:
    """Return means of five values in a row.

    Args:
        values: one a step.

    Example:
        >>> smoothed([1, 1, 1, 1, 6, 1]).round(4).tolist()
        [2.0, 2.0]
    """
    if len(values) < WINDOW:
        return np.zeros(0)
    return np.convolve(np.array(values, dtype=np.float64), np.full(WINDOW, 1 / WINDOW), mode="valid")
