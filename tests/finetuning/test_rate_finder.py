"""The rate finder on a loss that can be written down, and at the command line."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from tests.finetuning.tiny_encoder import write_table, write_tiny_encoder
from torch import Tensor, nn

from cutaway.cli.main import main
from cutaway.cli.rate_curve import HEIGHT, WIDTH, picture
from cutaway.core.errors import DataError, UsageError
from cutaway.finetuning.rate_finder import RateFinderSettings, curve_of, find_rate, smooth
from cutaway.training.loop import LoopSettings
from cutaway.training.snapshot import random_states


class Bowl:
    """A loss of w², in 10 dimensions; `steep` multiplies it."""

    def __init__(self, steep: float = 1.0) -> None:
        self.model = nn.Linear(10, 1, bias=False)
        nn.init.ones_(self.model.weight)
        self._steep = steep

    def batches(self, epoch: int) -> Sequence[int]:
        return [1, 2, 3]

    def loss(self, batch: int) -> tuple[Tensor, int]:
        torch.rand(1)
        return self._steep * self.model.weight.square().mean(), 1

    def validate(self) -> Mapping[str, float]:
        return {}

    def keep(self, epoch: int) -> None:
        """Nothing is written."""


def test_weights_and_random_states_are_left_as_they_were() -> None:
    task = Bowl()
    task.model.eval()
    torch.manual_seed(5)
    before = random_states()
    seen: list[float] = []
    curve = find_rate(task, LoopSettings(), told=lambda step, steps, rate, loss: seen.append(rate))
    assert torch.equal(task.model.weight, torch.ones(1, 10))
    assert task.model.weight.grad is None
    assert not task.model.training
    after = random_states()
    assert all(torch.equal(after[name], value) for name, value in before.items() if name != "python/gauss")
    assert list(curve.rates) == seen
    growth = [b / a for a, b in pairwise(seen)]
    assert growth == pytest.approx([(1.0 / 1e-6) ** (1 / 99)] * len(growth))


def test_it_stops_where_the_loss_breaks_away_and_suggests_a_tenth_of_the_best() -> None:
    curve = find_rate(Bowl(), LoopSettings(), RateFinderSettings(highest=9.0, smoothing=0.5))
    assert len(curve.rates) < 100
    best = min(range(len(curve.smoothed)), key=curve.smoothed.__getitem__)
    assert curve.lowest == curve.rates[best]
    assert curve.suggestion == pytest.approx(curve.lowest / 10, rel=0.05)
    assert curve.losses[0] == pytest.approx(1.0)
    falls = [b - a for a, b in pairwise(curve.smoothed)][:best]
    assert curve.steepest == curve.rates[falls.index(min(falls))]


def test_smoothing_is_the_formula() -> None:
    losses, beta = [3.0, 1.0, 2.0, 5.0], 0.7
    for at, value in enumerate(smooth(losses, beta), start=1):
        weights = [(1 - beta) * beta ** (at - i) for i in range(1, at + 1)]
        by_hand = sum(w * loss for w, loss in zip(weights, losses, strict=False)) / sum(weights)
        assert value == pytest.approx(by_hand)


def test_a_curve_that_tells_nothing_is_an_error() -> None:
    with pytest.raises(DataError, match="no rate"):
        curve_of([1e-3, 1e-2, 1e-1, 1.0], [1.0, 2.0, 3.0, 4.0], smoothing=0.5)
    with pytest.raises(DataError, match="broke away after 2 steps"):
        curve_of([1e-3, 1e-2], [1.0, 2.0], smoothing=0.5)
    with pytest.raises(DataError, match="broke away"):
        find_rate(Bowl(steep=math.inf), LoopSettings())


@pytest.mark.parametrize(
    "wrong",
    [{"lowest": 0.0}, {"lowest": 1.0, "highest": 0.1}, {"steps": 3}, {"smoothing": 1.0}, {"broken": 1.0}],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        RateFinderSettings(**wrong)  # type: ignore[arg-type]


def test_the_picture_puts_points_where_they_belong() -> None:
    lines = picture([1e-4, 1e-3, 1e-2, 1e-1], [4.0, 3.0, 1.0, 4.0], marks={"s": 1e-3})
    assert len(lines) == HEIGHT + 3
    assert lines[0] == "   4.000 │•" + " " * (WIDTH - 2) + "•"
    assert lines[HEIGHT - 1] == "   1.000 │" + " " * round(2 / 3 * (WIDTH - 1)) + "•"
    assert lines[-2].split() == ["1e-4", "1e-3", "1e-2", "1e-1"]
    assert lines[-1].index("s") - 10 == round((WIDTH - 1) / 3)


def test_the_command_line_finds_a_rate_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUTAWAY_RUNS", str(tmp_path / "runs"))
    encoder, table = write_tiny_encoder(tmp_path / "encoder"), write_table(tmp_path / "reviews.csv")
    command = ["finetune", table, "--model", encoder, "--batch-tokens", "64", "--find-rate"]
    assert main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert 1e-6 < told["suggestion"] < told["lowest"] <= 1
    assert len(told["rates"]) == len(told["losses"]) == len(told["smoothed"])
    assert main(command) == 0
    assert f"--rate {told['suggestion']:.1e}" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()
