"""Attention: the equation, the plain lines and every operator give the same mixture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles import encoder

from cutaway.core.errors import ShapeError
from cutaway.transformers.attention import attend, attend_fast

sizes = st.tuples(
    st.integers(1, 3), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.integers(1, 5)
)


def random_qkv(sizes: tuple[int, int, int, int, int], seed: int) -> tuple[torch.Tensor, ...]:
    b, h, t, s, d = sizes
    random = torch.Generator().manual_seed(seed)
    shapes = ((b, h, t, d), (b, h, s, d), (b, h, s, d))
    return tuple(torch.randn(shape, generator=random) * 2 for shape in shapes)


@settings(max_examples=60, deadline=None)
@given(sizes=sizes, causal=st.booleans(), seed=st.integers(0, 1000))
def test_attend_is_the_equation(sizes: tuple[int, int, int, int, int], causal: bool, seed: int) -> None:
    if causal:
        sizes = (*sizes[:3], sizes[2], sizes[4])
    q, k, v = random_qkv(sizes, seed)
    out = attend(q, k, v, causal=causal).numpy()
    for row in range(sizes[0]):
        for head in range(sizes[1]):
            parts = (part[row, head].double().numpy() for part in (q, k, v))
            assert np.abs(out[row, head] - encoder.attention(*parts, causal=causal)).max() < 1e-5


@settings(max_examples=40, deadline=None)
@given(sizes=sizes, seed=st.integers(0, 1000), training=st.booleans())
def test_the_fast_operators_equal_the_plain_lines(
    sizes: tuple[int, int, int, int, int], seed: int, training: bool
) -> None:
    q, k, v = (part.requires_grad_(training) for part in random_qkv(sizes, seed))
    assert float((attend_fast(q, k, v) - attend(q, k, v)).detach().abs().max()) < 1e-5


@pytest.mark.parametrize("length", [5, 63, 64, 100])
@pytest.mark.parametrize("training", [False, True])
def test_bfloat16_is_close_and_stays_bfloat16_on_every_branch(length: int, training: bool) -> None:
    q, k, v = random_qkv((2, 2, length, length, 8), seed=1)
    exact = attend(q, k, v)
    rough = attend_fast(*(part.bfloat16().requires_grad_(training) for part in (q, k, v)))
    assert rough.dtype == torch.bfloat16
    assert float((rough.float() - exact).detach().abs().max()) < 0.1


def test_queries_and_keys_of_two_widths_are_refused() -> None:
    with pytest.raises(ShapeError, match="queries have 4 numbers per head, keys 5"):
        attend(torch.ones(1, 1, 2, 4), torch.ones(1, 1, 2, 5), torch.ones(1, 1, 2, 5))


def test_keys_and_values_of_two_lengths_are_refused() -> None:
    with pytest.raises(ShapeError, match="there are 2 keys but 3 values"):
        attend(torch.ones(1, 1, 2, 4), torch.ones(1, 1, 2, 4), torch.ones(1, 1, 3, 4))
