"""What the page reads of runs: a list, one of them with its curves and measures, the rows behind a cell."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from cutaway.core.errors import MissingFileError, UnknownNameError, UsageError
from cutaway.finetuning.measures.all_measures import measure_all, row_losses
from cutaway.finetuning.measures.calibration import BINS
from cutaway.finetuning.runs.curves import read_history
from cutaway.finetuning.runs.diff import diff
from cutaway.finetuning.runs.explain import explain
from cutaway.finetuning.runs.predictions import PREDICTIONS, Answers, read_answers
from cutaway.finetuning.runs.record import RunRecord
from cutaway.finetuning.runs.store import Store
from cutaway.finetuning.saved import CONFIG, WEIGHTS
from cutaway.lab.experiments.recorded import recorded_runs

SHIPPED = "sentiment"
LISTED = 500
PAGE = 20
SHOWN_CHARACTERS = 600
MOST_STEPS = 1500
# What is drawn of a step and of an epoch.
STEP = ("step", "loss", "rate", "gradient_norm")
EPOCH = ("epoch", "training_loss", "validation", "seconds", "best")
MOST_FLIPS = 100
# An id is hex digits, a name is what a folder may be called: no path is looked for.
NAME = re.compile(r"[^/\\\0]{1,200}")


def all_runs() -> list[RunRecord]:
    """Return the runs of the store, the newest first, and then the recorded ones."""
    return [*Store.open().list()[:LISTED], *recorded_runs()]


def find_run(wanted: str) -> RunRecord:
    """Return one run.

    Args:
        wanted: its id, or its name: then the newest of that name; never a path.

    Returns:
        The record.

    Raises:
        UnknownNameError: there is none.
    """
    runs = all_runs() if NAME.fullmatch(wanted) else []
    for asked in ("id", "name"):
        for record in runs:
            if getattr(record, asked) == wanted:
                return record
    raise UnknownNameError(f"there is no run {wanted[:80]!r} here: it may have been deleted")


def classifier_place(wanted: str) -> str | Path:
    """Return what `Classifier.load` takes for a run.

    Args:
        wanted: "sentiment", which is shipped; or a run's id or name.

    Returns:
        The catalog name, or the run's folder.

    Raises:
        UsageError: the run left no classifier.
    """
    if wanted == SHIPPED:
        return wanted
    record = find_run(wanted)
    if record.kind != "finetune" or not all((record.folder / name).is_file() for name in (CONFIG, WEIGHTS)):
        raise UsageError(f"the run {record.name} left no classifier: choose another, or {SHIPPED}")
    return record.folder


def summary(record: RunRecord) -> dict[str, Any]:
    """Return what a list shows of a run.

    Args:
        record: of the run.
    """
    recorded = any(record.id == one.id for one in recorded_runs())
    kept = ("id", "name", "kind", "status", "started", "ended", "note")
    return {
        **{name: getattr(record, name) for name in kept},
        "measures": dict(record.measures),
        "data": str(record.data.get("source", "")),
        "settings": dict(record.settings),
        "seconds": record.seconds,
        "recorded": recorded,
        "here": record.place == "here",
        "answers": (record.folder / PREDICTIONS).is_file(),
        "classifier": record.name == SHIPPED or (record.folder / CONFIG).is_file(),
    }


def whole(record: RunRecord) -> dict[str, Any]:
    """Return a run with its curves, and what its answers are worth.

    Args:
        record: of the run.
    """
    told = {**summary(record), "steps": [], "epochs": [], "measured": None, "findings": []}
    if record.place != "here":
        return told
    try:
        history = read_history(record.folder)
        told["steps"] = _thinned([_part(asdict(step), STEP) for step in history.steps])
        told["epochs"] = [_part(asdict(epoch), EPOCH) for epoch in history.epochs]
    except MissingFileError:
        pass
    answers = answers_of(record)
    if answers is not None and len(answers):
        told["measured"] = _measured(record.id, record.ended or "")
    told["findings"] = [
        {"rule": found.rule, "sentence": found.sentence, "advice": found.advice}
        for found in explain(record).findings
    ]
    return told


def compared(first: RunRecord, second: RunRecord) -> dict[str, Any]:
    """Return two runs side by side: settings, what they answered differently, and whether that is noise.

    Args:
        first: of the run to compare with.
        second: of the other.
    """
    told = diff(first, second).to_json()
    comparison = told["comparison"]
    if comparison is not None:
        comparison["flipped"] = len(comparison["flips"])
        comparison["flips"] = [
            {**flip, "text": flip["text"][:SHOWN_CHARACTERS]} for flip in comparison["flips"][:MOST_FLIPS]
        ]
    runs = [
        {**summary(record), "epochs": [_part(epoch, EPOCH) for epoch in side["epochs"]]}
        for record, side in zip((first, second), told["runs"], strict=True)
    ]
    return {**told, "runs": runs}


def plain(value: Any) -> Any:
    """Return values as JSON has them: what is no number becomes none, arrays become lists.

    Args:
        value: nested dictionaries and lists.

    Example:
        >>> plain({"loss": float("nan"), "counts": (1, 2)})
        {'loss': None, 'counts': [1, 2]}
    """
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def answers_of(record: RunRecord) -> Answers | None:
    """Return a run's answers to its held-out examples; None if it left none.

    Args:
        record: of the run.
    """
    try:
        return read_answers(record.folder)
    except MissingFileError:
        return None


def rows_behind(
    record: RunRecord, *, cell: tuple[int, int] | None, part: int | None, offset: int
) -> dict[str, Any]:
    """Return the rows behind a cell of the confusion matrix or a bar of the reliability diagram.

    Args:
        record: of the run.
        cell: true class and answer; None for all.
        part: the bin of confidence; None for all.
        offset: of the page.

    Returns:
        How many there are, and a page of them, the most certain first.

    Raises:
        MissingFileError: the run left no answers.
    """
    answers = answers_of(record)
    if answers is None:
        raise MissingFileError(f"the run {record.name} left no answers to held-out examples")
    answered, sure = answers.probabilities.argmax(1), answers.probabilities.max(1)
    inside = np.ones(len(answers), dtype=bool)
    if cell is not None:
        inside &= (answers.truth == cell[0]) & (answered == cell[1])
    if part is not None:
        inside &= np.minimum((sure.astype(np.float64) * BINS).astype(np.int64), BINS - 1) == part
    found = np.flatnonzero(inside)
    found = found[np.argsort(-sure[found], kind="stable")]
    losses = row_losses(answers)
    return {
        "count": len(found),
        "offset": offset,
        "rows": [
            {
                "row": int(answers.rows[at]),
                "text": answers.texts[at][:SHOWN_CHARACTERS],
                "left_out": max(0, len(answers.texts[at]) - SHOWN_CHARACTERS),
                "truth": answers.classes[answers.truth[at]],
                "answer": answers.classes[answered[at]],
                "confidence": float(sure[at]),
                "loss": float(losses[at]),
            }
            for at in found[offset : offset + PAGE]
        ],
    }


@lru_cache(maxsize=32)
def _measured(run: str, ended: str) -> dict[str, Any]:
    """The measures with their intervals, drawn a thousand times: once a run, not at each look at it."""
    answers = answers_of(find_run(run))
    return measure_all(answers).to_json() if answers is not None else {}


def _part(told: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: told[name] for name in names}


def _thinned(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most so many steps, evenly drawn, the last among them."""
    every = -(-len(steps) // MOST_STEPS) or 1
    return [step for at, step in enumerate(steps) if at % every == 0 or at == len(steps) - 1]
