"""Masks, positions, norms and blocks against their definitions."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.core.errors import ShapeError, UsageError
from cutaway.transformers.attention import attend, attend_fast
from cutaway.transformers.block import Block
from cutaway.transformers.config import BlockConfig
from cutaway.transformers.formulas import rms_norm, swiglu, swish
from cutaway.transformers.masks import causal_mask, cross_mask, padding_mask
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.positions import rotate, sinusoids
from cutaway.transformers.sight import Across, Within


@pytest.mark.parametrize("order", ["interleaved", "halves"])
def test_sinusoids_are_the_equation(order: str) -> None:
    table = sinusoids(600, 10, layout=order)
    for p in (0, 1, 7, 599):
        for i in range(5):
            angle = p / 10_000 ** (2 * i / 10)
            places = (2 * i, 2 * i + 1) if order == "interleaved" else (i, 5 + i)
            got = [float(table[p, at]) for at in places]
            assert got == pytest.approx([math.sin(angle), math.cos(angle)], abs=1e-7)


def test_rotation_turns_each_pair_as_a_complex_number() -> None:
    x, places = torch.randn(3, 2, 6, dtype=torch.float64), torch.tensor([0, 4, 511])
    turned = rotate(x, places)
    for n in range(3):
        for i in range(3):
            given_pair = complex(*x[n, 1, 2 * i : 2 * i + 2].tolist())
            expected = given_pair * cmath.exp(1j * int(places[n]) * 10_000 ** (-2 * i / 6))
            assert complex(*turned[n, 1, 2 * i : 2 * i + 2].tolist()) == pytest.approx(expected)


def test_turned_products_depend_on_the_distance_only() -> None:
    q, k = torch.randn(1, 1, 8, dtype=torch.float64), torch.randn(1, 1, 8, dtype=torch.float64)
    near, far = ((rotate(q, torch.tensor([at + 3])) * rotate(k, torch.tensor([at]))).sum() for at in (0, 90))
    assert float(near) == pytest.approx(float(far))


@pytest.mark.parametrize(
    "odd", [lambda: sinusoids(3, 5), lambda: rotate(torch.ones(1, 1, 3), torch.zeros(1))]
)
def test_odd_widths_have_no_pairs(odd: object) -> None:
    with pytest.raises(UsageError, match=r"the width [35] is odd"):
        odd()  # type: ignore[operator]


def test_small_equations_equal_torch() -> None:
    x, scale = torch.randn(5, 8), torch.randn(8)
    assert torch.allclose(rms_norm(x, scale, epsilon=1e-3), torch.rms_norm(x, (8,), scale, 1e-3), atol=1e-6)
    assert torch.allclose(swish(x), torch.nn.functional.silu(x), atol=1e-6)
    assert torch.allclose(swiglu(x, scale), torch.nn.functional.silu(x) * scale, atol=1e-6)


masked_sizes = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(0, 3), st.integers(0, 1000))


@settings(max_examples=40)
@given(sizes=masked_sizes, causal=st.booleans(), training=st.booleans(), half=st.booleans())
def test_masked_attention_is_attention_without_the_hidden_keys(
    sizes: tuple[int, int, int, int], causal: bool, training: bool, half: bool
) -> None:
    rows, queries, earlier, seed = sizes
    keys = queries + earlier
    random = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(rows, 2, n, 4, generator=random) for n in (queries, keys, keys))
    mask = torch.rand(rows, 1, queries, keys, generator=random) < 0.5
    mask[..., 0] = True
    out = attend(q, k, v, mask=mask, causal=causal)
    fast = attend_fast(
        *((part.bfloat16() if half else part).requires_grad_(training) for part in (q, k, v)),
        mask=mask,
        causal=causal,
    )
    assert float((fast - out).detach().abs().max()) < (0.1 if half else 1e-5)
    for b, t in np.ndindex(rows, queries):
        seen = [s for s in range(keys) if mask[b, 0, t, s] and (not causal or s <= t + earlier)]
        alone = attend(q[b : b + 1, :, t : t + 1], k[b : b + 1, :, seen], v[b : b + 1, :, seen])
        assert float((out[b, :, t] - alone[0, :, 0]).detach().abs().max()) < 1e-5


def test_a_query_that_sees_nothing_is_refused() -> None:
    x = torch.ones(1, 1, 2, 4)
    with pytest.raises(ShapeError, match="a query sees no key"):
        attend(x, x, x, mask=torch.tensor([[True, True], [False, False]]))


def test_masks_are_their_definitions() -> None:
    lengths = torch.tensor([2, 4])
    padding, cross, causal = padding_mask(lengths, 4), cross_mask(lengths, 3, 4), causal_mask(3, 5)
    for b, t, s in np.ndindex(2, 3, 4):
        assert bool(padding[b, 0, 0, s]) == bool(cross[b, 0, t, s]) == (s < lengths[b])
    for t, s in np.ndindex(3, 5):
        assert bool(causal[t, s]) == (s <= t + 2)


@pytest.mark.parametrize("order", ["post", "pre"])
@pytest.mark.parametrize(
    ("norm", "activation", "places"), [("layer", "relu", "learned"), ("rms", "swiglu", "rotary")]
)
def test_a_decoder_block_is_its_sub_layers_row_by_row(
    order: str, norm: str, activation: str, places: str
) -> None:
    """Each row alone, by explicit attention and the small equations, in float64."""
    torch.manual_seed(1)
    config = BlockConfig(
        width=8, heads=2, feed_forward=12, activation=activation, norm=norm, order=order, places=places,
        sees="own row and a source", dropout=0.0,
    )  # fmt: skip
    block = Block(config).double()
    targets = PackedBatch.from_rows([np.arange(n) for n in (3, 1, 4, 3)])
    sources = PackedBatch.from_rows([np.arange(n) for n in (2, 5, 1, 4)])
    x, encoded = torch.randn(11, 8).double(), torch.randn(12, 8).double()
    across = Across(targets=targets, sources=sources, encoded=encoded)
    got = targets.split(block(x, Within(batch=targets, sees="up to itself"), across))

    def attention(part: Block, own: torch.Tensor, other: torch.Tensor, causal: bool) -> torch.Tensor:
        q, k, v = (
            linear(rows).view(len(rows), 2, 4)
            for linear, rows in ((part.query, own), (part.key, other), (part.value, other))
        )
        if causal and places == "rotary":
            q, k = rotate(q, torch.arange(len(own))), rotate(k, torch.arange(len(own)))
        q, k, v = (rows.transpose(0, 1)[None] for rows in (q, k, v))
        return part.output(attend(q, k, v, causal=causal)[0].transpose(0, 1).flatten(1))

    for row, source, out in zip(targets.split(x), sources.split(encoded), got, strict=True):
        y = row
        for norm_layer, layer in (
            (block.attention_norm, lambda own: attention(block, own, own, True)),
            (block.cross_norm, lambda own, source=source: attention(block.cross, own, source, False)),
            (block.feed_forward_norm, block.feed),
        ):
            y = y + layer(norm_layer(y)) if order == "pre" else norm_layer(y + layer(y))
        assert float((y - out).detach().abs().max()) < 1e-10


def test_a_decoder_block_needs_a_source() -> None:
    block = Block(BlockConfig(width=8, heads=2, feed_forward=12, sees="own row and a source"))
    with pytest.raises(UsageError, match="this block attends to a source"):
        block(torch.ones(2, 8), PackedBatch.from_rows([np.arange(2)]))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"norm": "batch"}, "norm 'batch': choose one of"),
        ({"places": "rotary", "heads": 8}, "1 numbers per head are odd"),
    ],
)
def test_odd_settings_are_refused(settings: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        BlockConfig(**{"width": 8, "heads": 2, "feed_forward": 12, **settings})
