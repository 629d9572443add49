"""From scores of the next token to one token: temperature, top k, top p, and a seed.

Legend: V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from cutaway.core.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next token is drawn.

    Attributes:
        temperature: divides the scores; below 1 sharper, above 1 flatter, 0 always takes the best.
        top_k: draw from the k best only; none for all.
        top_p: draw from the fewest best tokens whose probabilities reach p together; 1 for all.
        seed: of the draws: the same seed, scores and version give the same text.

    Source:
        Fan et al. 2018, arXiv:1805.04833, section 5.4 (top k);
        Holtzman et al. 2020, arXiv:1904.09751, section 3.1 (top p).
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.temperature < math.inf):
            raise UsageError(f"temperature is {self.temperature}: it must be 0 or more, and finite")
        if self.top_k is not None and self.top_k < 1:
            raise UsageError(f"top_k is {self.top_k}: draw from at least 1 token")
        if not 0 < self.top_p <= 1:
            raise UsageError(f"top_p is {self.top_p}: it must be above 0 and at most 1")

    def generator(self) -> torch.Generator:
        """Return a fresh source of draws, seeded."""
        return torch.Generator().manual_seed(self.seed)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return what the next token is drawn from.

            p = softmax(logits / temperature), 0 outside the k best, then outside the top-p set

        Args:
            logits: scores of the next token, (V,) float.

        Returns:
            (V,) float, summing to 1.

        Example:
            >>> Sampling(top_k=1).probabilities(torch.tensor([1.0, 3.0])).tolist()
            [0.0, 1.0]
        """
        if self.temperature == 0:
            return F.one_hot(logits.argmax(), len(logits)).to(logits.dtype)
        # Sorting 50,000 scores takes 4 ms: only as many as needed.
        if self.top_k is None and self.top_p == 1:
            return torch.softmax(logits / self.temperature, dim=0)
        best, ids = logits.topk(min(self.top_k or len(logits), len(logits)))
        chances = torch.softmax(best / self.temperature, dim=0)
        # A token stays if those before it have not yet reached p together: the best always stays.
        before = chances.cumsum(0) - chances
        chances = torch.where(before < self.top_p, chances, 0)
        kept = torch.zeros_like(logits)  # (V)
        kept[ids] = chances / chances.sum()
        return kept

    def draw(self, logits: Tensor, generator: torch.Generator) -> int:
        """Draw the next token.

        Args:
            logits: scores of the next token, (V,) float.
            generator: from `generator`; it moves on.

        Returns:
            A token id.
        """
        if self.temperature == 0:
            return int(logits.argmax())
        chances = self.probabilities(logits.float().cpu())
        return int(torch.multinomial(chances, 1, generator=generator))
