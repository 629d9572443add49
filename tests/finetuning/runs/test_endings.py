"""How real trainings end: killed without a word and gone on with, and diverged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file
from tests.finetuning.tiny_encoder import write_table, write_tiny_encoder

from cutaway.cli.main import main
from cutaway.finetuning.runs.curves import read_history
from cutaway.finetuning.runs.predictions import read_answers
from cutaway.finetuning.runs.store import Store

OPTIONS = (
    "--held-out",
    "40",
    "--batch-tokens",
    "64",
    "--max-tokens",
    "24",
    "--rank",
    "4",
    "--precision",
    "float32",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUTAWAY_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def test_a_killed_training_is_listed_as_interrupted_and_goes_on_as_the_same_run(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder, table = write_tiny_encoder(tmp_path / "encoder"), write_table(tmp_path / "table.csv", times=20)
    options = [
        table,
        "--model",
        encoder,
        "--out",
        str(home / "a"),
        "--epochs",
        "200",
        "--patience",
        "200",
        *OPTIONS,
    ]
    command = [sys.executable, "-m", "cutaway", "finetune", *options]
    started = subprocess.Popen(
        command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=dict(os.environ)
    )
    steps = home / "a" / "steps.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (steps.exists() and steps.read_bytes().count(b"\n") > 60):
        time.sleep(0.02)
    running = Store.open().find("a")
    started.send_signal(signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL
    assert running.status == "running"
    killed = Store.open().find("a")
    assert (killed.status, killed.note) == ("interrupted", "its process ended without a word")
    came = len(read_history(home / "a").steps)
    assert came > 60
    assert main(["runs", "explain", "a"]) == 0, "a training that was killed can be read"
    capsys.readouterr()
    # The same training goes on, and is stopped again, this time by a signal that it hears.
    again = subprocess.Popen([*command, "--resume"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while time.monotonic() < deadline and Store.open().find("a").environment["process"][0] != again.pid:
        time.sleep(0.05)
    while time.monotonic() < deadline and len(read_history(home / "a").steps) <= came:
        time.sleep(0.05)
    again.send_signal(signal.SIGTERM)
    assert again.wait() == 128 + signal.SIGTERM
    (ended,) = Store.open().list()
    assert (ended.id, ended.started, ended.status) == (killed.id, killed.started, "interrupted")
    assert "SIGTERM after step" in ended.note
    numbers = [step.step for step in read_history(home / "a").steps]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > came


def test_a_diverged_training_is_marked_and_explained(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder, table = write_tiny_encoder(tmp_path / "encoder"), write_table(tmp_path / "table.csv", times=8)
    path = tmp_path / "encoder" / "model.safetensors"
    weights = load_file(path)
    # Finite, and too large for the sum of their squares.
    save_file(
        {name: value * 1e25 if "embeddings" in name else value for name, value in weights.items()}, path
    )
    options = ["--model", encoder, "--out", str(home / "wild"), "--epochs", "4", *OPTIONS]
    assert main(["finetune", table, *options]) == 5
    capsys.readouterr()
    assert main(["runs", "explain", "wild", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["findings"]
    assert found[0]["rule"] == "diverged"
    assert "became" in found[0]["sentence"]
    record = Store.open().find("wild")
    assert record.status == "diverged"
    assert not (record.folder / "predictions.parquet").exists()
    assert main(["runs", "report", "wild"]) == 0
    with pytest.raises(FileNotFoundError):
        read_answers(record.folder)
