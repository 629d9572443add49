"""A block in training by kernels equals the same block layer by layer, forward and backward."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cutaway.training import block_kernels as kernels
from cutaway.training.row_parts import in_parts, summed_in_parts
from cutaway.transformers.block import Block
from cutaway.transformers.config import BlockConfig
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.sight import Within
from cutaway.transformers.trainable import can_train

# Neither a width nor a count of tokens is a multiple of a register's 16.
CONFIG = BlockConfig(width=36, heads=3, feed_forward=150, dropout=0.1)
LENGTHS = (3, 57, 57, 120, 256, 256, 300)


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def rows(lengths: tuple[int, ...] = LENGTHS) -> PackedBatch:
    return PackedBatch.from_rows([np.zeros(length, dtype=np.int64) for length in lengths])


def learned(block: Block, x: Tensor, batch: PackedBatch, weights: Tensor) -> list[Tensor]:
    """What comes out, and the gradients of x and of every parameter, from one seed of what is dropped."""
    torch.manual_seed(7)
    block.zero_grad()
    x = x.clone().requires_grad_()
    # The input has a past and the output a use beside the block: gradients are added, not replaced.
    out = block(x * 1, batch)
    ((out * weights).sum() + (x * weights).sum()).backward()
    found = [out.detach(), x.grad, *(parameter.grad for parameter in block.parameters())]
    return [part.clone() for part in found if part is not None]


def open_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cutaway.transformers.block._trained", lambda *given: None)


@pytest.mark.parametrize("dropout", [0.0, 0.1, 0.6])
def test_training_by_kernels_is_training_layer_by_layer(
    dropout: float, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    config = BlockConfig(width=36, heads=3, feed_forward=150, dropout=dropout)
    block, batch = Block(config).train(), rows()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    x, weights = (torch.randn(sum(LENGTHS), 36) for _ in range(2))
    assert can_train(block, x, Within(batch=batch))
    fast = learned(block, x, batch, weights)
    open_path(monkeypatch)
    plain = learned(block, x, batch, weights)
    exact = learned(block.double(), x.double(), batch, weights.double())
    assert len(fast) == len(plain) == 2 + 16
    for one, other, truth in zip(fast, plain, exact, strict=True):
        size = truth.abs().max()
        # As close to the truth as the framework's own operators are, or to rounding.
        off, theirs = ((part - truth).abs().max() / size for part in (one, other))
        assert float(off) < max(2 * float(theirs), 3e-6)


def test_nothing_is_kept_once_the_gradients_are_there() -> None:
    block, batch = Block(CONFIG).train(), rows()
    loss = block(torch.randn(sum(LENGTHS), 36), batch).sum()
    node = loss.grad_fn.next_functions[0][0]
    assert {"attention", "feeding"} <= set(vars(node))
    loss.backward()
    assert not {"attention", "feeding"} & set(vars(node))


def test_changed_weights_are_refused() -> None:
    block, batch = Block(CONFIG).train(), rows()
    loss = block(torch.randn(sum(LENGTHS), 36), batch).sum()
    with torch.no_grad():
        block.up.weight.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def _frozen(block: Block) -> None:
    block.up.weight.requires_grad_(False)


def _watched(block: Block) -> None:
    block.down.register_forward_hook(lambda *given: None)


def _adapted(block: Block) -> None:
    block.query = torch.nn.Sequential(block.query)


@pytest.mark.parametrize("change", [_frozen, _watched, _adapted, Block.double])
def test_a_block_of_another_kind_is_trained_layer_by_layer(change: Any) -> None:
    block = Block(CONFIG).train()
    x, sight = torch.randn(sum(LENGTHS), 36), Within(batch=rows())
    assert can_train(block, x, sight)
    assert not can_train(block, x.double(), sight)
    assert not can_train(block, x, Within(batch=rows(), sees="up to itself"))
    with torch.autocast("cpu", torch.bfloat16):
        assert not can_train(block, x, sight)
    with torch.no_grad():
        assert not can_train(block, x, sight)
    change(block)
    assert not can_train(block, x, sight)


def test_gelu_is_the_normal_distributions_wherever_it_is_asked() -> None:
    points = np.concatenate([np.linspace(-14, 14, 20_001), [0.0, -0.0, 1e-30, -40, 40, 1e4, -1e4]])
    up = points.astype(np.float32)[None].copy()
    exact = torch.from_numpy(up).double().requires_grad_()
    wanted = torch.nn.functional.gelu(exact)
    wanted.sum().backward()
    hidden, bias = np.empty_like(up), np.zeros(up.shape[1], np.float32)
    kernels.gelu_forward(up, bias, hidden, 0, 1)
    again, slope, sums = np.empty_like(up), np.ones_like(up), bias.copy()
    kernels.gelu_backward(up, slope, again, sums, 0, 1)
    np.testing.assert_array_equal(hidden, again)
    np.testing.assert_array_equal(sums, slope[0])
    np.testing.assert_allclose(hidden, wanted.detach().numpy(), rtol=2e-7, atol=6e-7)
    np.testing.assert_allclose(slope, exact.grad.numpy(), atol=1e-6)


def test_what_is_no_number_stays_none() -> None:
    up = np.array([[np.nan, np.inf]], np.float32)
    hidden, bias = np.empty_like(up), np.zeros(2, np.float32)
    kernels.gelu_forward(up, bias, hidden, 0, 1)
    assert np.isnan(hidden[0, 0])
    assert not np.isfinite(hidden[0, 1])


def test_every_row_is_in_one_part(threads: int) -> None:
    for count in (0, 1, 63, 64, 129, 1000):
        seen = torch.zeros(count, dtype=torch.int64)

        def work(rows: np.ndarray, sums: np.ndarray, first: int, last: int) -> None:
            rows[first:last] += 1
            sums += last - first

        assert summed_in_parts((2,), count, work, seen).tolist() == [count, count]
        assert bool((seen == 1).all())


def test_an_error_in_another_thread_is_the_callers(threads: int) -> None:
    def work(first: int, last: int) -> None:
        if first == 0:
            raise ValueError(f"row {first}")

    with pytest.raises(ValueError, match="row 0"):
        in_parts(1000, work)


def test_what_was_kept_goes_with_the_last_that_holds_it() -> None:
    block, batch = Block(CONFIG).train(), rows()
    out = block(torch.randn(sum(LENGTHS), 36), batch)
    gone = weakref.ref(out)
    gc.collect()
    gc.disable()
    try:
        del out  # the way back was never gone; no cycle holds the output
        assert gone() is None
    finally:
        gc.enable()
