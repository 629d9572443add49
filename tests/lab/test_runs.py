"""Runs as the page reads them: what is told is what the folder and the record hold; nothing but ids and names is looked up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from cutaway.finetuning.runs.curves import HISTORY
from cutaway.finetuning.runs.predictions import Answers, write_answers
from cutaway.finetuning.runs.record import RunRecord
from cutaway.finetuning.runs.store import Store
from cutaway.lab.answers.runs import DiffAnswer, RowsAnswer, RunSummary, RunWhole
from cutaway.lab.experiments.reading import plain
from cutaway.lab.experiments.recorded import ASSETS, recorded_runs

MARKUP = "<img src=x onerror=alert(1)>"


def make_run(home: Path, name: str, **more: Any) -> RunRecord:
    """A finished run with markup wherever a text may stand, and a loss that is no number."""
    folder = home / "made" / str(len(name))
    folder.mkdir(parents=True)
    epoch = {"epoch": 1, "training_loss": 0.5, "validation": {"loss": float("nan"), "accuracy": 0.5}}
    history = {"steps": [], "epochs": [{**epoch, "seconds": 1.0, "best": True}]}
    (folder / HISTORY).write_text(json.dumps(history))
    answers = Answers(
        rows=np.arange(3),
        texts=[f"{MARKUP} {at}" for at in range(3)],
        truth=np.array([0, 1, 1]),
        tokens=np.ones(3, dtype=np.int64),
        probabilities=np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], dtype=np.float32),
        classes=("<b>no</b>", "yes"),
    )
    write_answers(folder, answers)
    record = RunRecord(
        name=name,
        kind="finetune",
        folder=folder,
        status="finished",
        settings={"model": MARKUP, "rate": 0.1},
        data={"source": MARKUP, "classes": {"<b>no</b>": 1, "yes": 2}},
        code="1",
        environment={},
        seeds={},
        started="2026-01-02T03:04:05Z",
        ended="2026-01-02T03:05:05Z",
        measures={"loss": float("nan"), "accuracy": 2 / 3},
        note=MARKUP,
        **more,
    )
    Store.open(f"sqlite:///{home / 'runs.sqlite'}").save(record)
    return record


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUTAWAY_RUNS", str(tmp_path / "runs"))
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ASSETS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def test_the_recorded_runs_are_there_before_any_other(client: TestClient, home: Path) -> None:
    told = client.get("/api/runs").json()
    assert [run["name"] for run in told if run["name"].startswith("rate ")] == [
        "rate 2e-05",
        "rate 0.0001",
        "rate 0.0005",
        "rate 0.0025",
        "rate 0.0125",
    ]
    assert all(run["recorded"] and run["answers"] for run in told)
    assert all(run.folder.is_dir() for run in recorded_runs())


def test_a_run_is_told_as_its_folder_has_it(client: TestClient, home: Path) -> None:
    truth = recorded("rate-0.0005")
    told = client.get("/api/runs/rate 0.0005").json()
    for epoch, own in zip(told["epochs"], truth["history"]["epochs"], strict=True):
        assert {**epoch, **own} == epoch
    assert [step["loss"] for step in told["steps"]] == [step["loss"] for step in truth["history"]["steps"]]
    held = truth["held_out"]
    answered = np.array(held["probabilities"]).argmax(1)
    right = answered == np.array(held["truth"])
    assert told["measured"]["accuracy"]["value"] == pytest.approx(right.mean())
    cells = [[int(((np.array(held["truth"]) == t) & (answered == a)).sum()) for a in (0, 1)] for t in (0, 1)]
    assert told["measured"]["confusion"] == cells
    assert any(finding["rule"] == "over-fitting" for finding in told["findings"])
    # The rows behind each cell are as many as the cell says, page by page, each once.
    for t in (0, 1):
        for a in (0, 1):
            seen: list[int] = []
            while True:
                page = client.post(
                    "/api/runs/rate 0.0005/rows", json={"truth": t, "answer": a, "offset": len(seen)}
                ).json()
                assert page["count"] == cells[t][a]
                if not page["rows"]:
                    break
                assert {row["truth"] for row in page["rows"]} == {held["classes"][t]}
                seen += [row["row"] for row in page["rows"]]
            assert len(set(seen)) == len(seen) == cells[t][a]


def test_rows_behind_a_bar_of_the_reliability_diagram(client: TestClient, home: Path) -> None:
    bins = client.get("/api/runs/rate 0.0005").json()["measured"]["bins"]
    for part, bar in enumerate(bins):
        page = client.post("/api/runs/rate 0.0005/rows", json={"part": part}).json()
        assert page["count"] == bar["rows"]
        for row in page["rows"]:
            assert bar["low"] <= row["confidence"] <= bar["high"]


def test_two_runs_side_by_side(client: TestClient, home: Path) -> None:
    first, second = recorded("rate-0.0005")["held_out"], recorded("rate-0.0125")["held_out"]
    right = [np.array(one["probabilities"]).argmax(1) == np.array(one["truth"]) for one in (first, second)]
    told = client.get("/api/runs/rate 0.0005/diff/rate 0.0125").json()
    assert [(change["name"], change["first"], change["second"]) for change in told["settings"]] == [
        ("loop.optimizer.rate", 0.0005, 0.0125)
    ]
    test = told["comparison"]["test"]
    assert test["first_only"] == int((right[0] & ~right[1]).sum())
    assert test["second_only"] == int((~right[0] & right[1]).sum())
    assert told["comparison"]["flipped"] == test["first_only"] + test["second_only"]
    assert test["p"] < 1e-10
    assert client.get("/api/runs/rate 0.0005/diff/rate 0.0005").status_code == 422


def test_what_is_answered_is_what_was_promised(client: TestClient, home: Path) -> None:
    own = make_run(home, "own"), make_run(home, "own too")
    summaries = client.get("/api/runs").json()
    assert {run.id for run in own} < {RunSummary.model_validate(summary).id for summary in summaries}
    for summary in summaries:
        whole = RunWhole.model_validate(client.get(f"/api/runs/{summary['id']}").json())
        assert (whole.id, whole.name) == (summary["id"], summary["name"])
    RowsAnswer.model_validate(client.post("/api/runs/own/rows", json={}).json())
    for first, second in (("rate 0.0005", "rate 0.0025"), (own[0].id, own[1].id)):
        answer = client.get(f"/api/runs/{first}/diff/{second}").json()
        assert set(answer) == set(DiffAnswer.model_validate(answer).model_dump())


def test_a_run_of_ones_own_with_numbers_that_are_none(client: TestClient, home: Path) -> None:
    make_run(home, MARKUP)
    told = client.get("/api/runs").json()[0]
    assert (told["name"], told["measures"]["loss"], told["recorded"]) == (MARKUP, None, False)
    whole = client.get(f"/api/runs/{told['id']}").json()
    assert whole["epochs"][0]["validation"]["loss"] is None
    assert whole["measured"]["confusion"] == [[1, 0], [1, 1]]
    asked = {"text": "fine", "run": told["id"]}
    assert "left no classifier" in client.post("/api/figures/prediction", json=asked).json()["error"]


@pytest.mark.parametrize("name", ["nothing", "..", "%2e%2e", "0123456789", "a%5cb", "x" * 300])
@pytest.mark.parametrize("path", ["", "/rows", "/diff/sentiment"])
def test_an_unknown_run_is_404_and_no_folder_is_looked_for(
    client: TestClient, home: Path, name: str, path: str
) -> None:
    method = "POST" if path == "/rows" else "GET"
    answer = client.request(method, f"/api/runs/{name}{path}", json={} if path == "/rows" else None)
    assert answer.status_code in (404, 405)
    asked = {"text": "fine", "run": "../" + name}
    assert client.post("/api/figures/prediction", json=asked).status_code in (404, 422)


def test_a_run_whose_folder_is_gone_still_has_its_record(client: TestClient, home: Path) -> None:
    record = make_run(home, "gone")
    for path in record.folder.iterdir():
        path.unlink()
    record.folder.rmdir()
    told = client.get("/api/runs/gone").json()
    assert (told["here"], told["epochs"], told["measured"]) == (False, [], None)
    assert told["settings"]["rate"] == 0.1
    assert client.post("/api/runs/gone/rows", json={}).status_code == 422


def test_plain_values() -> None:
    given = {"a": (float("inf"), 1.5), 2: np.array([1, 2]), "p": Path("x"), "n": np.float32(0.5)}
    assert plain(given) == {"a": [None, 1.5], "2": [1, 2], "p": "x", "n": 0.5}
