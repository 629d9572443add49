"""Products in 16-bit whole numbers: the integers exact, their sums never over 32 bits, rounding as promised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cutaway.core.errors import ShapeError
from cutaway.core.jit import kernel
from cutaway.training import int16_kernels, int16_products
from cutaway.training.int16_code import ROWS, WIDE, pairs_at_once, tile_code
from cutaway.training.int16_products import Floats, LaidOut, int16_works, lay_out, multiply, share

# What a row can be that strains its rounding: one sign, one giant, nothing, next to nothing, all alike.
KINDS = ["normal", "positive", "outlier", "zeros", "denormal", "huge", "constant", "one"]


def rows_of(kind: str, shape: tuple[int, int], seed: int) -> Floats:
    draw = np.random.default_rng(seed)
    x = draw.standard_normal(shape).astype(np.float32)
    if kind == "positive":
        return np.abs(x)
    if kind == "outlier":
        x[:, seed % shape[1]] = 1e4
    scales = {"zeros": 0.0, "denormal": 1e-41, "huge": 1e37}
    if kind in scales:
        return x * np.float32(scales[kind])
    if kind == "constant":
        return np.full(shape, -3.7, np.float32)
    if kind == "one":
        return np.eye(*shape, k=seed % shape[1], dtype=np.float32)
    return x


def whole(laid: LaidOut) -> NDArray[np.int64]:
    """The whole numbers, (O, I), out of their panels."""
    outputs, inputs = laid.shape
    panels = laid.panels.reshape(-1, (inputs + 1) // 2, WIDE, 2).transpose(0, 2, 1, 3)
    return panels.reshape(-1, 2 * ((inputs + 1) // 2))[:outputs, :inputs].astype(np.int64)


kinds = st.sampled_from(KINDS)
sizes = st.tuples(st.integers(1, 30), st.integers(1, 90), st.integers(1, 70))


@settings(max_examples=150, deadline=None)
@given(sizes=sizes, kind=kinds, weights=kinds, seed=st.integers(0, 1000))
def test_integers_are_multiplied_exactly(
    sizes: tuple[int, int, int], kind: str, weights: str, seed: int
) -> None:
    rows, inputs, outputs = sizes
    x, weight = rows_of(kind, (rows, inputs), seed), rows_of(weights, (outputs, inputs), seed + 1)
    bias = np.random.default_rng(seed).standard_normal(outputs).astype(np.float32)
    left, right = lay_out(x), lay_out(weight, bias)
    sums = whole(left) @ whole(right).T
    assert np.abs(sums).max() < 2**31
    with np.errstate(over="ignore", under="ignore"):
        scales = left.scales[0, :rows, None] * right.scales[0, :outputs]
        wanted = sums.astype(np.float32) * scales + bias
    assert (multiply(x, right) == wanted).all()


@settings(max_examples=150, deadline=None)
@given(kind=kinds, inputs=st.integers(1, 600), seed=st.integers(0, 1000))
def test_a_row_is_rounded_as_finely_as_its_sums_allow(kind: str, inputs: int, seed: int) -> None:
    x = rows_of(kind, (3, inputs), seed)
    laid = lay_out(x)
    steps, exact = laid.scales[0, :3].astype(float), x.astype(float)
    lengths = np.sqrt((exact**2).sum(1))
    room = int16_kernels.LONGEST - 0.5 * np.sqrt(inputs)
    finest = np.maximum(lengths / room, np.abs(exact).max(1) / 32767)
    np.testing.assert_allclose(steps, np.maximum(finest, 1.1754944e-38), rtol=1e-6)
    off = np.abs(whole(laid) - exact / steps[:, None])
    assert off.max() <= 0.5 + 32767 * 2e-7
    assert np.abs(whole(laid)).max() <= 32767
    # Two such rows, however alike, stay below 2^31.
    assert (whole(laid) ** 2).sum(1).max() < 2**31


@settings(max_examples=50, deadline=None)
@given(sizes=sizes, kind=st.sampled_from(["normal", "positive", "outlier"]), seed=st.integers(0, 100))
def test_a_product_is_off_by_no_more_than_its_rounding(
    sizes: tuple[int, int, int], kind: str, seed: int
) -> None:
    rows, inputs, outputs = sizes
    x, weight = rows_of(kind, (rows, inputs), seed), rows_of("normal", (outputs, inputs), seed + 1)
    left, right = lay_out(x), lay_out(weight)
    a, b = (np.abs(array).sum(1).astype(float) for array in (x, weight))
    s, t = left.scales[0, :rows].astype(float), right.scales[0, :outputs].astype(float)
    # Σ |(x + e)(w + f) - x w| with |e| ≤ s / 2, |f| ≤ t / 2; and float32's own rounding.
    bound = (a[:, None] * t + s[:, None] * b + inputs * s[:, None] * t / 2) / 2
    exact = x.astype(float) @ weight.T.astype(float)
    assert (np.abs(multiply(x, right) - exact) <= 1.001 * bound + 1e-6 * np.abs(exact) + 1e-12).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 20, 39])
def test_what_is_not_finite_spoils_its_own_row_only(bad: float, place: int) -> None:
    x, weight = rows_of("normal", (16, 40), 0), rows_of("normal", (33, 40), 1)
    clean = multiply(x, lay_out(weight))
    x[5, place] = bad
    got = multiply(x, lay_out(weight))
    assert np.isnan(got[5]).all()
    assert (np.delete(got, 5, 0) == np.delete(clean, 5, 0)).all()
    weight[7, place] = bad
    assert np.isnan(multiply(rows_of("normal", (16, 40), 0), lay_out(weight))[:, 7]).all()


def test_threads_share_rows_and_change_nothing() -> None:
    x, laid = rows_of("normal", (2000, 24), 0), lay_out(rows_of("normal", (40, 24), 1))
    out = np.empty((2000, 40), np.float32)
    assert multiply(x, laid, out, threads=3) is out
    assert (out == multiply(x, laid)).all()
    assert multiply(x[:0], laid).shape == (0, 40)


def test_all_pieces_are_worked_on_once_and_errors_come_back() -> None:
    done: list[int] = []
    share(range(100), done.append, 4)
    assert sorted(done) == list(range(100))
    with pytest.raises(ZeroDivisionError):
        share([2, 0, 1], lambda piece: 1 // piece, 2)


def _tile(how: Any) -> Any:
    multiply_tile = tile_code(how)

    @kernel("void(int16[::1], int64, int16[::1], int64, int32[::1])")
    def tile(x, stride, panel, pairs, sums):  # type: ignore[no-untyped-def]
        multiply_tile(x, 2, stride, panel, 64, pairs, sums)

    return tile


@pytest.mark.parametrize("how", ["in steps", "at once"])
def test_a_tile_is_the_same_on_every_processor(how: str) -> None:
    if how == "at once" and not pairs_at_once():
        pytest.skip("this processor multiplies no pairs at once")
    draw, pairs, stride = np.random.default_rng(0), 9, 21
    x = draw.integers(-(2**15), 2**15, 2 + ROWS * stride, np.int16)
    panel = draw.integers(-(2**15), 2**15, 64 + pairs * WIDE * 2, np.int16)
    x[2:20] = panel[64 : 64 + 64 * pairs].reshape(-1, WIDE, 2)[:, 3].ravel()  # a sum over 2^31 wraps around
    sums = np.empty(ROWS * WIDE, np.int32)
    _tile(how)(x, stride, panel, pairs, sums)
    left = np.array([x[2 + r * stride :][: 2 * pairs] for r in range(ROWS)]).astype(np.int64)
    right = panel[64:].reshape(pairs, WIDE, 2).transpose(0, 2, 1).reshape(2 * pairs, WIDE).astype(np.int64)
    exact = left @ right
    assert np.abs(exact).max() >= 2**31
    assert (sums.reshape(ROWS, WIDE) == exact.astype(np.int32)).all()


def test_shapes_that_do_not_fit_are_named() -> None:
    laid = lay_out(np.ones((5, 3), np.float32))
    with pytest.raises(ShapeError, match=r"x is \[2, 4\].*expected \(N, 3\)"):
        multiply(np.ones((2, 4), np.float32), laid)
    with pytest.raises(ShapeError, match=r"out is float32 \[2, 4\]: expected float32 \[2, 5\]"):
        multiply(np.ones((2, 3), np.float32), laid, np.empty((2, 4), np.float32))
    with pytest.raises(ShapeError, match=r"\[\[5, 3\], \[4\]\]"):
        lay_out(np.ones((5, 3), np.float32), np.ones(4, np.float32))


def test_a_processor_without_pairs_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    works = int16_works.__wrapped__
    assert works() == pairs_at_once()
    monkeypatch.setattr(int16_products, "multiply", lambda x, laid: np.zeros((15, 80), np.float32))
    assert not works()
    monkeypatch.setattr("cutaway.training.int16_code.config.CPU_NAME", "generic")
    assert not pairs_at_once.__wrapped__()
