"""AdamW as the field sets it up: no decay on biases and norms, warm-up, then linear to zero."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cutaway.core.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """How weights move.

    Attributes:
        rate: peak learning rate.
        weight_decay: share of each weight that a step removes, times the rate.
        warmup: share of all steps over which the rate climbs from 0 to its peak.
        clip: largest norm of the gradient over all weights.
    """

    rate: float = 2e-5
    weight_decay: float = 0.01
    warmup: float = 0.06
    clip: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.rate < 10:
            raise UsageError(f"the learning rate must lie between 0 and 10, not {self.rate}")
        if not 0 <= self.warmup < 1:
            raise UsageError(f"the warm-up is a share of the steps, 0 to 1, not {self.warmup}")
        if self.weight_decay < 0 or self.clip <= 0:
            raise UsageError(f"weight decay {self.weight_decay} or clip {self.clip} is out of range")


def adamw(parameters: Iterable[tuple[str, nn.Parameter]], settings: OptimizerSettings) -> torch.optim.AdamW:
    """Return AdamW over the trainable parameters, decaying matrices only.

    Args:
        parameters: names and parameters; frozen ones are left out.
        settings: rate and decay.

    Returns:
        The optimizer, fused into one kernel where torch has one.

    Source:
        Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2.
    """
    trained = [parameter for _, parameter in parameters if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.rate, fused=True)


def rate_at(step: int, steps: int, settings: OptimizerSettings) -> float:
    """Return the learning rate of one step: up to the peak, then down to zero in a line.

    Args:
        step: which step, from 0.
        steps: how many in all.
        settings: peak rate and share of warm-up.

    Returns:
        The rate.

    Example:
        >>> rate_at(5, 100, OptimizerSettings(rate=1.0, warmup=0.1))
        0.6
    """
    warm = max(1, round(steps * settings.warmup))
    if step < warm:
        return settings.rate * (step + 1) / warm
    return settings.rate * max(0.0, (steps - step) / max(1, steps - warm))


def clip(parameters: Iterable[Tensor], limit: float) -> float:
    """Scale gradients so that their joint norm is at most `limit`; return the norm before."""
    return float(torch.nn.utils.clip_grad_norm_(parameters, limit))
