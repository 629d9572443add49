"""`torchrun ... -m cutaway finetune`: one run, told once, the same as one process makes of the same batches."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.finetuning.tiny_encoder import write_table, write_tiny_encoder

from cutaway.cli.main import main
from cutaway.cli.together import one_voice
from cutaway.training.run_folder import newest_position

TORCHRUN = [
    sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "cutaway",
]  # fmt: skip
SMALL = ["--rate", "0.01", "--max-tokens", "16", "--held-out", "0.25", "--batch-tokens", "64"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("together")
    write_tiny_encoder(folder / "encoder", dropout=0.0)
    write_table(folder / "reviews.csv")
    return folder


@pytest.fixture
def command(place: Path) -> list[str]:
    return ["finetune", str(place / "reviews.csv"), "--model", str(place / "encoder"), *SMALL]


def test_two_processes_make_the_run_of_one(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUTAWAY_RUNS", str(tmp_path / "runs"))
    torch.set_num_threads(1)
    command += ["--method", "full", "--epochs", "2", "--json"]
    done = subprocess.run(
        [*TORCHRUN, *command, "--out", str(tmp_path / "two")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr.count("56 rows") == 1
    assert main([*command, "--accumulate", "2", "--out", str(tmp_path / "one")]) == 0
    for name in ("model.safetensors", "encoder/model.safetensors"):
        found, wanted = (load_file(tmp_path / run / name) for run in ("two", "one"))
        assert found.keys() == wanted.keys()
        for tensor in wanted:
            torch.testing.assert_close(found[tensor], wanted[tensor], rtol=1e-4, atol=1e-5)
    assert not list((tmp_path / "two").glob("*checkpoints*"))
    capsys.readouterr()
    assert main(["runs", "list", "--json"]) == 0
    assert capsys.readouterr().out.count('"name"') == 2


def test_one_that_is_killed_ends_all_with_a_word_of_the_other(command: list[str], tmp_path: Path) -> None:
    out = tmp_path / "run"
    command += ["--epochs", "500", "--patience", "500", "--save-steps", "1", "--out", str(out)]
    runner = subprocess.Popen(
        [*TORCHRUN, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while newest_position(out) is None:
        assert runner.poll() is None
        time.sleep(0.01)
    os.kill(_second(runner.pid), signal.SIGKILL)
    _, told = runner.communicate(timeout=60)
    assert runner.returncode == 1
    lines = [line for line in told.splitlines() if line.startswith("cutaway: ")]
    assert len(lines) == 1
    assert lines[0].startswith("cutaway: process 0 of 2 no longer hears another one")
    assert "--resume" in lines[0]


def test_bad_input_is_told_once(tmp_path: Path) -> None:
    words = ["finetune", str(tmp_path / "none.csv")]
    done = subprocess.run([*TORCHRUN, *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stderr.count("there is no file") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["runs", "list"], "cutaway runs cannot be shared by the 2 processes"),
        (["serve", "x"], "cutaway serve cannot be shared"),
    ],
)
def test_what_cannot_be_shared_is_refused(
    words: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(words) == 2
    signal.signal(signal.SIGTERM, before)
    assert told in capsys.readouterr().err


def test_alone_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    before = sys.stderr, signal.getsignal(signal.SIGTERM)
    with one_voice("runs"):
        assert before == (sys.stderr, signal.getsignal(signal.SIGTERM))


def _second(runner: int) -> int:
    """The process that torchrun calls 1."""
    children = Path(f"/proc/{runner}/task/{runner}/children").read_text(encoding="ascii").split()
    for child in children:
        if b"\0RANK=1\0" in Path(f"/proc/{child}/environ").read_bytes():
            return int(child)
    raise AssertionError(children)
