"""Record the trainings that the lab's fine-tuning page shows before its reader has any: src/cutaway/assets.

python tools/record_finetuning.py

One training for each rate, on the same 600 reviews with the same 500 held out, and the shipped classifier's
answers to 2,000 of the reviews that its own training held out. Rows are told by their number in the training
split: no review is copied. Each file is written as it is done, and not made again.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from cutaway.core.files import sha256_of, write_text
from cutaway.finetuning.classifier import Classifier, Predictions
from cutaway.finetuning.data import Labelled, read_labelled, split_rows
from cutaway.finetuning.finetune import FinetuneSettings, finetune
from cutaway.finetuning.inputs import InputSettings
from cutaway.finetuning.runs.record import utc_now
from cutaway.training.loop import LoopSettings
from cutaway.training.optimizer import OptimizerSettings

ASSETS = Path(__file__).parents[1] / "src" / "cutaway" / "assets" / "finetuning-record"
RATES = (2e-5, 1e-4, 5e-4, 2.5e-3, 1.25e-2)
EPOCHS, HELD_OUT, DRAWN, ANSWERED = 6, 500, 1100, 2000
# What the card of the shipped classifier says of its training, which left no other record.
CARD: dict[str, Any] = {
    "started": "2026-11-23T22:00:00Z",
    "ended": "2026-11-23T23:21:42Z",
    "epochs": ((0.3256, 0.2890, 0.8920), (0.2120, 0.2259, 0.9138)),
    "settings": FinetuneSettings(held_out=5000),
    "data": {"source": "imdb, train split", "training": 20_000, "held_out": 5000},
}
SETTINGS = FinetuneSettings(
    held_out=HELD_OUT,
    batch_tokens=1024,
    precision="float32",
    inputs=InputSettings(max_tokens=48),
    loop=LoopSettings(epochs=EPOCHS, patience=EPOCHS),
)


def record_rate(labelled: Labelled, rate: float) -> None:
    path = ASSETS / f"rate-{rate:g}.json"
    if path.exists():
        return
    drawn = split_rows(labelled.labels, held_out=DRAWN, seed=0)[1]
    used = labelled.pick(drawn)
    held = split_rows(used.labels, held_out=HELD_OUT, seed=0)[1]
    settings = replace(SETTINGS, loop=replace(SETTINGS.loop, optimizer=OptimizerSettings(rate=rate)))
    folder = Path(tempfile.mkdtemp()) / "run"
    started = utc_now()
    run = finetune(used, settings=settings, out=folder, listen=lambda event, steps: print(event, flush=True))
    answers = run.classifier().predict(used.pick(held).texts)
    told = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    record = {
        "name": f"rate {rate:g}",
        "started": started,
        "ended": utc_now(),
        "settings": told,
        "history": run.history.to_json(),
        "held_out": _answers(drawn[held], used.pick(held).labels, answers),
    }
    write_text(path, json.dumps(_rounded(record)) + "\n")
    shutil.rmtree(folder.parent)


def record_sentiment(labelled: Labelled) -> None:
    path = ASSETS / "sentiment.json"
    if path.exists():
        return
    held = split_rows(labelled.labels, held_out=5000, seed=0)[1][:ANSWERED]
    answers = Classifier.load("sentiment").predict(labelled.pick(held).texts)
    record = {
        "name": "sentiment",
        **_card(),
        "weights_sha256": sha256_of(ASSETS.parent / "sentiment" / "model.safetensors"),
        "held_out": _answers(held, labelled.pick(held).labels, answers),
    }
    write_text(path, json.dumps(_rounded(record)) + "\n")


def _card() -> dict[str, Any]:
    epochs = [
        {
            "epoch": number,
            "training_loss": training,
            "validation": {"loss": loss, "accuracy": accuracy},
            "seconds": 0.0,
            "best": True,
        }
        for number, (training, loss, accuracy) in enumerate(CARD["epochs"], 1)
    ]
    settings = {"data": CARD["data"], "model": "all-MiniLM-L6-v2", "torch": "2.13.0+cpu"}
    settings["settings"] = asdict(CARD["settings"])
    times = {name: CARD[name] for name in ("started", "ended")}
    return {**times, "settings": settings, "history": {"steps": [], "epochs": epochs}}


def _answers(rows: np.ndarray, labels: Sequence[str], answers: Predictions) -> dict[str, object]:
    return {
        "rows": [int(row) for row in rows],
        "classes": list(answers.classes),
        "truth": [answers.classes.index(label) for label in labels],
        "probabilities": [[float(p) for p in row] for row in answers.probabilities],
    }


def _rounded(value: object) -> object:
    """Six digits are more than any figure shows."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value


if __name__ == "__main__":
    reviews = read_labelled("imdb")
    for one in RATES[::-1] if "--backwards" in sys.argv else RATES:
        record_rate(reviews, one)
    record_sentiment(reviews)
