"""`cutaway runs` on runs made by formula: list, show, export, restore, delete, and bad input."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from tests.finetuning.runs import synthetic

from cutaway.cli.main import main
from cutaway.finetuning.measures.all_measures import measure_all
from cutaway.finetuning.runs.curves import read_history
from cutaway.finetuning.runs.points import epoch_ends, points
from cutaway.finetuning.runs.predictions import read_answers
from cutaway.finetuning.runs.store import Store


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with a good run, a diverged one without answers, and one whose folder was deleted."""
    home = tmp_path / "runs"
    monkeypatch.setenv("CUTAWAY_RUNS", str(home))
    store = Store.open()
    curves = synthetic.history([0.5, 0.3], [0.4, 0.35])
    right = np.arange(100) % 10 != 0
    measures = {"accuracy": 0.9, "loss": 0.35}
    good = synthetic.record(home / "good", measures=measures)
    store.save(synthetic.leave(good, curves, synthetic.answers(right)))
    bad = synthetic.record(home / "[bold]bad", status="diverged", note="the loss became nan", kind="lstm")
    store.save(synthetic.leave(bad, synthetic.history([0.7], [0.7])))
    store.save(synthetic.record(home / "lost", started="2026-02-01T00:00:00.000000Z"))
    return home


def test_runs_are_listed_the_newest_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told[0]["name"], told[0]["place"]) == ("lost", "gone")
    assert {each["name"] for each in told} == {"lost", "good", "[bold]bad"}
    assert main(["runs", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "finished, folder gone" in lines[1]
    assert any("[bold]bad" in line and "diverged" in line for line in lines)
    assert any("good" in line and "90.00%" in line for line in lines)
    assert main(["runs", "list", "--status", "diverged", "--kind", "lstm", "--json"]) == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)] == ["[bold]bad"]
    assert main(["runs", "list", "--data", "nothing"]) == 0
    assert "no such runs" in capsys.readouterr().out


def test_a_run_is_shown_with_all_its_measures(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "show", "good"]) == 0
    told = capsys.readouterr().out
    assert "loop.optimizer.rate 0.0005" in told
    sure = measure_all(read_answers(home / "good")).accuracy
    assert f"accuracy 90.00% ({sure.low:.2%} to {sure.high:.2%})" in told
    assert "0.3500" in told
    assert main(["runs", "show", "good", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["held_out"]["confusion"] == [[40, 10], [0, 50]]
    assert [epoch["epoch"] for epoch in shown["epochs"]] == [1, 2]
    assert main(["runs", "show", "lost"]) == 0
    assert "is gone" in capsys.readouterr().out
    assert main(["runs", "show", str(home / "[bold]bad")]) == 0
    assert "diverged: the loss became nan" in capsys.readouterr().out


def test_every_value_is_exported(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history = read_history(home / "good")
    wanted = list(points(history))
    assert epoch_ends(history) == [20, 40]
    assert len(wanted) == 40 * 4 + 2 * 4
    assert main(["runs", "export", "good", "--out", str(tmp_path / "a.csv")]) == 0
    assert "168 values" in capsys.readouterr().out
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], int(row["step"]), float(row["value"])) for row in rows] == [
        each[:3] for each in wanted
    ]
    held = [row for row in rows if row["name"] == "validation/loss"]
    assert [(row["step"], row["value"], row["seconds"]) for row in held] == [
        ("20", "0.4", "10.0"),
        ("40", "0.35", "20.0"),
    ]
    assert (
        main(["runs", "export", "good", "--format", "json", "--out", str(tmp_path / "a.json"), "--json"]) == 0
    )
    document = json.loads((tmp_path / "a.json").read_text())
    assert document["history"]["steps"] == [asdict(step) for step in history.steps]


def test_a_page_is_written_anew(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "report", "good"]) == 0
    page = (home / "good" / "report.html").read_text()
    assert capsys.readouterr().out == f"{home / 'good' / 'report.html'}\n"
    assert "90.0%</b>held-out accuracy" in page
    assert main(["runs", "report", "good", "--out", str(tmp_path / "a.html"), "--json"]) == 0
    assert (tmp_path / "a.html").read_text() == page
    assert main(["runs", "report", "lost"]) == 1
    assert "the folder of run lost is gone" in capsys.readouterr().err


def test_tensorboard_reads_what_is_exported(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert main(["runs", "export", "good", "--format", "tensorboard", "--out", str(tmp_path)]) == 0
    (folder,) = (path for path in tmp_path.iterdir() if path.name.startswith("good-"))
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    wanted = [point for point in points(read_history(home / "good")) if point.name == "validation/loss"]
    found = events.Scalars("validation/loss")
    assert [(event.step, event.value) for event in found] == [
        (p.step, pytest.approx(p.value)) for p in wanted
    ]
    assert found[1].wall_time - found[0].wall_time == pytest.approx(10)
    assert len(events.Tags()["scalars"]) == 8


def test_a_lost_store_is_made_anew_from_the_folders(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {each.id: each for each in Store.open().list() if each.name != "lost"}
    for path in home.glob("runs.sqlite*"):
        path.unlink()
    (home / "odd").mkdir()
    (home / "odd" / "run.json").write_text("{")
    assert main(["runs", "restore", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["runs"] == ["[bold]bad", "good"]
    assert "odd/run.json cannot be read" in told.err
    assert {each.id: each for each in Store.open().list()} == before
    assert main(["runs", "restore", str(home / "nothing")]) == 1


def test_only_what_a_training_wrote_is_deleted(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "good" / "notes.txt").write_text("mine")
    assert main(["runs", "delete", "good", "lost", "--yes", "--json"]) == 0
    assert [each["left"] for each in json.loads(capsys.readouterr().out)] == [["notes.txt"], []]
    assert [path.name for path in (home / "good").iterdir()] == ["notes.txt"]
    assert [each.name for each in Store.open().list()] == ["[bold]bad"]
    assert main(["runs", "delete", "[bold]bad", "--yes"]) == 0
    assert not (home / "[bold]bad").exists()
    running = synthetic.record(home / "now", status="running", ended=None)
    Store.open().save(running)
    assert main(["runs", "delete", "now", "--yes"]) == 2
    assert "has not ended" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["show", "nope"], 1, "no run 'nope'; the newest are: lost"),
        (["list", "--kind", "x"], 2, "no kind 'x'"),
        (["list", "--status", "x"], 2, "no status 'x'"),
        (["export", "good", "--format", "x"], 2, "--format must be csv"),
        (["export", "lost", "--out", "a.csv"], 1, "has no curves"),
        (["export", "good", "--format", "mlflow"], 2, "pip install mlflow"),
        (["export", "good", "--out", "/proc/none/a.csv"], 4, "cannot write"),
        (["delete", "nope", "--yes"], 1, "no run 'nope'"),
    ],
)
def test_mistakes_get_one_line_and_their_code(
    arguments: list[str], code: int, message: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", *arguments]) == code
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
