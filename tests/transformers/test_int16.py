"""Prediction in 16-bit whole numbers: each step is its formula, the whole as near as rounding allows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transformers.test_prepared import LONG, bert_of

from cutaway.core.jit import kernel
from cutaway.training.int16_code import ROWS, WIDE
from cutaway.training.int16_products import int16_works
from cutaway.training.row_code import (
    ACTIVATIONS,
    activation_code,
    add_and_norm,
    exponentials,
    multiply_floats,
    turn_tile,
)
from cutaway.transformers import products
from cutaway.transformers.bert import Bert
from cutaway.transformers.block import FUSED
from cutaway.transformers.config import BertConfig, BlockConfig
from cutaway.transformers.int16 import Int16Product, in_registers
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.prepared import PreparedBlock, PreparedStack

needs_pairs = pytest.mark.skipif(
    not int16_works(), reason="this processor multiplies no pairs of 16 bits at once"
)


def wide_bert(seed: int = 0, layers: int = 2, **choices: Any) -> Bert:
    torch.manual_seed(seed)
    block = BlockConfig(**({"width": 32, "heads": 2, "feed_forward": 48} | choices))
    return Bert(BertConfig(vocabulary=23, positions=90, types=2, layers=layers, block=block)).eval()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_its_formula(name: str) -> None:
    code = activation_code(name)

    @kernel("void(float32[::1], int64)")
    def activate(x, registers):  # type: ignore[no-untyped-def]
        code(x, 16, registers)

    x = np.concatenate([np.linspace(-9, 9, 4000), [0.0, -0.0, 80, -80, 1e30, -1e30]]).astype(np.float32)
    x = np.concatenate([np.zeros(16, np.float32), np.resize(x, 4032), np.ones(16, np.float32)])
    wanted = FUSED[name](torch.from_numpy(x[16:-16]).double()).numpy()
    activate(x, len(wanted) // 16)
    assert (np.abs(x[16:-16] - wanted) <= 4e-6 + 1e-6 * np.abs(wanted)).all()
    assert (x[:16] == 0).all()
    assert (x[-16:] == 1).all()
    x[16:32] = np.nan
    activate(x, 1)
    assert np.isnan(x[16:32]).all()


@kernel("float32(float32[::1], int64, float32)")
def powers(x, registers, scale):  # type: ignore[no-untyped-def]
    """`exponentials`, callable."""
    return exponentials(x, 16, registers, scale)


@pytest.mark.parametrize("spread", [0.0, 1.0, 30.0, 1000.0])
def test_weights_are_a_softmax(spread: float) -> None:
    x = np.random.default_rng(0).standard_normal(96).astype(np.float32) * np.float32(spread)
    x[16 + 50 : 16 + 64] = -np.inf  # keys that are not there
    scale = 1 / math.sqrt(8)
    wanted = torch.softmax(torch.from_numpy(x[16:80]).double() * scale, 0).numpy()
    total = powers(x, 4, scale)
    np.testing.assert_allclose(x[16:80] / total, wanted, rtol=3e-6 + 3e-8 * spread, atol=1e-30)


@kernel("void(float32[::1], float32[::1], float32[:, :, ::1], float32)")
def norm(x, rest, norms, epsilon):  # type: ignore[no-untyped-def]
    """`add_and_norm`, callable."""
    add_and_norm(x, 3, rest, 5, norms, 1, epsilon)


@pytest.mark.parametrize(("shift", "epsilon"), [(0.0, 1e-12), (1000.0, 1e-5), (0.0, 3.0)])
def test_a_sum_is_normalized(shift: float, epsilon: float) -> None:
    draw = np.random.default_rng(0)
    x, rest = (draw.standard_normal(80).astype(np.float32) + np.float32(shift) for _ in range(2))
    norms = draw.standard_normal((2, 2, 64)).astype(np.float32)
    both = torch.from_numpy(x[3:67].astype(float) + rest[5:69])
    wanted = F.layer_norm(both, (64,), *torch.from_numpy(norms[1]).double(), epsilon).numpy()
    before = rest.copy()
    norm(x, rest, norms, epsilon)
    np.testing.assert_allclose(rest[5:69], wanted, atol=1e-6 * (1 + shift), rtol=1e-5)
    assert (np.delete(rest, np.s_[5:69]) == np.delete(before, np.s_[5:69])).all()


@kernel("void(float32[::1], float32[::1], int64, float32[::1])")
def tile(x, panel, count, out):  # type: ignore[no-untyped-def]
    """`multiply_floats`, callable."""
    multiply_floats(x, 1, 11, panel, 2, 40, count, out, 3, 35)


def test_a_tile_is_a_product() -> None:
    draw, count = np.random.default_rng(0), 7
    x, panel = (draw.standard_normal(size).astype(np.float32) for size in (ROWS * 11, 2 + count * 40))
    out = np.zeros(3 + ROWS * 35, np.float32)
    tile(x, panel, count, out)
    left = np.stack([x[1 + r * 11 :][:count] for r in range(ROWS)])
    right = np.stack([panel[2 + k * 40 :][:WIDE] for k in range(count)])
    np.testing.assert_allclose(out[3:].reshape(ROWS, 35)[:, :WIDE], left @ right, atol=1e-5)


lengths = st.lists(st.integers(1, 80), min_size=1, max_size=5)


@settings(max_examples=25, deadline=None)
@given(
    lengths=lengths,
    seed=st.integers(0, 1000),
    activation=st.sampled_from(list(ACTIVATIONS)),
    sizes=st.sampled_from([(32, 2, 48), (16, 1, 16), (96, 2, 32), (64, 1, 80)]),
)
def test_one_kernel_equals_rounded_products_one_after_another(
    lengths: list[int], seed: int, activation: str, sizes: tuple[int, int, int]
) -> None:
    width, heads, hidden = sizes
    bert = wide_bert(seed, 1, width=width, heads=heads, feed_forward=hidden, activation=activation)
    draw = np.random.default_rng(seed)
    batch = PackedBatch.from_rows([draw.integers(0, 23, length) for length in lengths])
    with torch.no_grad(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(products, "int16_works", lambda: True)  # slow elsewhere, and the same
        embedded = bert.embeddings(batch)
        open_way = PreparedBlock(bert.blocks[0], "int16")(embedded, batch)
        stack = PreparedStack(list(bert.blocks), "int16")
        assert stack._whole
        assert (stack(embedded, batch) - open_way).abs().max() < 5e-4
        exact = bert.blocks[0](embedded, batch)
        assert (stack(embedded, batch) - exact).abs().max() < 5e-3


@needs_pairs
@pytest.mark.parametrize("bert", [bert_of(), wide_bert()])
def test_an_encoder_in_16_bits_is_near_the_exact_one(bert: Bert) -> None:
    exact, rough = bert.infer(LONG), bert.infer(LONG, precision="int16")
    assert 0 < (rough - exact).abs().max() < 2e-3
    assert bool(bert._preparer._stacks["int16"]._whole) == in_registers(bert.blocks[0])
    assert rough.dtype == torch.float32


@needs_pairs
def test_pieces_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bert, draw = wide_bert(), np.random.default_rng(0)
    rows = [draw.integers(0, 23, length) for length in draw.integers(1, 80, 40)]
    batch = PackedBatch.from_rows(rows)
    together = bert.infer(batch, precision="int16")
    monkeypatch.setattr("cutaway.transformers.int16._PIECE", 60)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert (bert.infer(batch, precision="int16") == together).all()
    finally:
        torch.set_num_threads(before)
    alone = [bert.infer(PackedBatch.from_rows([row]), precision="int16") for row in rows]
    for one, found in zip(alone, batch.split(together), strict=True):
        assert (one == found).all()


@needs_pairs
def test_nan_weights_are_not_hidden() -> None:
    bert = wide_bert()
    with torch.no_grad():
        bert.blocks[0].key.weight[3, 2] = math.nan
    assert bert.infer(LONG, precision="int16").isnan().all()


@needs_pairs
def test_a_product_fuses_what_follows() -> None:
    x, weight, bias, rest = (torch.randn(shape) for shape in ((9, 7), (5, 7), (5,), (9, 5)))
    product, exact = Int16Product(weight, bias), F.linear(x, weight, bias)
    assert (product.activated(x, "swish") - F.silu(exact)).abs().max() < 1e-3
    assert (product.added(x, rest) - exact - rest).abs().max() < 1e-3


@kernel("void(float32[::1], float32[::1])")
def turn(x, out):  # type: ignore[no-untyped-def]
    """`turn_tile`, callable."""
    turn_tile(x, 2, 19, out, 1, 33)


def test_a_tile_is_transposed() -> None:
    x = np.arange(2 + 16 * 19, dtype=np.float32)
    out = np.zeros(1 + 16 * 33, np.float32)
    turn(x, out)
    wanted = np.zeros((16, 33), np.float32)
    wanted[:, :16] = x[2:].reshape(16, 19)[:, :16].T
    assert (out[1:].reshape(16, 33) == wanted).all()
