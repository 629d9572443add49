"""What each token's attention sees: its own packed row, a source, or what was kept of earlier steps.

A block knows its weights; a sight knows the rows. So one block serves encoders, decoders and cached
generation.

Legend: N tokens of all rows, D width, B rows, T targets, S sources, H heads, d = D / H numbers per head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from cutaway.transformers.attention import attend_fast
from cutaway.transformers.masks import padding_mask
from cutaway.transformers.packing import PackedBatch

if TYPE_CHECKING:
    from cutaway.transformers.block import Attention


class Sight(Protocol):
    """Which keys and values each query is compared with."""

    def look(self, x: Tensor, attention: Attention) -> Tensor:
        """Mix values for every token, before the output projection.

        Args:
            x: (N, D) float.
            attention: the weights.

        Returns:
            (N, D) float.
        """


@dataclass(frozen=True, kw_only=True)
class Within:
    """Each token sees its own row; with `causal`, only itself and what stands before it.

    Attributes:
        batch: where the rows begin and end.
        causal: whether later tokens are hidden.
    """

    batch: PackedBatch
    causal: bool = False

    def look(self, x: Tensor, attention: Attention) -> Tensor:
        """Attend within each row, one call per group of equal lengths.

        Args:
            x: (N, D) float.
            attention: the weights.

        Returns:
            (N, D) float.
        """
        q, k, v = attention.project(x, self.batch.positions)
        groups = zip(*(self.batch.by_group(part) for part in (q, k, v)), strict=True)
        mixed = [
            _join(attend_fast(*(_heads(part, attention) for part in parts), causal=self.causal))
            for parts in groups
        ]
        return torch.cat(mixed) if len(mixed) > 1 else mixed[0]


@dataclass(frozen=True, kw_only=True)
class Across:
    """Each target token sees all of its row's source.

    Attributes:
        targets: the packed targets.
        sources: the packed sources, row for row.
        encoded: the encoder's output, (N, D) of the sources.
    """

    targets: PackedBatch
    sources: PackedBatch
    encoded: Tensor

    def look(self, x: Tensor, attention: Attention) -> Tensor:
        """Attend to the sources, padded for this one operator.

        Args:
            x: (N, D) float, of the targets.
            attention: the weights.

        Returns:
            (N, D) float.
        """
        q = _heads(self.targets.padded(attention.query(x)), attention)  # (B, H, T, d)
        k = _heads(self.sources.padded(attention.key(self.encoded)), attention)  # (B, H, S, d)
        v = _heads(self.sources.padded(attention.value(self.encoded)), attention)  # (B, H, S, d)
        mixed = attend_fast(q, k, v, mask=padding_mask(self.sources.lengths, k.shape[2]))  # (B, H, T, d)
        joined = mixed.transpose(1, 2).flatten(2)  # (B, T, D)
        order = self.targets.order()
        rows = torch.repeat_interleave(torch.arange(len(joined), device=x.device), self.targets.lengths)
        packed = torch.empty_like(x)
        return packed.index_put((order,), joined[rows, self.targets.positions[order]])


def _heads(part: Tensor, attention: Attention) -> Tensor:
    """(R, L, D) to (R, H, L, d)."""
    return part.view(*part.shape[:2], attention.config.heads, -1).transpose(1, 2)


def _join(mixed: Tensor) -> Tensor:
    """(R, H, L, d) to (R·L, D)."""
    return mixed.transpose(1, 2).reshape(-1, mixed.shape[1] * mixed.shape[3])
