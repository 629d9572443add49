"""A training inside `recording`: its record, curves and answers, however it ends."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutaway.core.errors import DivergedError, FormatError, MissingFileError, StoppedError
from cutaway.finetuning.runs import schema
from cutaway.finetuning.runs.curves import read_history
from cutaway.finetuning.runs.predictions import PREDICTIONS, Answers, read_answers, write_answers
from cutaway.finetuning.runs.recorder import Plan, read_record, recording
from cutaway.finetuning.runs.store import Store
from cutaway.training.history import Epoch, Step


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUTAWAY_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def plan(folder: Path) -> Plan:
    return Plan(
        kind="finetune", folder=folder, settings={"rate": 1.0}, data={"source": "x"}, seeds={"all": 1}
    )


def step(number: int, loss: float = 0.5) -> Step:
    return Step(step=number, loss=loss, rate=0.1, gradient_norm=1.0, examples=8, seconds=0.5, tokens=100)


def epoch(number: int, loss: float) -> Epoch:
    return Epoch(epoch=number, training_loss=loss, validation={"loss": loss}, seconds=1.0, best=True)


def test_a_run_is_running_then_finished(home: Path) -> None:
    folder = home / "a"
    heard: list[Step | Epoch] = []
    with recording(plan(folder), lambda event, steps: heard.append(event)) as recorder:
        recorder.listener(step(1), 2)
        recorder.listener(step(2, 0.25), 2)
        running = Store.open().find("a")
        assert (running.status, running.ended, running.seconds) == ("running", None, None)
        assert [each.loss for each in read_history(folder).steps] == [0.5, 0.25]
        recorder.listener(epoch(1, 0.3), None)
        recorder.measured({"loss": 0.3})
    done = Store.open().find("a")
    assert (done.status, done.measures, done.note) == ("finished", {"loss": 0.3}, "")
    assert done.seconds is not None
    assert done.seconds >= 0
    assert done == read_record(folder)
    assert heard == [step(1), step(2, 0.25), epoch(1, 0.3)]
    assert read_history(folder).epochs == [epoch(1, 0.3)]


@pytest.mark.parametrize(
    ("raised", "status", "note"),
    [
        (DivergedError("the loss became nan"), "diverged", "the loss became nan"),
        (StoppedError("SIGTERM"), "interrupted", "SIGTERM"),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt"),
        (RuntimeError("a\nb"), "failed", "a b"),
    ],
)
def test_how_it_ended_is_noted_and_raised(home: Path, raised: BaseException, status: str, note: str) -> None:
    with pytest.raises(type(raised)), recording(plan(home / "a")):
        raise raised
    found = Store.open().find("a")
    assert (found.status, found.note) == (status, note)


def test_a_training_that_goes_on_keeps_its_id_and_its_later_steps_count(home: Path) -> None:
    folder = home / "a"
    with pytest.raises(StoppedError), recording(plan(folder)) as recorder:
        for number in (1, 2, 3, 4):
            recorder.listener(step(number), 6)
        recorder.listener(epoch(1, 0.3), None)
        recorder.listener(step(5), 6)
        raise StoppedError("SIGINT")
    first = Store.open().find("a")
    with (folder / "steps.jsonl").open("a") as lines:
        lines.write('{"step": 6, "lo')  # as a kill may leave it
    assert len(read_history(folder).steps) == 5
    with recording(plan(folder)) as recorder:
        for number in (4, 5, 6):
            recorder.listener(step(number, 0.1), 6)
        recorder.listener(epoch(2, 0.2), None)
    history = read_history(folder)
    assert [each.loss for each in history.steps] == [0.5, 0.5, 0.5, 0.1, 0.1, 0.1]
    assert [each.epoch for each in history.epochs] == [1, 2]
    second = Store.open().list()
    assert [(each.id, each.started, each.status) for each in second] == [
        (first.id, first.started, "finished")
    ]


@pytest.mark.filterwarnings("default")
def test_a_store_that_goes_away_loses_no_training(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "WAIT", 0.1)
    home.mkdir()
    holder = sqlite3.connect(home / "runs.sqlite", isolation_level=None)

    def train() -> None:
        with recording(plan(home / "a")) as recorder:
            holder.execute("begin immediate")
            recorder.measured({"loss": 0.5})

    with pytest.warns(UserWarning, match="locked"):
        train()
    holder.close()
    assert read_record(home / "a").status == "finished"
    found = Store.open().list()
    assert [(each.status, each.measures) for each in found] == [("finished", {"loss": 0.5})]


def test_a_damaged_store_stops_a_training_before_it_begins(home: Path) -> None:
    home.mkdir()
    (home / "runs.sqlite").write_bytes(b"x" * 5000)
    with pytest.raises(FormatError, match="no readable store"), recording(plan(home / "a")):
        raise AssertionError("not reached")
    assert not (home / "a").exists()


def answers() -> Answers:
    return Answers(
        rows=np.array([7, 3, 12]),
        texts=["007", "<b>\x00 NA", "x " * 9],
        truth=np.array([0, 1, 1]),
        tokens=np.array([3, 5, 11]),
        probabilities=np.array([[0.75, 0.25], [0.5, 0.5], [0.125, 0.875]], dtype=np.float32),
        classes=("bad", "good"),
    )


def test_answers_come_back(tmp_path: Path) -> None:
    write_answers(tmp_path, answers())
    back, wanted = read_answers(tmp_path), answers()
    for name in ("rows", "truth", "tokens", "probabilities"):
        np.testing.assert_array_equal(getattr(back, name), getattr(wanted, name))
    assert (back.texts, back.classes) == (wanted.texts, wanted.classes)
    assert back.pick(np.array([2, 0])).texts == ["x " * 9, "007"]


def test_missing_and_damaged_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="has no predictions"):
        read_answers(tmp_path)
    with pytest.raises(MissingFileError, match="no curves"):
        read_history(tmp_path)
    write_answers(tmp_path, answers())
    whole = (tmp_path / PREDICTIONS).read_bytes()
    strange = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": ["a"]}), strange)
    for broken in (b"", b"PAR1", whole[:-20], strange.getvalue().to_pybytes()):
        (tmp_path / PREDICTIONS).write_bytes(broken)
        with pytest.raises(FormatError, match="predictions"):
            read_answers(tmp_path)
    for broken in ("{", "[]", json.dumps({"epochs": [{"epoch": 1}]})):
        (tmp_path / "history.json").write_text(broken)
        with pytest.raises(FormatError):
            read_history(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(FormatError, match="as a run's record"):
        read_record(tmp_path)
