"""LoRA: a frozen matrix, and a small trained product beside it.

Legend: I input width, O output width, r rank, N tokens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from cutaway.core.errors import UsageError

Weights = Literal["reuse", "copy"]

TARGETS = ("query", "key", "value", "output", "up", "down")


@dataclass(frozen=True, kw_only=True)
class LoraSettings:
    """How large the adapters are and where they stand.

    Attributes:
        rank: r; 0 trains the head only.
        alpha: the product is scaled by alpha / r.
        targets: which linear layers of each block get one.
    """

    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] = TARGETS

    def __post_init__(self) -> None:
        if not 0 <= self.rank <= 1024 or self.alpha <= 0:
            raise UsageError(f"rank {self.rank} must be 0 to 1024 and alpha {self.alpha} above 0")
        unknown = sorted(set(self.targets) - set(TARGETS))
        if unknown:
            raise UsageError(f"no layer is called {unknown[0]!r}: adapters may stand at {list(TARGETS)}")


class LoraLinear(nn.Module):
    """A linear layer with an adapter beside it.

        y = W x + b + (α / r) B A x,   A: (r, I), B: (O, r), W frozen

    B starts at zero, so that training starts from the pretrained model's own answer.

    Source:
        Hu et al. 2021, arXiv:2106.09685, section 4.1, equation 3.
    """

    def __init__(self, base: nn.Linear, settings: LoraSettings) -> None:
        super().__init__()
        self.base = base
        self.scale = settings.alpha / settings.rank
        self.a = nn.Parameter(torch.empty(settings.rank, base.in_features))
        self.b = nn.Parameter(torch.zeros(base.out_features, settings.rank))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """Apply equation 3.

        Args:
            x: (N, I) float.

        Returns:
            (N, O) float.
        """
        down = nn.functional.linear(x, self.a) * self.scale  # (N, r)
        y: Tensor = self.base(x)  # (N, O)
        # One product that adds to what is there: two passes over (N, O) less than the formula as it stands.
        return y.addmm_(down, self.b.t().to(y.dtype))

    def merged(self, weights: Weights = "reuse") -> nn.Linear:
        """Return one plain layer that computes the same, W' = W + (α / r) B A.

        Args:
            weights: "reuse" writes into W, and the adapter is spent; "copy" leaves it whole.
        """
        merged = nn.Linear(self.base.in_features, self.base.out_features, device="meta")
        frozen = self.base.weight.detach()
        # In place: a second copy of every weight would be half of what a short prediction needs in memory.
        target = frozen if weights == "reuse" else frozen.clone()
        weight = target.addmm_(self.b.detach(), self.a.detach(), alpha=self.scale)  # (O, I)
        merged.weight = nn.Parameter(weight, requires_grad=False)
        merged.bias = nn.Parameter(self.base.bias.detach(), requires_grad=False)
        return merged


def add_adapters(encoder: nn.Module, settings: LoraSettings) -> None:
    """Freeze an encoder and put an adapter beside each target layer, in place.

    Args:
        encoder: its linear layers are found by their last name.
        settings: rank, alpha, targets.
    """
    encoder.requires_grad_(False)
    if settings.rank == 0:
        return
    for parent in list(encoder.modules()):
        for name, child in list(parent.named_children()):
            if name in settings.targets and isinstance(child, nn.Linear):
                setattr(parent, name, LoraLinear(child, settings))


def merge_adapters(encoder: nn.Module, *, weights: Weights = "reuse") -> dict[str, LoraLinear]:
    """Replace each adapted layer by one plain layer that computes the same, in place.

    Args:
        encoder: as `add_adapters` left it.
        weights: "reuse" writes into the frozen weights; "copy" leaves them, for `unmerge_adapters`.

    Returns:
        With "copy" the adapted layers by name; with "reuse" none, they are spent.
    """
    adapted = {name: part for name, part in encoder.named_modules() if isinstance(part, LoraLinear)}
    for name, layer in adapted.items():
        _replace(encoder, name, layer.merged(weights))
    return adapted if weights == "copy" else {}


def unmerge_adapters(encoder: nn.Module, adapted: Mapping[str, LoraLinear]) -> None:
    """Put adapted layers back in the places where they were merged: bit for bit what they were.

    Subtracting B A from the merged weights would leave what rounding did to the sum.

    Args:
        encoder: as `merge_adapters` left it.
        adapted: what it returned.
    """
    for name, layer in adapted.items():
        _replace(encoder, name, layer)


def _replace(encoder: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(encoder.get_submodule(parent), last, layer)
