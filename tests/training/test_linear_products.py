"""A linear layer's three products in training: against float64, and against what bfloat16 leaves of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from cutaway.core.errors import UsageError
from cutaway.training import precision as precision_module
from cutaway.training.linear_products import Float32Products, Int16Products, LinearProducts
from cutaway.training.precision import products_in, products_now, training_precision
from cutaway.transformers.block import Block
from cutaway.transformers.config import BlockConfig
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.sight import Within
from cutaway.transformers.trainable import can_train

# No multiple of what a tile takes; an odd count of tokens; a few; one tile and one number more.
SHAPES = [(512, 150, 36), (301, 97, 200), (7, 5, 3), (1, 49, 33), (130, 384, 96)]


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def three(kind: type[LinearProducts], given: tuple[Tensor, ...]) -> list[Tensor]:
    """The output, the gradient of the input and that of the weight, the last two on top of something."""
    x, dy, weight, bias = given
    layer, y, dx = kind(weight, bias), torch.empty(len(x), len(weight)), torch.empty_like(x)
    layer.forward(x, y)
    layer.backward(dy, dx)
    added, to_weight = torch.full_like(x, 0.5), torch.full_like(weight, 0.25)
    layer.add_backward(dy, added)
    kind.learn(dy, x, to_weight)
    torch.testing.assert_close(added - 0.5, dx, rtol=1e-4, atol=1e-5 * float(dx.abs().max()) + 1e-6)
    return [y, dx, to_weight - 0.25]


def exact(given: tuple[Tensor, ...]) -> list[Tensor]:
    x, dy, weight, bias = (part.double() for part in given)
    return [x @ weight.t() + bias, dy @ weight, dy.t() @ x]


def off(found: Tensor, truth: Tensor) -> float:
    return float((found.double() - truth).norm() / truth.norm())


def drawn(shape: tuple[int, int, int], seed: int = 0) -> tuple[Tensor, ...]:
    tokens, outputs, inputs = shape
    torch.manual_seed(seed)
    return (
        torch.randn(tokens, inputs), torch.randn(tokens, outputs),
        torch.randn(outputs, inputs), torch.randn(outputs),
    )  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_products_are_the_formulas(shape: tuple[int, int, int], threads: int) -> None:
    given = drawn(shape)
    half = tuple(part.bfloat16() for part in given)
    x, dy, weight, bias = half
    rough = [torch.nn.functional.linear(x, weight, bias), dy @ weight, dy.t() @ x]
    for plain, whole, bf16, truth in zip(
        three(Float32Products, given), three(Int16Products, given), rough, exact(given), strict=True
    ):
        assert off(plain, truth) < 1e-6
        assert off(whole, truth) < 6e-4
        assert off(whole, truth) < off(bf16, truth) / 4


def test_columns_of_any_size_keep_their_digits() -> None:
    x, dy, weight, _ = drawn((256, 40, 24))
    dy, x = dy * torch.logspace(-24, 12, 40), x * torch.logspace(6, -9, 24)
    to_weight = torch.zeros_like(weight)
    Int16Products.learn(dy, x, to_weight)
    truth = dy.double().t() @ x.double()
    norms = dy.double().norm(dim=0)[:, None] * x.double().norm(dim=0)
    # Each number is off by a share of the two columns that it comes from; the smallest keep fewer digits.
    assert float(((to_weight.double() - truth).abs() / norms)[4:].max()) < 1e-4


@pytest.mark.parametrize("size", [1.0, 3e-25, 1e-13, 2e16])
def test_no_sum_overflows_where_all_numbers_are_the_largest(size: float) -> None:
    ones = torch.full((512, 48), size)
    to_weight, y = torch.zeros(48, 48), torch.empty(512, 48)
    Int16Products.learn(ones, torch.ones(512, 48), to_weight)
    torch.testing.assert_close(to_weight, torch.full((48, 48), 512 * size), rtol=1e-3, atol=0.0)
    Int16Products(torch.ones(48, 48)).forward(ones, y)
    torch.testing.assert_close(y, torch.full((512, 48), 48 * size), rtol=1e-3, atol=0.0)


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf, -torch.inf])
def test_what_is_no_number_is_seen_in_the_gradients_it_belongs_to(wrong: float) -> None:
    x, dy, weight, _ = drawn((64, 20, 24))
    dy[5, 3] = wrong
    to_weight = torch.zeros_like(weight)
    Int16Products.learn(dy, x, to_weight)
    finite = to_weight.isfinite()
    assert not finite[3].any()
    assert finite[torch.arange(20) != 3].all()


def test_a_columns_zeros_stay_zeros() -> None:
    x, dy, weight, _ = drawn((64, 20, 24))
    dy[:, 2] = 0
    to_weight = torch.zeros_like(weight)
    Int16Products.learn(dy, x, to_weight)
    assert not to_weight[2].any()
    assert to_weight[3].any()


def test_a_block_learns_from_more_digits_than_bfloat16_has() -> None:
    torch.manual_seed(0)
    block = Block(BlockConfig(width=48, heads=4, feed_forward=192, dropout=0.1)).train()
    batch = PackedBatch.from_rows([np.zeros(n, dtype=np.int64) for n in (90, 256, 256, 256, 300)])
    x, weights = torch.randn(1158, 48), torch.randn(1158, 48)
    assert can_train(block, x, Within(batch=batch))

    def learned(precision: str) -> list[Tensor]:
        torch.manual_seed(3)
        block.zero_grad()
        given = x.to(block.up.weight.dtype).detach().clone().requires_grad_()
        with products_in(precision):
            out = block(given, batch)
        (out * weights).sum().backward()
        return [given.grad.clone(), *(p.grad.clone() for p in block.parameters())]

    whole, half = learned("int16"), learned("bfloat16")
    names = ["x", *(name for name, _ in block.named_parameters())]
    truth = [part.clone() for part in _double(block, learned)]
    assert any(not torch.equal(one, other) for one, other in zip(whole, truth, strict=True))
    for name, one, other, exactly in zip(names, whole, half, truth, strict=True):
        if name != "key.bias":  # its gradient is 0 but for rounding: softmax does not see it
            assert off(one, exactly) < max(2e-6, min(2e-3, off(other, exactly))), name


def _double(block: Block, learned) -> list[Tensor]:
    block.double()
    try:
        return learned("float32")
    finally:
        block.float()


def test_a_precision_holds_inside_its_block_only() -> None:
    assert products_now() == "float32"
    with products_in("int16"):
        assert products_now() == "int16"
        assert not torch.is_autocast_enabled("cpu")
        with products_in("bfloat16"):
            assert torch.is_autocast_enabled("cpu")
        assert products_now() == "int16"
    assert products_now() == "float32"


def test_int16_is_refused_where_it_is_slow_and_auto_takes_it_where_it_is_fast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision_module, "has_bfloat16", lambda device: False)
    monkeypatch.setattr(precision_module, "_multiplies_int16", lambda: True)
    assert training_precision("auto") == training_precision("int16") == "int16"
    monkeypatch.setattr(precision_module, "_multiplies_int16", lambda: False)
    assert training_precision("auto") == "float32"
    with pytest.raises(UsageError, match="no products of 16-bit whole numbers: choose float32"):
        training_precision("int16")
