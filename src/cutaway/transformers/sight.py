"""What each token's attention sees: its own packed row, a source, or what was kept of earlier steps.

A block knows its weights; a sight knows the rows. So one block serves encoders, decoders and cached
generation.

Legend: N tokens of all rows, D width, B rows, T targets, S sources, H heads, d = D / H numbers per head,
R rows of one length L.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import torch
from torch import Tensor

from cutaway.transformers.attention import attend_fast
from cutaway.transformers.masks import padding_mask
from cutaway.transformers.packing import PackedBatch

if TYPE_CHECKING:
    from cutaway.transformers.block import Attention
    from cutaway.transformers.config import BlockConfig


Sees = Literal["whole row", "up to itself"]


class Projects(Protocol):
    """What a sight asks of a block: its queries, keys and values, and how many heads they have."""

    config: BlockConfig

    def project(self, x: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `Attention.project`.

        Args:
            x: (N, D) float.
            places: each token's position in its row, (N,) int64.

        Returns:
            Three of (N, D) float.
        """


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
    """Each token sees its own row, all of it or what stands before it and itself.

    Attributes:
        batch: where the rows begin and end.
        sees: "up to itself" hides later tokens, as a decoder does.
    """

    batch: PackedBatch
    sees: Sees = "whole row"

    def look(self, x: Tensor, attention: Attention) -> Tensor:
        """Attend within each row, one call per group of equal lengths; one for all on a GPU.

        Args:
            x: (N, D) float.
            attention: the weights.

        Returns:
            (N, D) float.
        """
        q, k, v = attention.project(x, self.batch.positions)
        causal = self.sees == "up to itself"
        layout = self.batch.layout
        if layout is not None:
            # Tokens see only earlier ones, or real ones: what stands behind a row's end is never seen.
            mask = None if causal else layout.real[:, None, None]  # (B, 1, 1, T)
            padded = (split_heads(layout.padded(part), attention) for part in (q, k, v))
            return layout.packed(join_heads(attend_fast(*padded, mask=mask, causal=causal)))
        mixed = []
        for group in zip(*(self.batch.by_group(part) for part in (q, k, v)), strict=True):
            heads = (split_heads(part, attention) for part in group)
            mixed.append(join_heads(attend_fast(*heads, causal=causal)).flatten(0, 1))
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
        q = split_heads(self.targets.padded(attention.query(x)), attention)  # (B, H, T, d)
        k = split_heads(self.sources.padded(attention.key(self.encoded)), attention)  # (B, H, S, d)
        v = split_heads(self.sources.padded(attention.value(self.encoded)), attention)  # (B, H, S, d)
        if self.sources.layout is not None and self.targets.layout is not None:
            real = self.sources.layout.real[:, None, None]  # (B, 1, 1, S)
            return self.targets.layout.packed(join_heads(attend_fast(q, k, v, mask=real)))
        mixed = attend_fast(q, k, v, mask=padding_mask(self.sources.lengths, k.shape[2]))  # (B, H, T, d)
        joined = join_heads(mixed)  # (B, T, D)
        order = self.targets.order()
        rows = torch.repeat_interleave(torch.arange(len(joined), device=x.device), self.targets.lengths)
        packed = joined.new_empty(x.shape)
        return packed.index_put((order,), joined[rows, self.targets.positions[order]])


def split_heads(part: Tensor, attention: Projects) -> Tensor:
    """Cut each vector into one piece a head.

    Args:
        part: queries, keys or values, (R, L, D).
        attention: which knows how many heads.

    Returns:
        (R, H, L, d), a view.
    """
    return part.view(*part.shape[:2], attention.config.heads, -1).transpose(1, 2)


def join_heads(mixed: Tensor) -> Tensor:
    """Put the heads' pieces of each vector side by side.

    Args:
        mixed: (R, H, L, d).

    Returns:
        (R, L, D).
    """
    return mixed.transpose(1, 2).flatten(2)
