"""Runs made by formula: a record, curves and answers in a folder, without a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cutaway.finetuning.runs.curves import STEPS, write_history
from cutaway.finetuning.runs.predictions import Answers, write_answers
from cutaway.finetuning.runs.process import environment
from cutaway.finetuning.runs.record import RunRecord
from cutaway.finetuning.runs.recorder import write_record
from cutaway.training.history import Epoch, History, Step


def record(folder: Path, **changed: Any) -> RunRecord:
    made = RunRecord(
        name=folder.name,
        kind="finetune",
        folder=folder.resolve(),
        status="finished",
        settings={
            "model": "all-MiniLM-L6-v2",
            "inputs": {"max_tokens": 64},
            "loop": {"epochs": 3, "optimizer": {"rate": 5e-4, "warmup": 0.1, "clip": 1.0}},
        },
        data={
            "source": "reviews.csv",
            "sha256": "ab" * 32,
            "training": 2000,
            "held_out": 1000,
            "classes": {"negative": 1000, "positive": 1000},
            "leaks": 0,
            "leaked": [],
        },
        code="0.1.0+00000000",
        environment=environment(),
        seeds={"all": 0},
        started="2026-01-31T17:00:00.000000Z",
        ended="2026-01-31T17:12:34.000000Z",
    )
    return replace(made, **changed)


def history(
    training: Sequence[float], validation: Sequence[float], steps: Sequence[float] = (), norm: float = 1.0
) -> History:
    """A history with these losses an epoch; `steps` are the losses of all steps, by default the epochs'."""
    losses = list(steps) or [loss for loss in training for _ in range(20)]
    taken = [
        Step(step=at, loss=loss, rate=1e-3, gradient_norm=norm, examples=8, seconds=0.5, tokens=400)
        for at, loss in enumerate(losses, start=1)
    ]
    epochs = [
        Epoch(
            epoch=at,
            training_loss=loss,
            validation={"loss": held, "accuracy": 0.9, "calibration_error": 0.02},
            seconds=10.0,
            best=held <= min(validation[:at]),
            steps=len(losses) * at // len(training),
        )
        for at, (loss, held) in enumerate(zip(training, validation, strict=True), start=1)
    ]
    return History(steps=taken, epochs=epochs)


def answers(
    right: Sequence[bool] | np.ndarray[Any, Any],
    confidence: float | np.ndarray[Any, Any] = 0.9,
    texts: Sequence[str] | None = None,
) -> Answers:
    """Two classes in turn; an answer is right where `right` says, with so much confidence."""
    count = len(right)
    truth = np.arange(count) % 2
    answered = np.where(right, truth, 1 - truth)
    probabilities = np.empty((count, 2), dtype=np.float32)
    sure = np.broadcast_to(np.asarray(confidence, dtype=np.float32), (count,))
    probabilities[np.arange(count), answered] = sure
    probabilities[np.arange(count), 1 - answered] = 1 - sure
    return Answers(
        rows=np.arange(count, dtype=np.int64),
        texts=list(texts) if texts is not None else [f"review {row}" for row in range(count)],
        truth=truth.astype(np.int64),
        tokens=np.full(count, 30, dtype=np.int64),
        probabilities=probabilities,
        classes=("negative", "positive"),
    )


def leave(made: RunRecord, curves: History, held: Answers | None = None) -> RunRecord:
    """Write a run's folder."""
    made.folder.mkdir(parents=True)
    (made.folder / STEPS).write_text("")
    write_history(made.folder, curves)
    if held is not None:
        write_answers(made.folder, held)
    write_record(made)
    return made
