"""AdamW as the field sets it up: no decay on biases and norms, a rate for each layer, warm-up, then down."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from cutaway.core.errors import UsageError
from cutaway.training.lazy_adamw import LazyAdamW, grad_values

Schedule = Literal["linear", "cosine", "constant"]

# From a parameter's name to how many layers lie above it: 0 for the head.
Depth = Callable[[str], int]


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """How weights move.

    Attributes:
        rate: peak learning rate.
        weight_decay: share of each weight that a step removes, times the rate.
        warmup: share of all steps over which the rate climbs from 0 to its peak.
        clip: largest norm of the gradient over all weights.
        schedule: how the rate falls behind the warm-up: "linear" or "cosine" to zero, or "constant".
        layer_decay: each layer below the head learns at so many times the rate of the one above it.
    """

    rate: float = 2e-5
    weight_decay: float = 0.01
    warmup: float = 0.06
    clip: float = 1.0
    schedule: Schedule = "linear"
    layer_decay: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.rate < 10:
            raise UsageError(f"the learning rate must lie between 0 and 10, not {self.rate}")
        if not 0 <= self.warmup < 1:
            raise UsageError(f"the warm-up is a share of the steps, 0 to 1, not {self.warmup}")
        if not self.weight_decay >= 0 or not self.clip > 0:
            raise UsageError(f"weight decay {self.weight_decay} or clip {self.clip} is out of range")
        if self.schedule not in get_args(Schedule):
            raise UsageError(f"schedule is {self.schedule!r}: choose one of {list(get_args(Schedule))}")
        if not 0 < self.layer_decay <= 1:
            raise UsageError(f"layer_decay is a factor above 0, at most 1, not {self.layer_decay}")


def adamw(
    parameters: Iterable[tuple[str, nn.Parameter]], settings: OptimizerSettings, depth: Depth | None = None
) -> LazyAdamW:
    """Return AdamW over the trainable parameters, decaying matrices only.

    Each group has a `share`: what its rate is multiplied by, layer_decay to the power of its depth.

    Args:
        parameters: names and parameters; frozen ones are left out.
        settings: rate and decay.
        depth: tells how far below the top a parameter is; without it all learn at one rate.

    Returns:
        The optimizer, fused into one kernel where torch has one.

    Source:
        Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2; the rates by layer: Howard & Ruder 2018,
        arXiv:1801.06146, section 3.2 (discriminative fine-tuning), with a factor as in Clark et al. 2020,
        arXiv:2003.10555, appendix A.
    """
    layers: dict[int, list[nn.Parameter]] = {}
    for name, parameter in parameters:
        if parameter.requires_grad:
            layers.setdefault(depth(name) if depth else 0, []).append(parameter)
    groups = [
        {
            "params": [p for p in layers[below] if (p.ndim > 1) == decays],
            "weight_decay": settings.weight_decay if decays else 0.0,
            "share": settings.layer_decay**below,
        }
        for below in sorted(layers)
        for decays in (True, False)
    ]
    return LazyAdamW(groups, lr=settings.rate, fused=True)


def rate_at(step: int, steps: int, settings: OptimizerSettings) -> float:
    """Return the learning rate of one step: up to the peak in a line, then as the schedule says.

        linear:    r (S − s) / (S − w)
        cosine:    r (1 + cos(π (s − w) / (S − w))) / 2
        constant:  r

    Args:
        step: s, which step, from 0.
        steps: S, how many in all.
        settings: peak rate r, share of warm-up (w = its steps), schedule.

    Returns:
        The rate.

    Source:
        Loshchilov & Hutter 2017, arXiv:1608.03983, equation 5 (cosine, without restarts).

    Example:
        >>> rate_at(5, 100, OptimizerSettings(rate=1.0, warmup=0.1))
        0.6
        >>> rate_at(55, 100, OptimizerSettings(rate=1.0, warmup=0.1, schedule="cosine"))
        0.5
    """
    warm = max(1, round(steps * settings.warmup))
    if step < warm:
        return settings.rate * (step + 1) / warm
    if settings.schedule == "constant":
        return settings.rate
    left = max(0.0, (steps - step) / max(1, steps - warm))
    if settings.schedule == "cosine":
        left = round(0.5 * (1 + math.cos(math.pi * (1 - left))), 15)
    return settings.rate * left


def clip(parameters: Iterable[Tensor], limit: float) -> float:
    """Scale gradients so that their joint norm is at most `limit`; return the norm before.

    Args:
        parameters: with gradients, dense or sparse, or without.
        limit: of the norm.
    """
    values = [grad_values(parameter) for parameter in parameters if parameter.grad is not None]
    norm = torch.nn.utils.get_total_norm(values)
    scale = float(limit / (norm + 1e-6))
    if scale < 1:
        torch._foreach_mul_(values, scale)
    return float(norm)
