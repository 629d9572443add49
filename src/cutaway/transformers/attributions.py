"""What each token of a text did for an answer, by gradients: gradient times input, and integrated gradients.

Legend: B copies of a text, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.polynomial import Legendre
from torch import Tensor, nn

from cutaway.core.errors import DivergedError, UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.transformers.question import Question

NODES = 8  # of one stretch of the path, both its ends among them
_MOST_STRETCHES = 1024
# Float32 answers are not surer than this, so that no finer completeness can be asked of them.
_ROUNDING = 2e-5


def gradient_times_input(question: Question) -> Trace:
    """Multiply each token's vector by the slope of the answer there.

        aₜ = Σᵢ eₜᵢ ∂F/∂eₜᵢ

    e are the rows of the token table, before positions are added. It tells how the answer would move if a
    token's vector grew a little; far from the text the answer may bend, and the sum is no share of it.

    Args:
        question: F, the answer.

    Returns:
        A trace. Axes ("token", "width"): `token_vectors`, `gradient`. Axes ("token",): `attribution`.
        Single: `answer`.

    Source:
        Shrikumar et al. 2016, arXiv:1605.01713, section 3.
    """
    rec = _begin(question, "gradient × input")
    vectors = rec.keep(
        "token_vectors", _vectors(question), axes=("token", "width"), formula="rows of the token table"
    )
    scores, gradients = _slopes(question, vectors[None])
    rec.keep("answer", scores[0], axes=(), formula=question.readout.name)
    gradient = rec.keep(
        "gradient",
        gradients[0],
        axes=("token", "width"),
        formula="∂F/∂e, by backpropagation",
        inputs=("token_vectors",),
    )
    rec.keep(
        "attribution",
        (vectors.double() * gradient).sum(-1),
        axes=("token",),
        formula="aₜ = Σᵢ eₜᵢ ∂F/∂eₜᵢ",
        inputs=("token_vectors", "gradient"),
    )
    return rec.finish()


def integrated_gradients(
    question: Question, *, baseline: int | None = None, tolerance: float = 0.01
) -> Trace:
    """Sum the slopes along the straight way from a text that says nothing to this one.

        aₜ = Σᵢ (eₜᵢ − e′ₜᵢ) ∫₀¹ ∂F/∂eₜᵢ (e′ + α (e − e′)) dα                                  (1)

    The attributions sum to F(e) − F(e′): completeness. It holds on every stretch of the way by itself, so
    that stretches on which the sum is off are halved until all of them together are off by less than the
    tolerance; where the answer is smooth, one stretch of 8 slopes may do.

    Args:
        question: F, the answer.
        baseline: the id whose vector stands at each token of e′, such as [PAD] or [MASK]; the zero vector if
            not given, as the paper has it for text. Positions stay.
        tolerance: the largest share of F(e) − F(e′) that may be missing or too much.

    Returns:
        A trace. Axes ("token",): `attribution`. Axes ("token", "width"): `token_vectors`,
        `baseline_vectors`, `mean_gradient`. Single: `answer`, `baseline_answer`. The table `stretches` tells
        where slopes were taken and how far each stretch is off. Facts: `error`, Σ aₜ − (F(e) − F(e′)),
        `error_share` of it, `slopes`, how many were taken.

    Raises:
        UsageError: the tolerance is not above 0, or the baseline is no token.
        DivergedError: 1,024 stretches were not enough.

    Source:
        Sundararajan, Taly and Yan 2017, arXiv:1703.01365, equation 1 and proposition 1.
    """
    if not 0 < tolerance < 1:
        raise UsageError(f"tolerance is {tolerance}: it must be above 0 and below 1")
    rec, axes = _begin(question, "integrated gradients"), ("token", "width")
    vectors = rec.keep("token_vectors", _vectors(question), axes=axes, formula="rows of the token table")
    start = rec.keep(
        "baseline_vectors",
        _baseline(question, vectors, baseline),
        axes=axes,
        formula="0" if baseline is None else f"row {baseline} of the token table",
    )
    return _tell(rec, _Way(question=question, start=start, step=vectors - start), tolerance)


def _tell(rec: Recorder, way: _Way, tolerance: float) -> Trace:
    """Go the way and record what was found on it."""
    stretches, name, axes = _halve(way, tolerance), way.question.readout.name, ("token", "width")
    rec.keep("baseline_answer", stretches[0].low, axes=(), formula=f"{name} of the baseline")
    rec.keep("answer", stretches[-1].high, axes=(), formula=name)
    rec.table(
        "stretches",
        ("begin", "end", "rise", "error"),
        [(one.begin, one.end, one.high - one.low, one.error) for one in stretches],
        formula="slopes at 8 Gauss-Lobatto points of each; error = Σ slopes − rise",
    )
    mean = rec.keep(
        "mean_gradient",
        torch.stack([one.gradient for one in stretches]).sum(0),
        axes=axes,
        formula="∫₀¹ ∂F/∂e (e′ + α (e − e′)) dα, Gauss-Lobatto on each stretch",
        inputs=("token_vectors", "baseline_vectors"),
    )
    attribution = rec.keep(
        "attribution",
        (way.step.double() * mean).sum(-1),
        axes=("token",),
        formula="aₜ = Σᵢ (eₜᵢ − e′ₜᵢ) mean gradientₜᵢ",
        inputs=("token_vectors", "baseline_vectors", "mean_gradient"),
    )
    rise = stretches[-1].high - stretches[0].low
    error = float(attribution.sum()) - rise
    rec.fact("error", error)
    rec.fact("error_share", abs(error / rise) if rise else 0.0)
    rec.fact("slopes", way.asked * NODES)
    return rec.finish()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Stretch:
    """One part of the way: the integral of the slopes over it, the answer at both ends, how far it is off."""

    begin: float
    end: float
    gradient: Tensor
    low: float
    high: float
    error: float


@dataclass(kw_only=True, eq=False)
class _Way:
    """The straight way from the baseline to the text."""

    question: Question
    start: Tensor
    step: Tensor
    asked: int = 0

    def measure(self, ends: Sequence[tuple[float, float]]) -> list[_Stretch]:
        """Integrate over some stretches, all their slopes in one batch."""
        self.asked += len(ends)
        points, shares = lobatto(NODES)
        begins, lengths = np.array([(begin, end - begin) for begin, end in ends]).T
        at = torch.from_numpy(begins[:, None] + lengths[:, None] * points).to(self.step)
        scores, gradients = _slopes(self.question, self.start + at.view(-1, 1, 1) * self.step)
        found = zip(ends, scores.view(len(ends), -1), torch.split(gradients, NODES), strict=True)
        return [self._stretch(pair, values, part, torch.tensor(shares)) for pair, values, part in found]

    def _stretch(
        self, ends: tuple[float, float], scores: Tensor, gradients: Tensor, shares: Tensor
    ) -> _Stretch:
        gradient = torch.einsum("b,btd->td", shares, gradients) * (ends[1] - ends[0])  # (T, D)
        low, high = float(scores[0]), float(scores[-1])
        error = float((gradient * self.step.double()).sum()) - (high - low)
        return _Stretch(begin=ends[0], end=ends[1], gradient=gradient, low=low, high=high, error=error)


def lobatto(nodes: int) -> tuple[Any, Any]:
    """Return points and weights that integrate polynomials up to degree 2n − 3 over [0, 1], ends included.

        x = 0, 1 and the extrema of Pₙ₋₁;   w = 1 / (n (n − 1) Pₙ₋₁(x)²)

    Args:
        nodes: n, at least 2.

    Returns:
        Two of (n,) float64.

    Source:
        Abramowitz and Stegun 1964, "Handbook of mathematical functions", equation 25.4.32.

    Example:
        >>> lobatto(3)[0].tolist()
        [0.0, 0.5, 1.0]
    """
    polynomial = Legendre.basis(nodes - 1)
    places = np.concatenate(([-1.0], np.sort(polynomial.deriv().roots().real), [1.0]))
    return (places + 1) / 2, 1 / (nodes * (nodes - 1) * polynomial(places) ** 2)


def _halve(way: _Way, tolerance: float) -> list[_Stretch]:
    """Halve the stretches that are off by more than their share, until all together are off by little."""
    stretches = way.measure([(0.0, 1.0)])
    while True:
        low, high = stretches[0].low, stretches[-1].high
        allowed = max(tolerance * abs(high - low), _ROUNDING * max(1.0, abs(low), abs(high)))
        if sum(abs(one.error) for one in stretches) <= allowed:
            return stretches
        if way.asked >= _MOST_STRETCHES:
            raise DivergedError(
                f"after {way.asked * NODES} slopes the attributions are off by "
                f"{sum(one.error for one in stretches):.3g} of {high - low:.3g}: ask for a larger tolerance "
                f"than {tolerance:g}, or another baseline"
            )
        poor = [one for one in stretches if abs(one.error) > allowed / len(stretches)]
        middles = [(one.begin + one.end) / 2 for one in poor]
        ends = [
            (a, b)
            for one, middle in zip(poor, middles, strict=True)
            for a, b in ((one.begin, middle), (middle, one.end))
        ]
        kept = [one for one in stretches if one not in poor]
        stretches = sorted(kept + way.measure(ends), key=lambda one: one.begin)


def _begin(question: Question, title: str) -> Recorder:
    rec = Recorder(f"{title} for {question.readout.name}")
    rec.label("token", question.labels)
    rec.fact("answer", question.readout.name)
    return rec


def _vectors(question: Question) -> Tensor:
    table = question.table.weight
    return table.detach()[torch.from_numpy(question.ids).to(table.device)]


def _baseline(question: Question, vectors: Tensor, baseline: int | None) -> Tensor:
    table = question.table.weight.detach()
    if baseline is None:
        return torch.zeros_like(vectors)
    if not 0 <= baseline < len(table):
        raise UsageError(f"baseline {baseline} is outside the table of {len(table)} rows")
    return table[baseline].expand_as(vectors)


def _slopes(question: Question, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """The answers, (B,), and their gradients, (B, T, D), where token vectors are those; float64."""
    scores, gradients = [], []
    for at in question.in_batches(len(vectors)):
        given = vectors[at].detach().requires_grad_()
        handle = question.table.register_forward_hook(_given(given.flatten(0, 1)))
        try:
            with torch.enable_grad():
                found = question.scores(len(given))
        finally:
            handle.remove()
        gradients.append(torch.autograd.grad(found.sum(), given)[0].double().cpu())
        scores.append(found.detach().double().cpu())
    return torch.cat(scores), torch.cat(gradients)


def _given(vectors: Tensor) -> Callable[[nn.Module, tuple[Any, ...], Tensor], Tensor]:
    """A hook on the token table: these vectors, whatever ids were looked up."""
    return lambda _module, _ids, _found: vectors
