"""What is not kept for the backward pass: gradients are the same, memory is less."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from cutaway.training.dropout import drop
from cutaway.training.recomputed import recomputed
from cutaway.transformers.block import Block
from cutaway.transformers.config import Activation, BlockConfig
from cutaway.transformers.packing import Group, PackedBatch


def kept_bytes(work: Callable[[], Tensor]) -> tuple[Tensor, int]:
    """Run, and return the outcome with the bytes that its backward pass holds on to, each storage once."""
    held: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        return work(), sum(held.values())


def test_gradients_are_those_of_a_tensor_that_is_kept() -> None:
    torch.manual_seed(0)
    layer, x = nn.Linear(6, 3), torch.randn(5, 6, requires_grad=True)
    layer(x.tanh()).square().sum().backward()
    wanted = [part.grad.clone() for part in (x, layer.weight, layer.bias)]
    x.grad = None
    layer.zero_grad()
    hidden, times = x.tanh(), []

    def again() -> Tensor:
        times.append(1)
        return x.tanh()

    with recomputed(hidden, again):
        written = layer(hidden)
    assert times == []
    written.square().sum().backward()
    assert times == [1]
    for part, gradient in zip((x, layer.weight, layer.bias), wanted, strict=True):
        assert torch.equal(part.grad, gradient)


def test_nothing_is_changed_where_nothing_learns() -> None:
    x = torch.ones(2, 2)
    with recomputed(x, lambda: pytest.fail("never called")):
        assert torch.equal(x @ x, torch.full((2, 2), 2.0))


@pytest.mark.parametrize("activation", ["gelu", "swiglu"])
def test_a_block_fed_in_pieces_learns_the_same(
    activation: Activation, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = BlockConfig(width=8, heads=2, feed_forward=32, activation=activation, dropout=0.0)
    torch.manual_seed(0)
    block = Block(config).train()
    x = torch.randn(12, 8)
    batch = PackedBatch.from_rows([torch.arange(5).numpy(), torch.arange(7).numpy()])
    assert batch.groups == (Group(1, 5), Group(1, 7))
    found = []
    for many in (1024, 4):
        monkeypatch.setattr("cutaway.transformers.block._MANY", many)
        block.zero_grad()
        y = block(x, batch)
        y.square().sum().backward()
        found.append([y.detach(), *(p.grad.clone() for p in block.parameters())])
    for whole, pieces in zip(*found, strict=True):
        torch.testing.assert_close(pieces, whole, rtol=1e-4, atol=1e-5)


def test_a_feed_forward_layer_keeps_one_tensor_of_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    block = Block(BlockConfig(width=8, heads=2, feed_forward=32, dropout=0.0)).train()
    weights = sum(p.numel() for p in (*block.up.parameters(), *block.down.parameters())) * 4
    y = torch.randn(100, 8, requires_grad=True)
    _, held = kept_bytes(lambda: block.feed(y))
    # What is read and what comes up; the activation's outcome is of the same width as the latter.
    assert held <= (100 * 8 + 100 * 32) * 4 + weights
    _, plain = kept_bytes(lambda: block.down(torch.nn.functional.gelu(block.up(y))))
    assert plain >= held + 100 * 32 * 4


def test_dropout_keeps_a_byte_a_number_and_the_gradient_of_what_it_let_through() -> None:
    torch.manual_seed(0)
    x = torch.randn(1000, requires_grad=True)
    y, held = kept_bytes(lambda: drop(x, 0.25, training=True))
    assert held == 1000
    y.sum().backward()
    through = y.detach() != 0
    assert 650 < int(through.sum()) < 850
    torch.testing.assert_close(y.detach(), torch.where(through, x.detach() * 4 / 3, 0.0))
    torch.testing.assert_close(x.grad, through * torch.tensor(4 / 3))
