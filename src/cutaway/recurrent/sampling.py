"""The next symbol drawn from scores: temperature, the k likeliest, the nucleus."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cutaway.core.errors import ShapeError, UsageError


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How the next symbol is drawn.

    Attributes:
        temperature: divides the scores; 0 takes the likeliest symbol.
        top_k: draw from so many of the likeliest; None draws from all.
        top_p: draw from the fewest likeliest symbols that together have this probability.
        seed: of the draws.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < 100:
            raise UsageError(f"the temperature lies from 0 to 100, not {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise UsageError(f"top_k starts at 1, not {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise UsageError(f"top_p is a probability above 0, not {self.top_p}")


def chances(logits: Tensor, settings: SamplingSettings) -> Tensor:
    """Return the probabilities that the next symbol is drawn with.

    Args:
        logits: (V) float scores.
        settings: temperature, top_k, top_p, in this order.

    Returns:
        (V) float, summing to 1.

    Raises:
        ShapeError: the scores are no vector.

    Source:
        The nucleus: Holtzman et al. 2020, arXiv:1904.09751, section 3.1.

    Example:
        >>> chances(torch.tensor([0.0, 2.0, 1.0]), SamplingSettings(temperature=0)).tolist()
        [0.0, 1.0, 0.0]
    """
    if logits.ndim != 1 or len(logits) == 0:
        raise ShapeError(f"the scores have shape {tuple(logits.shape)}: expected one a symbol")
    order = torch.argsort(logits, descending=True, stable=True)
    result = torch.zeros_like(logits)
    if settings.temperature == 0:
        result[order[0]] = 1.0
        return result
    kept = order[: settings.top_k]
    p = torch.softmax(logits[kept] / settings.temperature, dim=0)
    # A symbol stays while those before it have not yet reached top_p: the first always does.
    stays = (p.cumsum(0) - p < settings.top_p) | (torch.arange(len(p)) == 0)
    result[kept[stays]] = p[stays] / p[stays].sum()
    return result
