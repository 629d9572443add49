"""Products in bytes: as near as rounding allows, fused or not, and refused where the machine lacks them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transformers.test_prepared import LONG, bert_of

from cutaway.core.errors import UsageError
from cutaway.transformers import int8, products
from cutaway.transformers.block import FUSED
from cutaway.transformers.int8 import Int8Product, int8_works
from cutaway.transformers.products import fastest_precision, kind_of

needs_bytes = pytest.mark.skipif(not int8_works(), reason="this torch multiplies no bytes here")


@needs_bytes
@settings(max_examples=30)
@given(
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 40), st.integers(1, 40)),
    shift=st.sampled_from([-5.0, 0.0, 5.0]),
    activation=st.sampled_from(["none", "gelu", "gelu_tanh", "relu", "swish"]),
    seed=st.integers(0, 100),
)
def test_a_product_is_off_by_no_more_than_its_rounding(
    sizes: tuple[int, int, int], shift: float, activation: str, seed: int
) -> None:
    rows, into, out = sizes
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, into, generator=generator) + shift
    weight, bias = torch.randn(out, into, generator=generator), torch.randn(out, generator=generator)
    rest = torch.randn(rows, out, generator=generator)
    product, exact = Int8Product(weight, bias), F.linear(x, weight, bias)
    # Half a level of each factor, times the other: a bound of the worst case (slopes of all are below 1.13).
    level = (max(float(x.max()), 0.0) - min(float(x.min()), 0.0)) / 255
    levels = weight.abs().amax(1) / 127
    bound = 1.13 * into * (level / 2 * (weight.abs().amax(1) + levels) + levels / 2 * x.abs().max()) + 1e-4
    if activation == "none":
        assert ((product(x) - exact).abs() <= bound).all()
        assert ((product.added(x, rest) - rest - exact).abs() <= bound).all()
    else:
        assert ((product.activated(x, activation) - FUSED[activation](exact)).abs() <= bound).all()


@needs_bytes
def test_zeros_stay_zeros() -> None:
    product = Int8Product(torch.zeros(5, 3), torch.arange(5.0))
    assert product(torch.zeros(2, 3)).tolist() == [[0, 1, 2, 3, 4]] * 2
    assert Int8Product(torch.ones(1, 2), torch.zeros(1))(torch.tensor([[0.0, 0.0]])).item() == 0


@needs_bytes
def test_an_encoder_in_bytes_is_near_the_exact_one() -> None:
    bert = bert_of()
    exact, rough = bert.infer(LONG), bert.infer(LONG, precision="int8")
    assert 0 < (rough - exact).abs().max() < 0.2
    assert (rough - exact).abs().mean() < 0.02
    assert rough.dtype == torch.float32


def test_a_machine_without_bytes_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    works = int8_works.__wrapped__
    monkeypatch.setattr(Int8Product, "__init__", lambda self, weight, bias: torch.ops.onednn.nothing())
    assert not works()
    monkeypatch.setattr(products, "int8_works", lambda: False)
    monkeypatch.setattr(products, "int16_works", lambda: False)
    for precision in ("int8", "int16"):
        with pytest.raises(UsageError, match=f"no products in {precision}"):
            kind_of(precision)
    assert fastest_precision(16, 24) in ("float32", "bfloat16")


def test_products_that_are_wrong_do_not_count_as_working(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Int8Product, "__call__", lambda self, x: torch.zeros(len(x), 80))
    assert not int8.int8_works.__wrapped__()


@pytest.mark.parametrize(("seconds", "fastest"), [(0.7, "bfloat16"), (0.8, "float32"), (3.0, "float32")])
def test_the_fastest_is_found_by_its_time(
    monkeypatch: pytest.MonkeyPatch, seconds: float, fastest: str
) -> None:
    # Four trials of each, float32's of one second first; each reads the clock before and behind.
    trials = [1.0] * 4 + [seconds] * 4
    clock = iter([reading for at, trial in enumerate(trials) for reading in (10.0 * at, 10.0 * at + trial)])
    monkeypatch.setattr(products, "int8_works", lambda: False)
    monkeypatch.setattr(products, "int16_works", lambda: False)
    monkeypatch.setattr(products, "perf_counter", lambda: next(clock))
    assert fastest_precision(16, 24) == fastest
