"""Fine-tunings and pre-trainings that are killed and stopped, and the same command with --resume."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from tests.finetuning.tiny_encoder import GOOD, write_table, write_tiny_encoder

from cutaway.cli.main import main
from cutaway.core.errors import UsageError
from cutaway.training.run_folder import CHECKPOINTS, SavingSettings, newest_position, open_run

SMALL = ["--epochs", "3", "--patience", "3", "--batch-tokens", "64", "--save-steps", "1"]


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resuming")
    write_tiny_encoder(folder / "encoder")
    write_table(folder / "reviews.csv")
    (folder / "text.txt").write_text("\n".join(GOOD * 40) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module", params=["finetune", "pretrain"])
def command(request: pytest.FixtureRequest, place: Path) -> list[str]:
    encoder, table, text = (str(place / name) for name in ("encoder", "reviews.csv", "text.txt"))
    fine = ["--model", encoder, "--rate", "0.01", "--max-tokens", "16", "--held-out", "0.25"]
    fresh = ["--size", "2x16x2x32", "--vocabulary", "300", "--tokens", "16", "--rate", "0.01"]
    words = {"finetune": [table, *fine, *SMALL], "pretrain": [text, *fresh, *SMALL]}
    return [request.param, *words[request.param]]


@pytest.fixture(scope="module")
def wanted(command: list[str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The weights and the history of a training that nothing ended."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("whole") / command[0]
    assert main([*command, "--out", str(out)]) == 0
    return result_of(out)


def result_of(out: Path) -> str:
    """The digest of the weights, and what was noted of each step but its seconds."""
    history = json.loads((out / "history.json").read_text(encoding="utf-8"))
    noted = [(step["step"], step["loss"], step["gradient_norm"]) for step in history["steps"]]
    noted += [(epoch["epoch"], epoch["validation"], epoch["best"]) for epoch in history["epochs"]]
    return sha256((out / "model.safetensors").read_bytes()).hexdigest() + json.dumps(noted)


def started(command: list[str], out: Path) -> subprocess.Popen[str]:
    """Start a command in a process of its own and wait for its third checkpoint."""
    words = [sys.executable, "-m", "cutaway", *command, "--out", str(out)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while (newest_position(out) or (0, 0))[1] < 3:
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.002)
    return process


def test_killed_and_resumed_it_ends_with_the_same_bits(
    command: list[str], wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    process = started(command, out)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert main([*command, "--out", str(out)]) == 2
    told = capsys.readouterr().err
    assert "holds an unfinished training (step" in told
    assert "--resume" in told
    assert main([*command, "--out", str(out), "--resume"]) == 0
    assert "going on behind step" in capsys.readouterr().err
    assert result_of(out) == wanted
    assert not list(out.glob("*checkpoints*"))


def test_a_signal_says_how_to_go_on(
    command: list[str], wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    process = started(command, out)
    process.send_signal(signal.SIGSTOP)
    assert main([*command, "--out", str(out), "--resume"]) == 4
    assert f"is held by process {process.pid}" in capsys.readouterr().err
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    _, told = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert f"add --resume --out {out} to the same command" in " ".join(told.split())
    assert main([*command, "--out", str(out), "--resume"]) == 0
    assert result_of(out) == wanted


def test_other_settings_and_finished_runs_are_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUTAWAY_RUNS", str(tmp_path / "runs"))
    command = ["finetune", str(place / "reviews.csv"), "--model", str(place / "encoder"), *SMALL]
    assert main([*command, "--resume"]) == 2
    assert f"no run in {tmp_path / 'runs'} is unfinished" in capsys.readouterr().err
    process = started(command, tmp_path / "runs" / "one")
    process.kill()
    process.communicate()
    assert main([*command, "--resume", "--rate", "0.5"]) == 2
    assert "rate" in capsys.readouterr().err
    # Without a name, the newest is meant.
    assert main([*command, "--resume"]) == 0
    assert "going on" in capsys.readouterr().err
    assert main([*command, "--resume", "--out", str(tmp_path / "runs" / "one")]) == 2
    assert "already holds a run" in capsys.readouterr().err
    assert main([*command, "--resume", "--out", str(tmp_path / "runs" / "two")]) == 2
    assert "holds no unfinished training" in capsys.readouterr().err
    assert not (tmp_path / "runs" / "two").exists()


@pytest.mark.parametrize("verb", ["finetune", "pretrain"])
def test_a_base_that_changed_meanwhile_is_refused(
    verb: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = write_tiny_encoder(tmp_path / "base")
    data = {
        "finetune": [str(place / "reviews.csv"), "--model"],
        "pretrain": [str(place / "text.txt"), "--from"],
    }
    more = {"finetune": [], "pretrain": ["--objective", "masked-words", "--tokens", "16"]}
    command = [verb, *data[verb], base, *more[verb], *SMALL]
    process = started(command, tmp_path / "run")
    process.kill()
    process.communicate()
    weights = tmp_path / "base" / "model.safetensors"
    before = weights.read_bytes()
    weights.write_bytes(before[:-4] + bytes(4))
    assert main([*command, "--resume", "--out", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert (
        f"sha256 was '{sha256(before).hexdigest()}', is '{sha256(weights.read_bytes()).hexdigest()}'" in told
    )
    weights.write_bytes(before)
    assert main([*command, "--resume", "--out", str(tmp_path / "run")]) == 0


def test_a_start_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), open_run(tmp_path / "run", SavingSettings(), mark="m"):
        raise RuntimeError
    assert not (tmp_path / "run").exists()
    with (
        open_run(tmp_path / "run", SavingSettings(), mark="m"),
        pytest.raises(OSError, match="held by"),
        open_run(tmp_path / "run", SavingSettings(), mark="m"),
    ):
        pass
    assert not (tmp_path / "run" / CHECKPOINTS).exists()


@pytest.mark.parametrize("wrong", [{"unfinished": "ask"}, {"every": 0}, {"seconds": 0.0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        SavingSettings(**wrong)  # type: ignore[arg-type]
