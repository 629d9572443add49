"""Trainings that are killed, stopped, starved of disk and damaged, in real processes."""

from __future__ import annotations

import json
import math
import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.training.small_training import Noisy, digest, settings, train

from cutaway.core.errors import DivergedError, FormatError, UsageError
from cutaway.training.checkpoints import Checkpoints
from cutaway.training.loop import Epoch, Step, fit
from cutaway.training.snapshot import random_states, set_random_states
from cutaway.training.tensor_file import write_tensors

HERE = Path(__file__).parent
SCRIPT = [sys.executable, str(HERE / "small_training.py")]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The weights of a training that nothing ended."""
    torch.set_num_threads(1)
    return train(tmp_path_factory.mktemp("whole") / "run")


def cut(folder: Path, steps: int) -> None:
    """Train, and fail after so many steps."""
    random.seed(7)
    np.random.seed(7)

    def listen(event: Step | Epoch, of: int | None) -> None:
        if isinstance(event, Step) and event.step == steps + 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(
            Noisy(),
            settings(),
            listen,
            checkpoints=Checkpoints(folder=folder, recipe={"data": "noise"}, every=1),
        )


@pytest.mark.parametrize("steps", [0, 1, 3, 4, 5, 10])
def test_a_training_cut_anywhere_ends_with_the_same_bits(tmp_path: Path, wanted: str, steps: int) -> None:
    cut(tmp_path / "run", steps)
    assert train(tmp_path / "run") == wanted


def test_every_kind_of_state_matters(tmp_path: Path, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: leave one state out of the restoring, and the bits differ."""
    for place, name in [
        ("cutaway.training.saving.set_random_states", "random"),
        ("cutaway.training.saving.fill_optimizer", "optimizer"),
        ("cutaway.training.saving.fill_weights", "weights"),
        ("tests.training.small_training.Noisy.restore", "task"),
    ]:
        cut(tmp_path / name, 5)
        with monkeypatch.context() as patch:
            patch.setattr(place, lambda *_: None)
            assert train(tmp_path / name) != wanted, name


def test_kill_at_every_line_of_a_save_goes_on_bit_for_bit(tmp_path: Path) -> None:
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        command = [sys.executable, str(HERE / "killed_saves.py"), folder]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert int(told[0]) > 70
    assert told[1:] == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("line", ["step 2\n", "step 4\n"])
def test_a_signal_leaves_a_checkpoint_and_its_code(
    tmp_path: Path, wanted: str, number: int, code: int, line: str
) -> None:
    """Behind step 4 the signal meets the validation."""
    command = [*SCRIPT, str(tmp_path / "run"), "--wait", "0.2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while process.stdout.readline() != line:
            pass
        if line == "step 4\n":
            # The validation waits as long as a step: go into its middle.
            signal.sigtimedwait([], 0.1)
        process.send_signal(number)
        assert process.wait() == code
        assert signal.Signals(number).name in process.stderr.read()
    assert len(list((tmp_path / "run").glob("epoch-*"))) == 2
    assert train(tmp_path / "run") == wanted


def test_a_second_process_ends_with_4_and_names_the_holder(tmp_path: Path) -> None:
    command = [*SCRIPT, str(tmp_path / "run"), "--wait", "0.5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        first.stdout.readline()
        second = subprocess.run(command, capture_output=True, text=True)
        first.kill()
    assert second.returncode == 4
    assert f"process {first.pid} on" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_full_disk_ends_with_4_and_the_checkpoint_before_it_loads(tmp_path: Path, wanted: str) -> None:
    """A limit of file size below the optimizer's memory: the first save that holds it fails in mid-file."""
    folder = tmp_path / "run"
    cut(folder, 5)
    before = sorted(path.name for path in folder.glob("epoch-*"))
    starved = subprocess.run(
        [*SCRIPT, str(folder)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048)),
    )
    assert starved.returncode == 4, starved.stderr
    assert "no space left" in starved.stderr
    assert sorted(path.name for path in folder.iterdir() if path.name != "lock") == before
    assert train(folder) == wanted


def test_a_real_full_disk(tmp_path: Path, wanted: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("may not mount a small disk here")
    try:
        cut(disk / "run", 2)
        filler = disk / "filler"
        filler.write_bytes(b"x" * (os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - 8192))
        starved = subprocess.run([*SCRIPT, str(disk / "run")], capture_output=True, text=True)
        assert starved.returncode == 4, starved.stderr
        assert "no space left" in starved.stderr
        filler.unlink()
        told: list[str] = []
        assert train(disk / "run", told=told) == wanted
        assert told == []
        assert not list((disk / "run").glob(".*"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "manifest", "facts"])
def test_a_damaged_newest_checkpoint_falls_back_and_says_so(tmp_path: Path, wanted: str, damage: str) -> None:
    folder = tmp_path / "run"
    cut(folder, 6)
    newest = max(folder.glob("epoch-*"))
    weights = newest / "weights.safetensors"
    held = bytearray(weights.read_bytes())
    if damage == "flip":
        held[-3] ^= 1
        weights.write_bytes(held)
    elif damage == "cut":
        weights.write_bytes(held[:-8])
    elif damage == "gone":
        weights.unlink()
    else:
        (newest / f"{damage}.json").write_text('{"format": ')
    told: list[str] = []
    assert train(folder, told=told) == wanted
    assert len(told) == 1
    assert str(newest) in told[0]
    assert "going on from step 5" in told[0]


def test_nothing_but_damage_is_an_error_and_never_a_new_start(tmp_path: Path) -> None:
    cut(tmp_path / "run", 6)
    for place in (tmp_path / "run").glob("epoch-*"):
        (place / "manifest.json").unlink()
    with pytest.raises(FormatError, match="delete"):
        train(tmp_path / "run")


def test_another_recipe_is_named_and_refused(tmp_path: Path) -> None:
    cut(tmp_path / "run", 3)
    other = Checkpoints(folder=tmp_path / "run", recipe={"data": "other"})
    with pytest.raises(UsageError, match=r"data was 'noise', is 'other'"):
        fit(Noisy(), settings(), lambda event, steps: None, checkpoints=other)
    same = Checkpoints(folder=tmp_path / "run", recipe={"data": "noise"})
    with pytest.raises(UsageError, match=r"loop\.epochs.* was 3, is 4"):
        fit(Noisy(), settings(epochs=4), lambda event, steps: None, checkpoints=same)


def test_a_finished_training_is_not_trained_again(tmp_path: Path, wanted: str) -> None:
    train(tmp_path / "run")
    task, events = Noisy(), []
    checkpoints = Checkpoints(folder=tmp_path / "run", recipe={"data": "noise"}, every=1)
    history = fit(task, settings(), lambda event, steps: events.append(event), checkpoints=checkpoints)
    assert digest(task.model) == wanted
    assert events == []
    assert len(history.steps) == 12
    assert history.best is history.epochs[-1] or history.best.epoch < 3


def test_a_loss_of_nan_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    class Diverging(Noisy):
        def loss(self, batch: int) -> tuple[torch.Tensor, int]:
            loss, count = super().loss(batch)
            return loss * (math.nan if batch == 11 else 1), count

    folder = tmp_path / "run"
    checkpoints = Checkpoints(folder=folder, every=1)
    with pytest.raises(DivergedError, match="step 6 of 12") as caught:
        fit(Diverging(), settings(), lambda event, steps: None, checkpoints=checkpoints)
    assert caught.value.exit_code == 5
    newest = max(folder.glob("epoch-*"))
    assert newest.name.endswith("step-00000005")
    assert all(torch.isfinite(value).all() for value in load_file(newest / "weights.safetensors").values())


def test_a_gradient_of_nan_stops_before_it_reaches_the_weights(tmp_path: Path) -> None:
    class Steep(Noisy):
        def loss(self, batch: int) -> tuple[torch.Tensor, int]:
            loss, count = super().loss(batch)
            return loss + (self.model[0].weight.sum() * 0).sqrt(), count

    task = Steep()
    with pytest.raises(DivergedError, match="gradient"):
        fit(task, settings(), lambda event, steps: None)
    assert all(torch.isfinite(value).all() for value in task.model.state_dict().values())


def test_checkpoints_come_as_often_as_asked_and_two_stay(tmp_path: Path) -> None:
    seen: list[list[str]] = []
    folder = tmp_path / "run"

    def listen(event: Step | Epoch, steps: int | None) -> None:
        seen.append(sorted(path.name[6:] for path in folder.glob("epoch-*")))

    fit(Noisy(), settings(), listen, checkpoints=Checkpoints(folder=folder, every=3))
    assert seen[3] == ["0000-step-00000003"]
    assert seen[5] == ["0000-step-00000003", "0001-step-00000004"]
    assert sorted(path.name[6:] for path in folder.glob("epoch-*")) == [
        "0002-step-00000009",
        "0003-step-00000012",
    ]


@pytest.mark.parametrize("wrong", [{"every": 0}, {"keep": 0}, {"seconds": 0.0}, {"seconds": math.nan}])
def test_settings_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Checkpoints(folder=tmp_path, **wrong)  # type: ignore[arg-type]


def test_tensors_are_read_by_the_reference_reader(tmp_path: Path) -> None:
    random_numbers = torch.randn(3, 5)
    kinds = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
    tensors = {str(kind): random_numbers.to(kind) for kind in kinds}
    tensors |= {str(kind): (random_numbers * 50).to(kind) for kind in (torch.int64, torch.int32, torch.int8)}
    tensors |= {"flags": random_numbers > 0, "bytes": torch.arange(7, dtype=torch.uint8)}
    tensors |= {"none": torch.zeros(0, 4), "scalar": torch.tensor(1.5), "turned": random_numbers.T}
    name = write_tensors(tmp_path / "t.safetensors", tensors)
    read = load_file(tmp_path / "t.safetensors")
    assert read.keys() == tensors.keys()
    assert all(
        torch.equal(read[key], tensors[key]) and read[key].dtype == tensors[key].dtype for key in tensors
    )
    sums = subprocess.run(
        ["sha256sum", tmp_path / "t.safetensors"], capture_output=True, text=True, check=True
    )
    assert sums.stdout.split()[0] == name


def test_random_states_come_back(tmp_path: Path) -> None:
    random.gauss()
    np.random.standard_normal()
    write_tensors(tmp_path / "r.safetensors", random_states())
    first = (
        torch.rand(3).tolist(),
        np.random.standard_normal(3).tolist(),
        [random.gauss() for _ in range(3)],
    )
    set_random_states(load_file(tmp_path / "r.safetensors"))
    again = (
        torch.rand(3).tolist(),
        np.random.standard_normal(3).tolist(),
        [random.gauss() for _ in range(3)],
    )
    assert first == again


def test_a_manifest_names_every_file_with_its_hash(tmp_path: Path) -> None:
    cut(tmp_path / "run", 3)
    newest = max((tmp_path / "run").glob("epoch-*"))
    manifest = json.loads((newest / "manifest.json").read_text())
    assert {path.name for path in newest.iterdir()} == {*manifest["files"], "manifest.json"}
    assert {"weights.safetensors", "optimizer.safetensors", "random.safetensors"} < set(manifest["files"])
