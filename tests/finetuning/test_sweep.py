"""Sweeps on a tiny encoder: what is drawn, what is cut short, what a killed process leaves to the next."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
import torch
from optuna.trial import TrialState
from tests.finetuning.tiny_encoder import write_table, write_tiny_encoder

from cutaway.cli.main import main
from cutaway.core.errors import UsageError
from cutaway.finetuning.data import Labelled, read_labelled
from cutaway.finetuning.finetune import FinetuneSettings
from cutaway.finetuning.lora import LoraSettings
from cutaway.finetuning.sweep import SweepSettings, sweep
from cutaway.finetuning.sweep_space import Knob, apply, parse_space
from cutaway.training.history import Epoch, Listener, Step
from cutaway.training.loop import LoopSettings
from cutaway.training.run_folder import newest_position


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    write_tiny_encoder(folder / "encoder")
    write_table(folder / "reviews.csv")
    return folder


@pytest.fixture(scope="module")
def labelled(place: Path) -> Labelled:
    return read_labelled(place / "reviews.csv")


BASE = FinetuneSettings(
    held_out=0.25,
    batch_tokens=64,
    precision="float32",
    lora=LoraSettings(rank=2),
    loop=LoopSettings(epochs=3, patience=3),
)


def trials_of(folder: Path) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="sweep", storage=f"sqlite:///{folder / 'sweep.db'}").get_trials()


def test_it_finds_the_better_rate_and_cuts_the_hopeless_short(
    place: Path, labelled: Labelled, tmp_path: Path
) -> None:
    space = parse_space(["rate=1e-6,3e-2", "rank=1..4"], BASE)
    plan = SweepSettings(space=space, trials=12, startup=3)
    result = sweep(
        labelled, model=str(place / "encoder"), settings=BASE, plan=plan, folder=tmp_path / "sweep"
    )
    assert len(result.trials) == 12
    assert result.best.values["rate"] == 3e-2
    assert result.best.measure == min(
        trial.measure or 9 for trial in result.trials if trial.state == "finished"
    )
    assert result.importance["rate"] > result.importance["rank"]
    assert (result.folder / result.best.run / "model.safetensors").is_file()
    cut = [trial for trial in trials_of(tmp_path / "sweep") if trial.state == TrialState.PRUNED]
    assert cut
    for trial in cut:
        epoch = max(trial.intermediate_values)
        others = [
            min(other.intermediate_values[at] for at in other.intermediate_values if at <= epoch)
            for other in trials_of(tmp_path / "sweep")
            if other.number < trial.number and other.state == TrialState.COMPLETE
        ]
        assert min(trial.intermediate_values.values()) > statistics.median(others)
        folder = tmp_path / "sweep" / f"trial-{trial.number:04d}"
        assert not (folder / "checkpoints").exists()


def test_an_ended_sweep_goes_on_where_the_trial_stood(
    place: Path, labelled: Labelled, tmp_path: Path
) -> None:
    folder, seen = tmp_path / "sweep", []
    plan = SweepSettings(space=parse_space(["rate=1e-3..1e-1"], BASE), trials=3)

    def failing(number: int, values: object) -> Listener:
        def listen(event: Step | Epoch, steps: int | None) -> None:
            if number == 1 and isinstance(event, Step) and event.step == steps:
                raise InterruptedError

        return listen

    def watching(number: int, values: object) -> Listener:
        def listen(event: Step | Epoch, steps: int | None) -> None:
            if isinstance(event, Step):
                seen.append((number, event.step))

        return listen

    encoder = str(place / "encoder")
    with pytest.raises(InterruptedError):
        sweep(labelled, model=encoder, settings=BASE, plan=plan, folder=folder, watch=failing)
    stood = newest_position(folder / "trial-0001")
    assert stood is not None
    left = trials_of(folder)[1]
    result = sweep(labelled, model=encoder, settings=BASE, plan=plan, folder=folder, watch=watching)
    assert len(result.trials) == 3
    taken_up = next(trial for trial in result.trials if trial.run == "trial-0001")
    assert taken_up.values == left.params
    assert taken_up.number == 2
    assert min(step for number, step in seen if number == 2) == stood.step + 1
    # Enough trials: nothing more is trained; other settings are another sweep.
    seen.clear()
    again = sweep(labelled, model=encoder, settings=BASE, plan=plan, folder=folder, watch=watching)
    assert (again.trials, seen) == (result.trials, [])
    other = SweepSettings(space=parse_space(["rate=1e-3..1e-2"], BASE), trials=3)
    with pytest.raises(UsageError, match=r"space.rate was \[0.001, 0.1\]"):
        sweep(labelled, model=encoder, settings=BASE, plan=other, folder=folder)
    with pytest.raises(UsageError, match="holds no sweep"):
        sweep(labelled, model=encoder, settings=BASE, plan=plan, folder=place)


def test_two_processes_share_a_store_and_a_kill_is_taken_up(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sweep"
    command = ["finetune", str(place / "reviews.csv"), "--model", str(place / "encoder"), "--rank", "2"]
    command += ["--batch-tokens", "64", "--epochs", "2", "--sweep", "rate=1e-3..1e-1", "--trials", "4"]
    command += ["--out", str(folder), "--json"]
    words = [sys.executable, "-m", "cutaway", *command]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not (folder / "trial-0000" / "run.json").exists():
            assert process.poll() is None
            time.sleep(0.002)
        process.kill()
    second = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert main(command) == 0
    told = json.loads(capsys.readouterr().out)
    output, errors = second.communicate()
    assert second.returncode == 0, errors
    others = json.loads(output)
    last = max(told["trials"], others["trials"], key=len)
    assert len(last) == 4
    assert {trial["run"] for trial in last} >= {"trial-0000"}
    assert len({trial["run"] for trial in last}) == 4
    assert all(trial["state"] in ("finished", "cut short") for trial in last)
    assert main(command[:-1]) == 0
    table = capsys.readouterr().out
    assert f"best: trial {last[0]['number']}, --rate {last[0]['values']['rate']:.3g}" in table


def test_values_are_read_and_put_in_their_places() -> None:
    assert Knob.parse("rate=1e-5..1e-3") == Knob(name="rate", values=(1e-5, 1e-3), kind="range")
    assert Knob.parse("batch_tokens = 1024 , 4096").values == (1024, 4096)
    placed = apply(BASE, {"rank": 4, "truncation": "tail", "layer-decay": 0.5, "epochs": 7})
    assert (placed.lora.rank, placed.lora.alpha, placed.inputs.truncation) == (4, 8.0, "tail")
    assert (placed.loop.optimizer.layer_decay, placed.loop.epochs) == (0.5, 7)
    assert placed.loop.patience == BASE.loop.patience


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (["speed=1..2"], "write NAME=LOW"),
        (["rate"], "write NAME=LOW"),
        (["rate=fast"], "rate takes numbers, not 'fast'"),
        (["epochs=1.5"], "epochs takes whole numbers"),
        (["rate=1e-3..1e-5"], "the lower one first"),
        (["rate=1..2..3"], "the lower one first"),
        (["truncation=head..tail"], "the lower one first"),
        (["epochs=1,1"], "named twice"),
        (["truncation=head,"], "a value is empty"),
        (["rate=1e-5..11"], "learning rate must lie between 0 and 10, not 11"),
        (["truncation=head,middle"], "truncation must be"),
        (["rate=1..2", "rate=3"], "names rate twice"),
    ],
)
def test_what_cannot_be_swept_is_one_line(
    told: list[str], said: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        parse_space(told, BASE)
    words = [word for one in told for word in ("--sweep", one)]
    assert main(["finetune", str(place / "reviews.csv"), "--model", str(place / "encoder"), *words]) == 2
    assert said in capsys.readouterr().err


def test_a_sweep_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="varies something"):
        SweepSettings(space=())
    with pytest.raises(UsageError, match="trials"):
        SweepSettings(space=parse_space(["rank=1,2"], BASE), trials=0)
