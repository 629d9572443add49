"""Batches, rates and the loop, against formulas and against torch by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from cutaway.core.errors import DivergedError, UsageError
from cutaway.training.batches import token_budget_batches
from cutaway.training.loop import Epoch, LoopSettings, Step, fit
from cutaway.training.optimizer import OptimizerSettings, adamw, rate_at

lengths = st.lists(st.integers(1, 300), min_size=1, max_size=200)


@given(lengths, st.integers(1, 1000), st.none() | st.integers(0, 5))
def test_every_row_stands_in_one_batch_within_the_budget(
    sizes: list[int], budget: int, seed: int | None
) -> None:
    batches = token_budget_batches(sizes, budget=budget, seed=seed)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(sizes)))
    for batch in batches:
        assert len(batch) == 1 or sum(sizes[row] for row in batch) <= budget


def test_batches_hold_similar_lengths_and_differ_by_seed() -> None:
    sizes = np.random.default_rng(0).integers(1, 400, size=2000).tolist()
    spread = [
        max(sizes[r] for r in b) / min(sizes[r] for r in b)
        for b in token_budget_batches(sizes, budget=4096, seed=1)
    ]
    assert np.median(spread) < 1.35
    first, again, other = (token_budget_batches(sizes, budget=4096, seed=seed) for seed in (1, 1, 2))
    assert [b.tolist() for b in first] == [b.tolist() for b in again] != [b.tolist() for b in other]


def test_a_budget_below_one_token_is_refused() -> None:
    with pytest.raises(UsageError, match="0"):
        token_budget_batches([1], budget=0, seed=None)


@given(st.integers(1, 500), st.floats(0, 0.9))
def test_the_rate_climbs_to_its_peak_once_and_ends_near_zero(steps: int, warmup: float) -> None:
    settings = OptimizerSettings(rate=0.5, warmup=warmup)
    rates = [rate_at(step, steps, settings) for step in range(steps)]
    peak = rates.index(max(rates))
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 < rates[-1] <= max(rates) <= 0.5
    assert rate_at(steps, steps, settings) == 0 or steps <= max(1, round(steps * warmup))


def test_decay_spares_biases_and_norms() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3))
    model[0].weight.requires_grad_(False)
    optimizer = adamw(model.named_parameters(), OptimizerSettings(weight_decay=0.1))
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert decays == {id(model[0].bias): 0.0, id(model[1].weight): 0.0, id(model[1].bias): 0.0}


@pytest.mark.parametrize(
    "wrong", [{"rate": 0.0}, {"rate": math.nan}, {"warmup": 1.0}, {"clip": 0.0}, {"weight_decay": -1.0}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        OptimizerSettings(**wrong)


class Line:
    """Fits y = w x by least squares; validation losses may be dictated."""

    def __init__(self, validation: Sequence[float] = ()) -> None:
        torch.manual_seed(0)
        self.model = nn.Linear(1, 1, bias=False)
        self.kept: list[tuple[int, float]] = []
        self._validation = iter(validation)
        self._dictated = bool(validation)

    def batches(self, epoch: int) -> Sequence[float]:
        return [1.0, 2.0, 3.0]

    def loss(self, batch: float) -> tuple[Tensor, int]:
        return (self.model(torch.tensor([batch])) - 3 * batch).square().mean(), 1

    def validate(self) -> Mapping[str, float]:
        wrong = (self.model.weight - 3).square().item()
        return {"loss": next(self._validation) if self._dictated else wrong}

    def keep(self, epoch: int) -> None:
        self.kept.append((epoch, self.model.weight.item()))


def test_the_loop_equals_adamw_by_hand() -> None:
    settings = LoopSettings(epochs=2, optimizer=OptimizerSettings(rate=0.1, clip=1.0, warmup=0.2))
    task, by_hand = Line(), Line()
    events: list[Step | Epoch] = []
    history = fit(task, settings, lambda event, steps: events.append(event))
    optimizer = torch.optim.AdamW(by_hand.model.parameters(), lr=0.1, weight_decay=0.01)
    for step, x in enumerate([1.0, 2.0, 3.0] * 2):
        optimizer.param_groups[0]["lr"] = rate_at(step, 6, settings.optimizer)
        loss, _ = by_hand.loss(x)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(by_hand.model.parameters(), 1.0)
        optimizer.step()
        assert history.steps[step].loss == pytest.approx(float(loss.detach()), rel=1e-6)
    assert task.model.weight.item() == pytest.approx(by_hand.model.weight.item(), rel=1e-6)
    assert [type(event) for event in events] == [Step, Step, Step, Epoch] * 2
    first = history.epochs[0]
    assert first.training_loss == pytest.approx(np.mean([step.loss for step in history.steps[:3]]))


def test_it_stops_after_patience_and_keeps_the_best_only() -> None:
    task = Line([5.0, 3.0, 4.0, 3.5, 1.0])
    history = fit(task, LoopSettings(epochs=5, patience=2), lambda event, steps: None)
    assert [epoch.best for epoch in history.epochs] == [True, True, False, False]
    assert [epoch for epoch, _ in task.kept] == [1, 2]
    assert history.best.epoch == 2


def test_a_loss_that_is_not_finite_stops_with_code_5_and_the_best_kept() -> None:
    class Diverging(Line):
        def batches(self, epoch: int) -> Sequence[float]:
            return [1.0] if epoch == 0 else [math.inf]

    task = Diverging()
    with pytest.raises(DivergedError, match=r"step 2 of 2.*try a lower one") as caught:
        fit(task, LoopSettings(epochs=2), lambda event, steps: None)
    assert caught.value.exit_code == 5
    assert [epoch for epoch, _ in task.kept] == [1]
