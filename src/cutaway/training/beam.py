"""Beam search: keep the K best beginnings, lengthen each by every token, keep the K best again.

Legend: K live beams, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from cutaway.core.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class BeamSettings:
    """How wide to search, how to compare texts of different length, where to stop.

    Attributes:
        beams: K; 1 always takes the best next token.
        alpha: of the length penalty: 0 compares sums of log-probabilities, which favors short texts.
        factor: the longest target, in tokens, is factor times the source's plus `extra`.
        extra: see `factor`.
    """

    beams: int = 5
    alpha: float = 0.6
    factor: float = 1.0
    extra: int = 50

    def __post_init__(self) -> None:
        if not 1 <= self.beams <= 1000:
            raise UsageError(f"beams is {self.beams}: search with 1 to 1000")
        if not 0 <= self.alpha <= 10:
            raise UsageError(f"alpha is {self.alpha}: it must be from 0 to 10")
        if not (0 <= self.factor < math.inf) or self.extra < 1:
            raise UsageError(f"factor {self.factor} and extra {self.extra}: at least 0 and at least 1")

    def longest(self, source: int) -> int:
        """Return the longest target of a source, the end token included.

        Args:
            source: its length, in tokens.
        """
        return int(self.factor * source) + self.extra


class Hypothesis(NamedTuple):
    """A finished target: its ids without start and end, its score, its log-probability in nats."""

    ids: tuple[int, ...]
    score: float
    log_probability: float


class Grown(NamedTuple):
    """The next live beams: which beam each continues, and by which token, (K,) int64 both."""

    parents: Tensor
    tokens: Tensor


def length_penalty(length: int, alpha: float) -> float:
    """Return what a log-probability is divided by, so that long texts can win.

        lp(Y) = ((5 + |Y|) / 6)^α

    Args:
        length: |Y|, tokens with the end token.
        alpha: α.

    Returns:
        1 for one token, more for longer texts.

    Source:
        Wu et al. 2016, arXiv:1609.08144, section 7, equation 14.

    Example:
        >>> length_penalty(1, 0.6), length_penalty(7, 1.0)
        (1.0, 2.0)
    """
    return float(((5 + length) / 6) ** alpha)


class Beams:
    """One sentence's search: live beginnings and finished texts.

    Departs: the search ends when K texts are finished and the best live one would lose if it ended
    now. With a large α a much longer text could still have won.

    Args:
        settings: width and penalty.
        end: the id that finishes a text.
        never: ids that are never written.
    """

    def __init__(self, settings: BeamSettings, *, end: int, never: Sequence[int] = ()) -> None:
        self._settings, self._end, self._never = settings, end, [token for token in never if token != end]
        self._live: list[tuple[int, ...]] = [()]
        self._scores = torch.zeros(1)
        self._finished: list[Hypothesis] = []

    def grow(self, log_probabilities: Tensor) -> Grown | None:
        """Lengthen every live beam by its best tokens and keep the best.

        Args:
            log_probabilities: of the next token, one row a live beam in the order last returned,
                (K, V) float, in nats.

        Returns:
            The new live beams; none when no live one can still win.
        """
        scores = log_probabilities.clone()
        scores[:, self._never] = -math.inf
        scores += self._scores[:, None]
        # Each of the K kept may end here; K more that do not are always among the best 2K.
        count = min(2 * self._settings.beams, scores.numel())
        best, flat = scores.flatten().topk(count)
        parents: list[int] = []
        tokens: list[int] = []
        sums: list[float] = []
        for rank, (total, place) in enumerate(zip(best.tolist(), flat.tolist(), strict=True)):
            parent, token = divmod(place, scores.shape[1])
            if total == -math.inf or len(parents) == self._settings.beams:
                break
            if token == self._end:
                if rank < self._settings.beams:
                    self._finish(self._live[parent], total)
                continue
            parents.append(parent)
            tokens.append(token)
            sums.append(total)
        self._live = [(*self._live[parent], token) for parent, token in zip(parents, tokens, strict=True)]
        self._scores = torch.tensor(sums)
        if not self._live or self._decided():
            return None
        return Grown(torch.tensor(parents), torch.tensor(tokens))

    def best(self) -> Hypothesis:
        """Return the finished text of the highest score; a live one where none is finished."""
        if not self._finished:
            ids, total = self._live[0], float(self._scores[0])
            return Hypothesis(ids, total / length_penalty(len(ids), self._settings.alpha), total)
        return max(self._finished, key=lambda finished: finished.score)

    def _finish(self, ids: tuple[int, ...], total: float) -> None:
        penalty = length_penalty(len(ids) + 1, self._settings.alpha)
        self._finished.append(Hypothesis(ids, total / penalty, total))

    def _decided(self) -> bool:
        """Whether K texts are finished and the best live one, were it to end now, would not win."""
        if len(self._finished) < self._settings.beams:
            return False
        hope = float(self._scores[0]) / length_penalty(len(self._live[0]) + 1, self._settings.alpha)
        return hope <= max(finished.score for finished in self._finished)
