"""Schedules, groups, lazy rows, clipping, accumulation and unfreezing against formulas and torch by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cutaway.core.errors import UsageError
from cutaway.training.lazy_adamw import LazyAdamW
from cutaway.training.loop import Epoch, LoopSettings, Step, fit
from cutaway.training.optimizer import OptimizerSettings, Schedule, adamw, clip, rate_at


def quiet(event: Step | Epoch, steps: int | None) -> None:
    """Listen to nothing."""


BY_HAND: Mapping[Schedule, Callable[[float], float]] = {
    "linear": lambda gone: 1 - gone,
    "cosine": lambda gone: (1 + math.cos(math.pi * gone)) / 2,
    "constant": lambda gone: 1.0,
}


@pytest.mark.parametrize("schedule", list(BY_HAND))
@pytest.mark.parametrize(("steps", "warmup"), [(100, 0.1), (7, 0.0), (50, 0.5)])
def test_schedules_are_their_formulas(schedule: Schedule, steps: int, warmup: float) -> None:
    settings = OptimizerSettings(rate=0.3, warmup=warmup, schedule=schedule)
    warm = max(1, round(steps * warmup))
    for step in range(steps):
        gone = (step - warm) / (steps - warm)
        wanted = (step + 1) / warm if step < warm else BY_HAND[schedule](gone)
        assert rate_at(step, steps, settings) == pytest.approx(0.3 * wanted, abs=1e-12)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_schedules_are_those_of_the_field(schedule: Schedule) -> None:
    """Transformers begins its warm-up at 0, which wastes the first step; ours is one step ahead there."""
    optimization = pytest.importorskip("transformers.optimization")
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = optimization.get_scheduler(schedule, optimizer, num_warmup_steps=20, num_training_steps=100)
    settings = OptimizerSettings(rate=1.0, warmup=0.2, schedule=schedule)
    for step in range(100):
        ours = rate_at(step - (1 if step < 20 else 0), 100, settings) if step else 0.0
        assert theirs.get_last_lr()[0] == pytest.approx(ours, abs=1e-9)
        optimizer.step()
        theirs.step()


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 4), nn.Linear(4, 2))


def depth(name: str) -> int:
    return 3 - int(name.split(".")[0])


def test_each_layer_has_its_rate_and_matrices_alone_decay() -> None:
    model = small()
    optimizer = adamw(model.named_parameters(), OptimizerSettings(layer_decay=0.5, weight_decay=0.1), depth)
    found = {
        id(p): (group["share"], group["weight_decay"])
        for group in optimizer.param_groups
        for p in group["params"]
    }
    for name, parameter in model.named_parameters():
        decays = 0.1 if parameter.ndim > 1 else 0.0
        assert found[id(parameter)] == (0.5 ** depth(name), decays), name


class Points:
    """Learns two classes of points; batches are row numbers."""

    def __init__(self, batches: Sequence[Sequence[int]], seen: list[dict[str, Tensor]] | None = None) -> None:
        self.model = small()
        self._batches = batches
        self._x = torch.randn(24, 3, generator=torch.Generator().manual_seed(1))
        self._y = (self._x.sum(1) > 0).long()
        self.seen = [] if seen is None else seen

    def batches(self, epoch: int) -> Sequence[Sequence[int]]:
        return self._batches

    def loss(self, batch: Sequence[int]) -> tuple[Tensor, int]:
        rows = list(batch)
        return functional.cross_entropy(self.model(self._x[rows]), self._y[rows]), len(rows)

    def validate(self) -> Mapping[str, float]:
        self.seen.append({name: value.clone() for name, value in self.model.state_dict().items()})
        logits = self.model(self._x)
        right = (logits.argmax(1) == self._y).float().mean().item()
        return {"loss": functional.cross_entropy(logits, self._y).item(), "accuracy": right}

    def keep(self, epoch: int) -> None:
        """Nothing is written."""

    def depth(self, name: str) -> int:
        return depth(name)


def test_layers_move_by_their_rates() -> None:
    """A first step of AdamW moves each weight by its rate, up to the sign."""
    task = Points([range(24)])
    before = {name: value.clone() for name, value in task.model.state_dict().items()}
    optimizer = OptimizerSettings(rate=1e-3, warmup=0.0, layer_decay=0.3, weight_decay=0.0)
    fit(task, LoopSettings(epochs=1, optimizer=optimizer), quiet)
    for name in ("0.weight", "2.weight", "3.weight"):
        moved = (task.model.state_dict()[name] - before[name]).abs().max().item()
        assert moved == pytest.approx(1e-3 * 0.3 ** depth(name), rel=1e-2)


def test_accumulated_batches_are_one_large_batch() -> None:
    parts = [[0, 1, 2, 3, 4], [5, 6], [7], [8, 9, 10, 11], list(range(12, 24))]
    large = [list(range(12)), list(range(12, 24))]
    settings = LoopSettings(epochs=3, optimizer=OptimizerSettings(rate=0.01))
    one, many = Points(large), Points(parts)
    whole = fit(one, settings, quiet)
    split = fit(many, LoopSettings(epochs=3, accumulate=4, optimizer=settings.optimizer), quiet)
    assert len(split.steps) == len(whole.steps) == 6
    for a, b in zip(whole.steps, split.steps, strict=True):
        assert (a.loss, a.gradient_norm, a.examples) == pytest.approx(
            (b.loss, b.gradient_norm, b.examples), rel=1e-5
        )
    for name, value in one.model.state_dict().items():
        torch.testing.assert_close(many.model.state_dict()[name], value, atol=1e-6, rtol=0)


def test_gradual_unfreezing_leaves_lower_layers_bit_for_bit() -> None:
    task = Points([range(12), range(12, 24)])
    first = {name: value.clone() for name, value in task.model.state_dict().items()}
    settings = LoopSettings(
        epochs=4, patience=4, unfreezing="gradual", optimizer=OptimizerSettings(rate=0.01)
    )
    fit(task, settings, quiet)
    for epoch, state in enumerate(task.seen, start=1):
        for name, value in state.items():
            same = torch.equal(value, first[name])
            assert same == (depth(name) >= epoch), (epoch, name)
    assert all(parameter.requires_grad for parameter in task.model.parameters())


def test_the_best_epoch_is_the_one_that_was_asked_for() -> None:
    told = [(0.9, 0.5), (0.5, 0.6), (0.7, 0.8), (0.8, 0.8)]

    class Told(Points):
        def validate(self) -> Mapping[str, float]:
            loss, accuracy = next(self.answers)
            return {"loss": loss, "accuracy": accuracy}

    for best_by, best in [("loss", 2), ("accuracy", 3)]:
        task = Told([range(24)])
        task.answers = iter(told)  # type: ignore[attr-defined]
        assert fit(task, LoopSettings(epochs=4, best_by=best_by), quiet).best.epoch == best
    with pytest.raises(UsageError, match=r"best_by is 'f2': the validation tells \['accuracy', 'loss'\]"):
        fit(Points([range(24)]), LoopSettings(best_by="f2"), quiet)


def test_layers_are_refused_where_there_are_none() -> None:
    class Bare:
        def __init__(self) -> None:
            self.model, inner = nn.Linear(1, 1), Points([range(3)])
            self.batches, self.loss, self.validate, self.keep = (
                inner.batches,
                inner.loss,
                inner.validate,
                inner.keep,
            )

    for settings in (
        LoopSettings(unfreezing="gradual"),
        LoopSettings(optimizer=OptimizerSettings(layer_decay=0.9)),
    ):
        with pytest.raises(UsageError, match="no layers"):
            fit(Bare(), settings, quiet)


def table(sparse: bool) -> tuple[nn.Embedding, LazyAdamW]:
    torch.manual_seed(0)
    embedding = nn.Embedding(6, 3, sparse=sparse)
    optimizer = adamw(embedding.named_parameters(), OptimizerSettings(rate=0.01, weight_decay=0.1))
    return embedding, optimizer


def test_looked_up_rows_move_as_dense_ones() -> None:
    """Every row in every step: sparse and dense are the same."""
    (lazy, a), (dense, b) = table(sparse=True), table(sparse=False)
    ids = torch.tensor([0, 1, 2, 3, 4, 5, 2, 2])
    for step in range(5):
        for embedding, optimizer in ((lazy, a), (dense, b)):
            (embedding(ids) * torch.arange(24).view(8, 3).sub(step)).square().sum().backward()
            assert embedding.weight.grad is not None
            assert embedding.weight.grad.is_sparse == (embedding is lazy)
            optimizer.step()
            optimizer.zero_grad()
        torch.testing.assert_close(lazy.weight, dense.weight, atol=1e-6, rtol=0)


def test_rows_that_nobody_looked_up_stay() -> None:
    embedding, optimizer = table(sparse=True)
    before = embedding.weight.detach().clone()
    for _ in range(2):
        embedding(torch.tensor([1, 4])).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    changed = (embedding.weight.detach() != before).any(1)
    assert changed.tolist() == [False, True, False, False, True, False]
    # The second step of Adam with one gradient moves by the rate again.
    decayed = before[1] * (1 - 0.01 * 0.1) - 0.01
    wanted = decayed * (1 - 0.01 * 0.1) - 0.01
    torch.testing.assert_close(embedding.weight[1].detach(), wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("limit", [0.5, 1e6])
def test_clipping_is_torchs_sparse_or_dense(limit: float) -> None:
    weights = []
    for sparse in (True, False):
        embedding, _ = table(sparse)
        other = nn.Parameter(torch.ones(2))
        loss = embedding(torch.tensor([1, 1, 4])).square().sum() + 3 * other.sum()
        loss.backward()
        norm = clip([embedding.weight, other, nn.Parameter(torch.ones(3))], limit)
        gradient = embedding.weight.grad
        assert gradient is not None
        weights.append((norm, gradient.to_dense() if sparse else gradient, other.grad))
    copy, _ = table(sparse=False)
    (copy(torch.tensor([1, 1, 4])).square().sum()).backward()
    rest = nn.Parameter(torch.ones(2))
    rest.grad = torch.full((2,), 3.0)
    wanted = torch.nn.utils.clip_grad_norm_([copy.weight, rest], limit)
    for norm, gradient, other_gradient in weights:
        assert norm == pytest.approx(float(wanted), rel=1e-6)
        torch.testing.assert_close(gradient, copy.weight.grad)
        torch.testing.assert_close(other_gradient, rest.grad)


@pytest.mark.parametrize(
    "wrong", [{"schedule": "square"}, {"layer_decay": 0.0}, {"layer_decay": 1.5}, {"clip": math.nan}]
)
def test_optimizer_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        OptimizerSettings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"accumulate": 0}, {"unfreezing": "slow"}, {"epochs": 0}])
def test_loop_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        LoopSettings(**wrong)  # type: ignore[arg-type]
