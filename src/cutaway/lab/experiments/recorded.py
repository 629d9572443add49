"""Trainings that come with the package, so that the page has something true to show before its reader trains.

`tools/record_finetuning.py` made them. A review is told by its number in the training split; its text is put
in where the data set is on this machine.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from cutaway.catalog.entry import entries
from cutaway.catalog.resolve import locate
from cutaway.core.files import write_text
from cutaway.core.home import cache_home
from cutaway.core.version import VERSION
from cutaway.finetuning.runs.curves import HISTORY
from cutaway.finetuning.runs.predictions import PREDICTIONS, Answers, write_answers
from cutaway.finetuning.runs.record import RunRecord

ASSETS = Path(__file__).parents[2] / "assets" / "finetuning-record"
DATA = "imdb"


@cache
def recorded_runs() -> tuple[RunRecord, ...]:
    """Return the recorded runs, the shipped classifier first, then by rate."""
    read = (json.loads(path.read_text(encoding="utf-8")) for path in sorted(ASSETS.glob("*.json")))
    told = [record for record in read if _current(record)]
    told.sort(key=lambda record: (record["name"] != "sentiment", _rate(record)))
    return tuple(_record(one) for one in told)


def _current(record: dict[str, Any]) -> bool:
    """Whether a record is of the model that is shipped now: answers of an older one say nothing about it."""
    if "weights_sha256" not in record:
        return True
    config = json.loads((ASSETS.parent / record["name"] / "config.json").read_text(encoding="utf-8"))
    return bool(config["weights_sha256"] == record["weights_sha256"])


def _rate(record: dict[str, Any]) -> float:
    rate: float = record["settings"]["settings"]["loop"]["optimizer"]["rate"]
    return rate


def _record(told: dict[str, Any]) -> RunRecord:
    """Return the record; its files are written once into the cache, as a training would have left them."""
    settings, history = told["settings"], told["history"]
    answers, truth = told["held_out"], told["held_out"]["truth"]
    classes = answers["classes"]
    best = min(history["epochs"], key=lambda epoch: float(epoch["validation"]["loss"]))
    return RunRecord(
        id=hashlib.sha256(told["name"].encode()).hexdigest()[:10],
        name=told["name"],
        kind="finetune",
        folder=_folder(told),
        status="finished",
        settings={"model": settings["model"], **settings["settings"]},
        data={
            **settings["data"],
            "classes": {name: truth.count(number) for number, name in enumerate(classes)},
        },
        code=VERSION,
        environment={"torch": settings["torch"]},
        seeds={"all": settings["settings"]["loop"]["seed"]},
        started=told["started"],
        ended=told["ended"],
        measures=best["validation"],
        note="recorded with the package",
    )


def _folder(told: dict[str, Any]) -> Path:
    with_texts = locate(entries()[DATA]) is not None
    text = json.dumps(told, sort_keys=True)
    digest = hashlib.sha256(f"{VERSION} {with_texts} {text}".encode()).hexdigest()[:16]
    folder = cache_home() / "recorded-runs" / digest
    if not (folder / HISTORY).is_file() or not (folder / PREDICTIONS).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_answers(folder, _answers(told["held_out"], with_texts))
        write_text(folder / HISTORY, json.dumps(told["history"]) + "\n")
    return folder


def _answers(told: dict[str, Any], with_texts: bool) -> Answers:
    rows = np.array(told["rows"], dtype=np.int64)
    texts = [f"review {row} of the training split" for row in told["rows"]]
    if with_texts:
        from cutaway.finetuning.data import read_labelled

        texts = list(read_labelled(DATA).pick(rows).texts)
    return Answers(
        rows=rows,
        texts=texts,
        truth=np.array(told["truth"], dtype=np.int64),
        tokens=np.zeros(len(rows), dtype=np.int64),
        probabilities=np.array(told["probabilities"], dtype=np.float32),
        classes=tuple(told["classes"]),
    )
