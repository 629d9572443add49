"""Runs as the API tells them: a list, one as a whole, held-out rows, two side by side."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from cutaway.lab.answers.answer import Answered


class Passed(Answered):
    """A part that room 5 made and the lab passes on: what is promised is there, and there may be more."""

    model_config = ConfigDict(extra="ignore", strict=True)


class RunSummary(Answered):
    """What a list shows of a run; a measure that is no number is told as none."""

    id: str
    name: str
    kind: str
    status: str
    started: str
    ended: str | None
    note: str
    measures: dict[str, float | None]
    data: str
    settings: dict[str, Any]
    seconds: float | None
    recorded: bool
    here: bool
    answers: bool
    classifier: bool


class RunStep(Answered):
    """One step of a training."""

    step: int
    loss: float | None
    rate: float | None
    gradient_norm: float | None


class RunEpoch(Answered):
    """One epoch of a training."""

    epoch: int
    training_loss: float | None
    validation: dict[str, float | None]
    seconds: float | None
    best: bool


class Interval(Passed):
    """A number and where 95 % of those of other samples would lie."""

    value: float
    low: float
    high: float


class Bin(Passed):
    """Answers of similar confidence."""

    low: float
    high: float
    rows: int
    confidence: float
    accuracy: float


class Measured(Passed):
    """What a run's answers are worth."""

    rows: int
    classes: list[str]
    accuracy: Interval
    log_loss: Interval
    macro_f1: Interval
    micro_f1: float
    matthews: float
    calibration_error: float
    overconfidence: float
    roc_auc: float | None
    average_precision: float | None
    by_class: dict[str, dict[str, float | None]]
    confusion: list[list[int]]
    bins: list[Bin]


class Finding(Answered):
    """Something that a run's numbers say."""

    rule: str
    sentence: str
    advice: str


class RunWhole(RunSummary):
    """A run with its curves, its measures and what they say."""

    steps: list[RunStep]
    epochs: list[RunEpoch]
    measured: Measured | None
    findings: list[Finding]


class HeldOutRow(Answered):
    """A held-out example and what the run answered."""

    row: int
    text: str
    left_out: int
    truth: str
    answer: str
    confidence: float
    loss: float


class RowsAnswer(Answered):
    """A page of held-out examples, of how many."""

    count: int
    offset: int
    rows: list[HeldOutRow]


class Change(Passed):
    """A setting that two runs do not share."""

    name: str
    first: Any
    second: Any
    factor: float | None


class Flip(Passed):
    """An example that one run got right and the other wrong."""

    row: int
    text: str
    truth: str
    first: str
    second: str
    first_confidence: float
    second_confidence: float
    right: str


class DiffSide(Passed):
    """One run on the examples that both held out."""

    accuracy: Interval
    log_loss: Interval
    calibration_error: float
    overconfidence: float
    bins: list[Bin]


class McNemar(Passed):
    """On how many examples one run alone was right, and how likely so uneven a split is."""

    first_only: int
    second_only: int
    p: float
    method: str


class Comparison(Passed):
    """What the shared examples say; of the flipped ones, the surest mistakes."""

    examples: int
    only_first: int
    only_second: int
    first: DiffSide
    second: DiffSide
    difference: Interval
    test: McNemar
    real: bool
    visible: float
    flipped: int
    flips: list[Flip]


class ComparedRun(RunSummary):
    """One of two runs, with its epochs."""

    epochs: list[RunEpoch]


class DiffAnswer(Answered):
    """Two runs side by side."""

    runs: list[ComparedRun]
    settings: list[Change]
    surroundings: list[Change]
    comparison: Comparison | None
    verdict: str
    cause: str
    caveat: str
