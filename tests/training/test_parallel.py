"""Two processes share a training: the same bits in both, the same weights as in one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.training.parallel_training import Words, trained

from cutaway.core.errors import ResourceError
from cutaway.training.parallel import ALONE, Group, joined

SCRIPT = Path(__file__).with_name("parallel_training.py")
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("parallel")
    subprocess.run([*TORCHRUN, str(SCRIPT), str(place)], check=True, capture_output=True, timeout=120)
    return place


@pytest.fixture(scope="module")
def told(folder: Path) -> list[dict[str, Any]]:
    """What each of the two processes came to."""
    return [json.loads((folder / f"{rank}.json").read_text(encoding="utf-8")) for rank in (0, 1)]


def test_two_processes_have_the_same_bits_and_the_weights_of_one(
    folder: Path, told: list[dict[str, Any]]
) -> None:
    assert told[0]["weights"] == told[1]["weights"]
    assert told[0]["whole"] == told[1]["whole"] != told[0]["weights"]
    torch.set_num_threads(1)
    alone = Words(seed=0)
    trained(alone, ALONE, accumulate=2)
    wanted, found = alone.model.state_dict(), load_file(folder / "weights.safetensors")
    assert wanted.keys() == found.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-5, atol=1e-6)
    # With one batch a step they come out otherwise: the comparison can fail.
    other = Words(seed=0)
    trained(other, ALONE, accumulate=1)
    assert (other.model.table.weight - alone.model.table.weight).abs().max() > 1e-3


def test_the_first_alone_keeps(told: list[dict[str, Any]]) -> None:
    assert told[0]["kept"]
    assert told[1]["kept"] == []


def test_a_signal_to_one_stops_both_and_they_go_on_to_the_same_bits(told: list[dict[str, Any]]) -> None:
    for each in told:
        assert each["stopped"].startswith("StoppedError: SIGTERM after step 4 of 9")
        assert each["resumed"] == each["whole"]


def test_what_diverges_in_one_ends_both_before_a_weight_moves(told: list[dict[str, Any]]) -> None:
    for each in told:
        assert each["diverged"].startswith("DivergedError: the loss became nan at step 1 of 9")
        assert each["after"] == each["before"]


def test_other_settings_are_refused_by_both(told: list[dict[str, Any]]) -> None:
    for each in told:
        assert each["other"].startswith("UsageError: process 1 of 2 has other data or settings")


def test_a_process_alone_talks_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with joined() as group:
        assert group == ALONE == Group(rank=0, size=1)
    assert group.add_gradients([], [2.5]) == [2.5]
    assert (group.most([3]), group.tell("x"), group.collect(b"y")) == ([3], "x", [b"y"])


def test_nobody_to_meet_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "RANK": "0",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": "x",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ResourceError, match="do not meet at localhost:x"), joined():
        pass
