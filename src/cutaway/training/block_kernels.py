"""Kernels of a block's training: what stands between its products, each in one pass over memory.

Each works on the rows from `first` up to `last`, so that threads can share them; sums over rows go into
accumulators that are the caller's, one set a thread.

Letters: N tokens, D width, F feed-forward width.
"""

# numba types what runs here; to a type checker its intrinsics are plain functions of other arguments.
# mypy: disable-error-code="call-arg, no-untyped-call, no-untyped-def, unreachable, var-annotated"

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, register_jitable

from cutaway.core.jit import kernel

# A piece of a kernel, pasted where it is called and compiled with it.
_inlined = register_jitable(inline="always")

_LOG2_E, _HALF_ROOT = np.float32(1.4426950408889634), np.float32(0.7071067811865476)
_DENSITY = np.float32(0.3989422804014327)  # 1 / √(2π)
# Smaller powers of two add nothing to a float32 here, and what they multiply would be slow: no normal number.
_LOWEST = np.float32(-80.0)
# 2^f as its series of (f ln 2)^k / k!; 1e-8 off at f = 1/2.
_POWERS = tuple(
    np.float32(c)
    for c in (0.6931471805599453, 0.2402265069591007, 0.05550410866482158, 0.009618129107628477,
              0.0013333558146428443, 0.00015403530393381608, 1.5252733804059841e-05)
)  # fmt: skip
# Abramowitz & Stegun 1964, equation 7.1.26, of half the sum.
_P = np.float32(0.3275911)
_A = tuple(np.float32(c / 2) for c in (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429))
_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)


@intrinsic
def _floor(typing, x):
    """The whole number below, as a float: `math.floor` makes an int64 of it."""

    def build(context, b, signature, given):
        return b.call(b.module.declare_intrinsic("llvm.floor", [ir.FloatType()]), given)

    return types.float32(types.float32), build


@intrinsic
def _power_of_two(typing, whole):
    """2 to a whole number from -126 to 127, put together from its bits."""

    def build(context, b, signature, given):
        word = ir.IntType(32)
        bits = b.shl(b.add(b.fptosi(given[0], word), word(127)), word(23))
        return b.bitcast(bits, ir.FloatType())

    return types.float32(types.float32), build


@_inlined
def _normal(x):
    """Φ(x) and φ(x), of the normal distribution; 1e-7 off at most.

    Φ(-z) = φ(z) √(2π) t (a₁ + a₂ t + ... + a₅ t⁴) / 2,   t = 1 / (1 + p z / √2)
    """
    z = abs(x)
    e = -_HALF * _LOG2_E * x * x
    e = e if e > _LOWEST else _LOWEST
    n = _floor(e + _HALF)
    f = e - n
    c = _POWERS
    series = _ONE + f * (c[0] + f * (c[1] + f * (c[2] + f * (c[3] + f * (c[4] + f * (c[5] + f * c[6]))))))
    density = series * _power_of_two(n)
    t = _ONE / (_ONE + _P * _HALF_ROOT * z)
    a = _A
    tail = density * t * (a[0] + t * (a[1] + t * (a[2] + t * (a[3] + t * a[4]))))
    return (_ONE - tail if x > _ZERO else tail), density * _DENSITY


@kernel(
    "void(float32[:, ::1], float32[::1], float32[:, ::1], int64, int64)", sums="any order", arrays="borrowed"
)
def gelu_forward(up, bias, hidden, first, last):
    """up ← up + b;  hidden = up Φ(up).  Both are (N, F)."""
    for n in range(first, last):
        for f in range(bias.shape[0]):
            x = up[n, f] + bias[f]
            up[n, f] = x
            share, _ = _normal(x)
            hidden[n, f] = x * share


@kernel(
    "void(float32[:, ::1], float32[:, ::1], float32[:, ::1], float32[::1], int64, int64)",
    sums="any order",
    arrays="borrowed",
)
def gelu_backward(up, gradient, hidden, bias_gradient, first, last):
    """hidden = u Φ(u) again;  gradient ← gradient (Φ(u) + u φ(u)), summed into the bias's.

    All are (N, F), the sums (F,).
    """
    for n in range(first, last):
        for f in range(bias_gradient.shape[0]):
            x = up[n, f]
            share, density = _normal(x)
            hidden[n, f] = x * share
            slope = gradient[n, f] * (share + x * density)
            gradient[n, f] = slope
            bias_gradient[f] += slope


@kernel(
    "void(float32[:, ::1], float32[:, ::1], float32[::1], uint8[:, ::1], uint8, float32[:, ::1], float32,"
    " float32[:, ::1], float32[:, ::1], int64, int64)",
    sums="any order",
    arrays="borrowed",
)
def add_norm_forward(written, x, bias, draws, threshold, norm, epsilon, y, moments, first, last):  # noqa: PLR0913
    """s = x + drop(written + b);  y = γ (s - mean(s)) / √(var(s) + ε) + β.

    `written` (N, D) becomes s; `norm` is (2, D): γ and β; `moments` is (N, 2): what s is less and times by;
    a number is dropped whose draw, of (N, D), is below the threshold.
    """
    width = bias.shape[0]
    scale = np.float32(256.0) / np.float32(256 - np.int64(threshold))
    for n in range(first, last):
        total = _ZERO
        for d in range(width):
            kept = (written[n, d] + bias[d]) * scale if draws[n, d] >= threshold else _ZERO
            s = x[n, d] + kept
            written[n, d] = s
            total += s
        mean = total / np.float32(width)
        squares = _ZERO
        for d in range(width):
            off = written[n, d] - mean
            squares += off * off
        inverse = _ONE / np.sqrt(squares / np.float32(width) + epsilon)
        for d in range(width):
            y[n, d] = (written[n, d] - mean) * inverse * norm[0, d] + norm[1, d]
        moments[n, 0] = mean
        moments[n, 1] = inverse


@kernel(
    "void(float32[:, ::1], float32[:, ::1], float32[:, ::1], float32[::1], uint8[:, ::1], uint8,"
    " float32[:, ::1], float32[:, ::1], float32[:, ::1], int64, int64)",
    sums="any order",
    arrays="borrowed",
)
def add_norm_backward(gradient, s, moments, scale, draws, threshold, to_x, to_written, sums, first, last):  # noqa: PLR0913
    """From the gradient of y to those of x and of what was written.

    ŝ = (s - mean) / √(var + ε),   g = γ dy,   dx = (g - mean(g) - ŝ mean(g ŝ)) / √(var + ε)

    `sums` is (3, D): dγ += dy ŝ, dβ += dy, db += dwritten.
    """
    width = scale.shape[0]
    spread = np.float32(256.0) / np.float32(256 - np.int64(threshold))
    share = _ONE / np.float32(width)
    for n in range(first, last):
        mean, inverse = moments[n, 0], moments[n, 1]
        plain, along = _ZERO, _ZERO
        for d in range(width):
            dy = gradient[n, d]
            unit = (s[n, d] - mean) * inverse
            sums[0, d] += dy * unit
            sums[1, d] += dy
            g = dy * scale[d]
            plain += g
            along += g * unit
        plain *= share
        along *= share
        for d in range(width):
            unit = (s[n, d] - mean) * inverse
            dx = (gradient[n, d] * scale[d] - plain - unit * along) * inverse
            to_x[n, d] = dx
            back = dx * spread if draws[n, d] >= threshold else _ZERO
            to_written[n, d] = back
            sums[2, d] += back
